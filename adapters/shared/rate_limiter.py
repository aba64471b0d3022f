"""One platform's rate limits, shared by all drafts: calls that end something come first, then those that begin it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from operator import attrgetter

LAST, FIRST, BETWEEN = range(3)
"""The order of waiting calls: those that end something, those that begin something, all others."""

PRUNE_ABOVE = 1_000
"""Buckets remembered before the full ones are deleted; a full bucket equals a new one."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`rate` calls a second, `burst` of them at once; the last `reserved` tokens are for first and last calls."""

    rate: float
    burst: int = 1
    reserved: int = 0


@dataclass(slots=True)
class _Bucket:
    limit: RateLimit
    tokens: float
    updated: float
    paused_until: float = 0.0

    def ready_at(self, now: float, *, spare_reserved: bool = False) -> float:
        """Return the loop time at which a token is there; with `spare_reserved`, one more than the reserved tokens."""
        self.tokens = min(self.limit.burst, self.tokens + (now - self.updated) * self.limit.rate)
        self.updated = now
        missing = max(0.0, 1.0 + (self.limit.reserved if spare_reserved else 0) - self.tokens)
        return max(self.paused_until, now + missing / self.limit.rate)


@dataclass(eq=False, slots=True)
class _Waiter:
    rank: tuple[int, int]  # LAST, FIRST or BETWEEN; then the order of arrival
    buckets: list[_Bucket]
    granted: asyncio.Future[None]


class RateLimiter:
    """Token buckets by name, such as "channel:123". `limits` returns the rate limit of a name at its first use."""

    def __init__(self, limits: Callable[[str], RateLimit]) -> None:
        self._limit_of = limits
        self._buckets: dict[str, _Bucket] = {}
        self._waiters: list[_Waiter] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    async def acquire(self, names: Sequence[str], *, urgent: bool = False, begins: bool = False) -> None:
        """Wait until one call may be made that takes a token of each named bucket.

        `urgent` calls, which end something, come first; then those with which something `begins`.
        """
        granted = asyncio.get_running_loop().create_future()
        rank = LAST if urgent else FIRST if begins else BETWEEN
        waiter = _Waiter((rank, next(self._numbers)), [self._bucket(name) for name in names], granted)
        self._waiters.append(waiter)
        self._grant()
        try:
            await granted
        except asyncio.CancelledError:
            if waiter not in self._waiters:
                self.refund(names)
            raise
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def try_acquire(self, names: Sequence[str]) -> bool:
        """Take a token of each named bucket if all are there at once and no call waits for them.

        Return whether it did.
        """
        now = asyncio.get_running_loop().time()
        buckets = [self._bucket(name) for name in names]
        if any(
            bucket.ready_at(now) > now or bucket.tokens < names.count(name)
            for name, bucket in zip(names, buckets, strict=True)
        ):
            return False
        awaited = {id(bucket) for waiter in self._waiters for bucket in waiter.buckets}
        if not awaited.isdisjoint(map(id, buckets)):
            return False
        for bucket in buckets:
            bucket.tokens -= 1.0
        return True

    def refund(self, names: Sequence[str]) -> None:
        """Return one token to each named bucket."""
        for name in names:
            bucket = self._bucket(name)
            bucket.tokens = min(bucket.limit.burst, bucket.tokens + 1.0)
        self._grant()

    def pause(self, name: str, seconds: float) -> None:
        """Pause a bucket for some seconds, which the platform asked for."""
        bucket = self._bucket(name)
        bucket.tokens = min(bucket.tokens, 1.0)
        bucket.paused_until = max(bucket.paused_until, asyncio.get_running_loop().time() + seconds)

    def _bucket(self, name: str) -> _Bucket:
        if name not in self._buckets:
            now = asyncio.get_running_loop().time()
            if len(self._buckets) >= PRUNE_ABOVE:
                self._prune(now)
            limit = self._limit_of(name)
            self._buckets[name] = _Bucket(limit, limit.burst, now)
        return self._buckets[name]

    def _prune(self, now: float) -> None:
        awaited = {id(bucket) for waiter in self._waiters for bucket in waiter.buckets}
        self._buckets = {
            name: bucket
            for name, bucket in self._buckets.items()
            if id(bucket) in awaited or bucket.ready_at(now) > now or bucket.tokens < bucket.limit.burst
        }

    def _grant(self) -> None:
        """Grant every waiting call that is possible now, urgent ones first; set a timer for the next."""
        now = asyncio.get_running_loop().time()
        soonest: float | None = None
        for waiter in sorted(self._waiters, key=attrgetter("rank")):
            spare_reserved = waiter.rank[0] == BETWEEN
            ready = max((bucket.ready_at(now, spare_reserved=spare_reserved) for bucket in waiter.buckets), default=now)
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
            self._timer = asyncio.get_running_loop().call_at(soonest, self._grant)
