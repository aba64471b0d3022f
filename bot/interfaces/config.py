"""The base class of every configuration section."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import BaseModel, ConfigDict, Field

from bot.interfaces.jobs import Skill
from bot.interfaces.prompts import Ability, Sampling


class Section(BaseModel):
    """A frozen table of config.toml. An unknown key is an error, and so is a value of the wrong type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)


class ModelSection(Section):
    """What every `[models.NAME]` table has; a backend adds its own keys.

    `context` is the window in tokens, 0 for what the backend knows; `max_tokens` bounds one answer, 0 for no bound of
    ours. `fallback` names the model that answers when this one cannot. A `warm` one is made ready when the program
    starts, not when it is first asked. `sees` is whether it reads pictures; `can` is what it is asked for. The prices
    are for a million tokens, in the currency of [bot].
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
        """Whether people can talk with it."""
        return "chat" in self.can

    @property
    def skills(self) -> Collection[Skill]:
        """What tasks can ask of it."""
        return [ability for ability in self.can if ability != "chat"]

    @property
    def hides(self) -> bool:
        """True where it may think, and be paid for that, without a word of it in its stream."""
        return True

    def sampling(self, asked: Sampling) -> Sampling:
        """What was asked for one answer, within what this entry says: its bound is never exceeded."""
        bounds = [bound for bound in (self.max_tokens, asked.max_tokens) if bound]
        temperature = self.temperature if asked.temperature is None else asked.temperature
        return Sampling(temperature, min(bounds, default=0))
