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
    `further` marks another call for an act that counted already.
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
        """Return whether it counts as a request: a model that failed before its first word cost nothing."""
        return not self.further and (self.succeeded or self.usage != Usage())


Grouping = Literal["day", "model", "person", "channel", "place", "workspace", "platform"]
"""The keys of a sum. A "place" is a channel, or all direct messages together."""


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """The sum of all calls with the same `key`. The names are those that were seen last."""

    key: tuple[str, ...]
    person_name: str
    place_name: str
    requests: int
    failures: int
    usage: Usage
    cost: int


@dataclass(frozen=True, slots=True)
class RatingTotal:
    """The number of good and of bad votes on a model's answers."""

    model: str
    good: int
    bad: int


class UsageStore(Protocol):
    """The ledger of calls. Raises StoreError."""

    def add(self, calls: Sequence[ModelCall]) -> Awaitable[None]:
        """Store calls. They are on disk no later than any later change, even if this is not awaited."""

    async def totals(
        self,
        by: Sequence[Grouping],
        since: int,
        platform: str = "",
        workspace: str = "",
        person: str = "",
        until: int = ENDLESS,
    ) -> Sequence[UsageTotal]:
        """Return sums of the calls from `since` to before `until`, milliseconds since 1970, in order of their keys."""

    async def ratings(self, since: int, platform: str, workspace: str) -> Sequence[RatingTotal]:
        """Return the votes on each model's answers since a moment in milliseconds since 1970."""
