"""Dispatch of a job to a backend: unchanged to a local model, or as a call of the right capability to an API."""

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
    """Run a job on a backend and return its events, the answer last.

    Raises BackendError, UserError for an option that APIs lack, and NotImplementedError for a job that the backend has
    no capability for.
    """
    return backend.run(job) if isinstance(backend, JobBackend) else _ask_api(backend, job)


async def _ask_api(backend: Backend, job: Job[jobs.JobAnswer]) -> JobEvents:
    """Run a job by the capability that it needs."""
    match job:
        case jobs.Embed(texts) if isinstance(backend, EmbeddingBackend):
            rows = await backend.embed(texts)
            data = await in_thread(lambda: b"".join(array("f", row).tobytes() for row in rows))
            yield jobs.Vectors(len(rows[0]), data)
        case jobs.Transcribe(into_english=True):
            raise UserError(
                "This model cannot translate recordings: ask without `english`, then `/translate` the text."
            )
        case jobs.Transcribe(data, language) if isinstance(backend, TranscriptionBackend):
            transcript = await backend.transcribe(Media(sound_kind(data), data), language)
            if not job.timestamps:
                yield Text(transcript.text)
            yield transcript
        case jobs.Speak(text, voice) if isinstance(backend, SpeechBackend):
            sound = await backend.speak(text, voice)
            yield jobs.Sound(sound.content, 0, 0.0)
        case jobs.Paint(text, size) if isinstance(backend, ImageBackend):
            picture = await backend.paint(text, size)
            yield jobs.Painting(picture.media_type, picture.content)
        case _:
            raise NotImplementedError(f"this backend cannot run {type(job).__name__}")
