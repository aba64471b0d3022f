"""What models can be asked to do, whether they run here or behind an API."""

from __future__ import annotations

from array import array
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing

from bot.inference import kinds
from bot.inference.kinds import Job, Skill
from bot.magic import sound_kind
from bot.ports import Backend, Embeds, Skilled, Transcribes, Voices
from bot.section import ModelSection
from bot.types import Ability, Media, Status, Text

SKILLS: Mapping[Ability, Skill] = {"embed": "embed", "transcribe": "transcribe", "speak": "speak"}
"""What models behind an API can do beside conversing, as a skill."""


def skills(backend: Backend, section: ModelSection) -> Collection[Skill]:
    """What a model is made for."""
    if isinstance(backend, Skilled):
        return backend.skills
    return [SKILLS[ability] for ability in section.can if ability in SKILLS]


async def run(backend: Backend, job: Job[kinds.Answer]) -> AsyncGenerator[Text | Status | kinds.Answer, None]:
    """Have a model do a job that it is made for. Raises BackendError."""
    if isinstance(backend, Skilled):
        async with aclosing(backend.run(job)) as events:
            async for event in events:
                yield event
        return
    match job:
        case kinds.Embed(texts) if isinstance(backend, Embeds):
            rows = await backend.embed(texts)
            yield kinds.Vectors(len(rows[0]), array("f", [number for row in rows for number in row]).tobytes())
        case kinds.Transcribe(data, language) if isinstance(backend, Transcribes):
            heard = await backend.transcribe(Media(sound_kind(data), data), language)
            if not job.timestamps:
                yield Text(heard.text)
            segments = tuple(kinds.Segment(said.start, said.end, said.text) for said in heard.segments)
            yield kinds.Transcript(heard.text, segments, segments[-1].end if segments else 0.0, heard.language)
        case kinds.Speak(text) if isinstance(backend, Voices):
            sound = await backend.speak(text)
            yield kinds.Sound(sound.content, 0, 0.0)
        case _:
            raise NotImplementedError(f"{type(job).__name__} is not for this model")
