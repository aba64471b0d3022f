"""Calls of models and their cost, as values, and the protocol of their ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bot.interfaces.messages import Person, Place
from bot.interfaces.records import ENDLESS
from bot.interfaces.replies import Usage


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model and what it used. `at` is when it began, in milliseconds since 1970; `cost` in millionths.

    One request may have made several: a fallback, or a task's pieces. `succeeded` is False when the model failed;
    `further` is a call of an act that counted already.
    """

    request: int
    at: int
    place: Place
    person: Person
    model: str
    usage: Usage
    cost: int = 0
    succeeded: bool = False
    further: bool = False

    @property
    def counts(self) -> bool:
        """Whether it counts as a request: a model that failed before its first word cost nobody anything."""
        return not self.further and (self.succeeded or self.usage != Usage())


Grouping = Literal["day", "model", "person", "channel", "place", "workspace", "platform"]
"""What calls are summed up by. A "place" is a channel, or all direct messages together."""


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """What all calls used together that are alike in `key`; the names are those that were seen last."""

    key: tuple[str, ...]
    person_name: str
    place_name: str
    requests: int
    failures: int
    usage: Usage
    cost: int


@dataclass(frozen=True, slots=True)
class RatingTotal:
    """How often people said that a model's answers were good, and how often that they were not."""

    model: str
    good: int
    bad: int


class UsageStore(Protocol):
    """What the models were asked and what that cost. Raises StoreError."""

    def spent(self, calls: Sequence[ModelCall]) -> Awaitable[None]:
        """Keep calls. They take their place before all that is written after this, also before it is awaited."""

    async def totals(
        self,
        by: Sequence[Grouping],
        since: int,
        platform: str = "",
        workspace: str = "",
        person: str = "",
        until: int = ENDLESS,
    ) -> Sequence[UsageTotal]:
        """Calls between two moments in milliseconds, summed up and in order of what they are summed up by."""

    async def opinions(self, since: int, platform: str, workspace: str) -> Sequence[RatingTotal]:
        """What people thought of each model's answers since a moment in milliseconds."""
