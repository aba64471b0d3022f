"""The text and media that reach a model, and how it is sampled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bot.interfaces.messages import Role


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one answer is generated; None and 0 leave it to the model's own entry in the catalogue."""

    temperature: float | None = None
    max_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or a sound: its bytes, and what they are, such as "image/png"."""

    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message of a prompt, as a model reads it, with the pictures that belong to it."""

    role: Role
    text: str
    images: tuple[Media, ...] = ()


Prompt: TypeAlias = tuple[Utterance, ...]


Ability = Literal["chat", "embed", "transcribe", "speak", "paint"]
"""What a model can be asked for."""
