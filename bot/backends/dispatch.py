"""Having a model do a job that it is made for, whether it runs here or behind an API."""

from __future__ import annotations

from array import array
from collections.abc import AsyncGenerator
from typing import TypeAlias

from bot.interfaces import jobs
from bot.interfaces.backend import (
    Backend,
    EmbeddingBackend,
    ImageBackend,
    JobBackend,
    SpeechBackend,
    TranscriptionBackend,
)
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Job
from bot.interfaces.prompts import Media
from bot.interfaces.replies import Status, Text
from bot.utils.media_types import sound_kind
from bot.utils.worker_threads import in_thread

JobEvents: TypeAlias = AsyncGenerator[Text | Status | jobs.JobAnswer, None]


def run_job(backend: Backend, job: Job[jobs.JobAnswer]) -> JobEvents:
    """Have a model do a job that it is made for. Raises BackendError, or UserError for what an API cannot be asked."""
    return backend.run(job) if isinstance(backend, JobBackend) else _ask_api(backend, job)


async def _ask_api(backend: Backend, job: Job[jobs.JobAnswer]) -> JobEvents:
    """Have a model behind an API do a job by the one of its abilities that the job needs."""
    match job:
        case jobs.Embed(texts) if isinstance(backend, EmbeddingBackend):
            rows = await backend.embed(texts)
            data = await in_thread(lambda: b"".join(array("f", row).tobytes() for row in rows))
            yield jobs.Vectors(len(rows[0]), data)
        case jobs.Transcribe(into_english=True):
            raise UserError(
                "This model writes down what it hears as it is: ask without `english`, then `/translate` that."
            )
        case jobs.Transcribe(data, language) if isinstance(backend, TranscriptionBackend):
            heard = await backend.transcribe(Media(sound_kind(data), data), language)
            if not job.timestamps:
                yield Text(heard.text)
            segments = tuple(jobs.TimedText(said.start, said.end, said.text) for said in heard.segments)
            yield jobs.TranscribedText(heard.text, segments, segments[-1].end if segments else 0.0, heard.language)
        case jobs.Speak(text, voice) if isinstance(backend, SpeechBackend):
            sound = await backend.speak(text, voice)
            yield jobs.Sound(sound.content, 0, 0.0)
        case jobs.Paint(text, size) if isinstance(backend, ImageBackend):
            picture = await backend.paint(text, size)
            yield jobs.Painting(picture.media_type, picture.content)
        case _:
            raise NotImplementedError(f"{type(job).__name__} is not for this model")
