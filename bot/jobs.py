"""Having a model do a job that it is made for, whether it runs here or behind an API."""

from __future__ import annotations

from array import array
from collections.abc import AsyncGenerator
from contextlib import aclosing

from bot.errors import UserError
from bot.inference import kinds
from bot.inference.kinds import Job
from bot.magic import sound_kind
from bot.ports import Backend, Does, Embeds, Paints, Transcribes, Voices
from bot.threads import in_thread
from bot.types import Media, Status, Text


async def run(backend: Backend, job: Job[kinds.Answer]) -> AsyncGenerator[Text | Status | kinds.Answer, None]:
    """Have a model do a job that it is made for. Raises BackendError, or UserError for what an API cannot be asked."""
    if isinstance(backend, Does):
        async with aclosing(backend.run(job)) as events:
            async for event in events:
                yield event
        return
    match job:
        case kinds.Embed(texts) if isinstance(backend, Embeds):
            rows = await backend.embed(texts)
            data = await in_thread(lambda: b"".join(array("f", row).tobytes() for row in rows))
            yield kinds.Vectors(len(rows[0]), data)
        case kinds.Transcribe(into_english=True):
            raise UserError(
                "This model writes down what it hears as it is: ask without `english`, then `/translate` that."
            )
        case kinds.Transcribe(data, language) if isinstance(backend, Transcribes):
            heard = await backend.transcribe(Media(sound_kind(data), data), language)
            if not job.timestamps:
                yield Text(heard.text)
            segments = tuple(kinds.Segment(said.start, said.end, said.text) for said in heard.segments)
            yield kinds.Transcript(heard.text, segments, segments[-1].end if segments else 0.0, heard.language)
        case kinds.Speak(text, voice) if isinstance(backend, Voices):
            sound = await backend.speak(text, voice)
            yield kinds.Sound(sound.content, 0, 0.0)
        case kinds.Paint(text, size) if isinstance(backend, Paints):
            picture = await backend.paint(text, size)
            yield kinds.Painting(picture.media_type, picture.content)
        case _:
            raise NotImplementedError(f"{type(job).__name__} is not for this model")
