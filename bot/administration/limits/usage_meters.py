"""The usage of each calendar window, by person, channel and workspace, for each model and for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal, NamedTuple, TypeAlias

from bot.administration.limits.periods import LONGEST, WINDOWS, began
from bot.interfaces.messages import Person, Place
from bot.interfaces.records import Limit, Unit, Window
from bot.interfaces.replies import Usage

MOST_METERS = 10_000
"""The number of meters after which those of ended windows are removed."""

UsageAmounts: TypeAlias = "Counter[Unit]"


class UsagePool(NamedTuple):
    """The key of a meter: the usage of one model, or "" for all, by a person, in a channel or in a workspace."""

    platform: str
    workspace: str
    of: Literal["person", "channel", "workspace"]
    id: str
    model: str
    window: Window


@dataclass(slots=True)
class UsageMeter:
    """The usage of a pool in one window, and the amounts held by running calls.

    `began` is in seconds since 1970; `made` is the meter's creation on the monotonic clock.
    """

    began: float
    made: float
    used: UsageAmounts = field(default_factory=Counter)
    held: UsageAmounts = field(default_factory=Counter)


class UsageMeters:
    """The meters of all pools."""

    def __init__(self) -> None:
        self._meters: dict[UsagePool, UsageMeter] = {}
        self._most = MOST_METERS

    def at(self, pool: UsagePool, now: float) -> UsageMeter:
        """Return the pool's meter of this window.

        A clock that is set back does not reopen a window. After the correction of a clock that was ahead, a window
        does not last longer than usual.
        """
        start, meter, lasts = began(pool.window, now), self._meters.get(pool), LONGEST[pool.window].total_seconds()
        if meter is None or meter.began < start or (meter.began > start and monotonic() - meter.made >= lasts):
            if len(self._meters) >= self._most:
                self._sweep(now)
            meter = self._meters[pool] = UsageMeter(start, monotonic())
        return meter

    def _sweep(self, now: float) -> None:
        starts = {window: began(window, now) for window in WINDOWS}
        self._meters = {pool: meter for pool, meter in self._meters.items() if meter.began >= starts[pool.window]}
        self._most = max(MOST_METERS, 2 * len(self._meters))


def pool_of(limit: Limit, place: Place, person: Person) -> UsagePool:
    """Return the pool that a limit counts, for a person in a place."""
    match limit.subject.kind:
        case "channel":
            return UsagePool(place.platform, place.workspace, "channel", place.channel, limit.model, limit.window)
        case "workspace":
            return UsagePool(place.platform, place.workspace, "workspace", "", limit.model, limit.window)
        case _:
            return UsagePool(place.platform, place.workspace, "person", person.id, limit.model, limit.window)


def pools(place: Place, person: str, model: str, windows: Sequence[Window] = WINDOWS) -> Iterator[UsagePool]:
    """Yield all pools in which a call counts."""
    for window in windows:
        for counted in ("", model):
            yield UsagePool(place.platform, place.workspace, "person", person, counted, window)
            yield UsagePool(place.platform, place.workspace, "channel", place.channel, counted, window)
            yield UsagePool(place.platform, place.workspace, "workspace", "", counted, window)


def tally(requests: int, usage: Usage, cost: int) -> UsageAmounts:
    """Return the amounts of usage by unit."""
    used: UsageAmounts = Counter()
    used["requests"], used["money"] = requests, cost
    used["tokens"] = usage.prompt_tokens + usage.completion_tokens
    return used
