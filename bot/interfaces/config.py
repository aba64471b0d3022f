"""The base classes of the tables of config.toml."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import BaseModel, ConfigDict, Field

from bot.interfaces.jobs import Skill
from bot.interfaces.prompts import Ability, Sampling


class Section(BaseModel):
    """A frozen table of config.toml. An unknown key and a value of the wrong type are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)


class ModelSection(Section):
    """The keys of every `[models.NAME]` table; a backend adds its own.

    `context` is the context window in tokens, 0 for the backend's own figure. `max_tokens` is the most that one answer
    may have, 0 for no limit. `fallback` names the model that answers if this one fails. A `warm` model is loaded at the
    program's start, the others at their first question. `sees` is True for a model that reads pictures. `can` lists the
    abilities that the bot uses. The prices are for a million tokens, in the currency of [bot].
    """

    backend: str
    model: str
    context: int = Field(default=0, ge=0)
    max_tokens: int = Field(default=0, ge=0)
    temperature: float | None = Field(default=None, ge=0, le=2)
    fallback: str = ""
    warm: bool = False
    input_price: float = Field(default=0.0, ge=0, le=1_000_000)
    output_price: float = Field(default=0.0, ge=0, le=1_000_000)
    sees: bool = False
    can: tuple[Ability, ...] = Field(default=("chat",), strict=False)

    @property
    def converses(self) -> bool:
        """True for a model that people can chat with."""
        return "chat" in self.can

    @property
    def skills(self) -> Collection[Skill]:
        """The model's skills, which tasks can use."""
        return [ability for ability in self.can if ability != "chat"]

    @property
    def follows_instructions(self) -> bool:
        """True for a chat model that can do tasks by instruction."""
        return True

    @property
    def purpose(self) -> str:
        """The only task that the model is made for, by the Hub's name; "" for any task of its skill."""
        return ""

    @property
    def hides(self) -> bool:
        """True for a model that may produce, and charge for, reasoning that its stream does not show."""
        return True

    def sampling(self, requested: Sampling) -> Sampling:
        """Return the sampling of one answer: the requested values, but at most this table's `max_tokens`."""
        limits = [limit for limit in (self.max_tokens, requested.max_tokens) if limit]
        temperature = self.temperature if requested.temperature is None else requested.temperature
        return Sampling(temperature, min(limits, default=0))
