"""One platform's rate limits as budgets, dealt out to all drafts: first and last texts before middles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from operator import attrgetter

LAST, FIRST, BETWEEN = range(3)
"""The order in which calls are let through: what ends something, what begins something, the rest."""

PRUNE_ABOVE = 1_000
"""Budgets remembered before the full ones are forgotten; a full budget is like one never used."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`rate` calls a second, of which up to `burst` may be saved up; the last `kept` are for first and last calls."""

    rate: float
    burst: int = 1
    kept: int = 0


@dataclass(slots=True)
class _Bucket:
    budget: RateLimit
    tokens: float
    updated: float
    paused_until: float = 0.0

    def ready_at(self, now: float, *, sparing: bool = False) -> float:
        """When one token is there, in loop time, or when `sparing` one beside those that are kept."""
        self.tokens = min(self.budget.burst, self.tokens + (now - self.updated) * self.budget.rate)
        self.updated = now
        missing = max(0.0, 1.0 + (self.budget.kept if sparing else 0) - self.tokens)
        return max(self.paused_until, now + missing / self.budget.rate)


@dataclass(eq=False, slots=True)
class _Waiter:
    rank: tuple[int, int]  # last calls, first calls, those between; then in the order of asking
    buckets: list[_Bucket]
    granted: asyncio.Future[None]


class RateLimiter:
    """Deals out slots. `budgets` tells the Budget of a name, such as "channel:123", when it is first used."""

    def __init__(self, budgets: Callable[[str], RateLimit]) -> None:
        self._budget_of = budgets
        self._buckets: dict[str, _Bucket] = {}
        self._waiters: list[_Waiter] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    async def turn(self, budgets: Sequence[str], *, urgent: bool = False, begins: bool = False) -> None:
        """Wait until one call may be made that spends one token of each named budget.

        `urgent` calls, which end something, go first; then those with which something `begins`.
        """
        granted = asyncio.get_running_loop().create_future()
        rank = LAST if urgent else FIRST if begins else BETWEEN
        waiter = _Waiter((rank, next(self._numbers)), [self._bucket(name) for name in budgets], granted)
        self._waiters.append(waiter)
        self._deal()
        try:
            await granted
        except asyncio.CancelledError:
            if waiter not in self._waiters:
                self.give_back(budgets)
            raise
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def spare(self, budgets: Sequence[str]) -> bool:
        """Spend one token of each named budget if all are there at once and nobody waits for them; else nothing."""
        now = asyncio.get_running_loop().time()
        buckets = [self._bucket(name) for name in budgets]
        if any(
            bucket.ready_at(now) > now or bucket.tokens < budgets.count(name)
            for name, bucket in zip(budgets, buckets, strict=True)
        ):
            return False
        wanted = {id(bucket) for waiter in self._waiters for bucket in waiter.buckets}
        if not wanted.isdisjoint(map(id, buckets)):
            return False
        for bucket in buckets:
            bucket.tokens -= 1.0
        return True

    def give_back(self, budgets: Sequence[str]) -> None:
        """One token of each named budget was not needed."""
        for name in budgets:
            bucket = self._bucket(name)
            bucket.tokens = min(bucket.budget.burst, bucket.tokens + 1.0)
        self._deal()

    def pause(self, budget: str, seconds: float) -> None:
        """Spend nothing of `budget` for some seconds: the platform said so."""
        bucket = self._bucket(budget)
        bucket.tokens = min(bucket.tokens, 1.0)
        bucket.paused_until = max(bucket.paused_until, asyncio.get_running_loop().time() + seconds)

    def _bucket(self, name: str) -> _Bucket:
        if name not in self._buckets:
            now = asyncio.get_running_loop().time()
            if len(self._buckets) >= PRUNE_ABOVE:
                self._prune(now)
            budget = self._budget_of(name)
            self._buckets[name] = _Bucket(budget, budget.burst, now)
        return self._buckets[name]

    def _prune(self, now: float) -> None:
        waited_for = {id(bucket) for waiter in self._waiters for bucket in waiter.buckets}
        self._buckets = {
            name: bucket
            for name, bucket in self._buckets.items()
            if id(bucket) in waited_for or bucket.ready_at(now) > now or bucket.tokens < bucket.budget.burst
        }

    def _deal(self) -> None:
        """Grant every waiter that can go now, urgent ones first, and come back when the next can."""
        now = asyncio.get_running_loop().time()
        soonest: float | None = None
        for waiter in sorted(self._waiters, key=attrgetter("rank")):
            sparing = waiter.rank[0] == BETWEEN
            ready = max((bucket.ready_at(now, sparing=sparing) for bucket in waiter.buckets), default=now)
            if ready > now:
                soonest = ready if soonest is None else min(soonest, ready)
                continue
            for bucket in waiter.buckets:
                bucket.tokens -= 1.0
            self._waiters.remove(waiter)
            if not waiter.granted.done():
                waiter.granted.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if soonest is not None:
            self._timer = asyncio.get_running_loop().call_at(soonest, self._deal)
