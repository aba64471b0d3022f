"""The text and media of a prompt, the sampling of an answer, and transcripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bot.interfaces.messages import Role


@dataclass(frozen=True, slots=True)
class Sampling:
    """The temperature and the length limit, in tokens, of one answer; None and 0 leave them to the model's entry."""

    temperature: float | None = None
    max_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or a sound: its bytes and its media type, such as "image/png"."""

    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message of a prompt, with its pictures."""

    role: Role
    text: str
    images: tuple[Media, ...] = ()


Prompt: TypeAlias = tuple[Utterance, ...]


Ability = Literal["chat", "embed", "transcribe", "speak", "paint"]
"""The kinds of requests that a model's server offers."""
