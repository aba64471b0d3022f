"""A cache of look-ups on a platform: callers at the same time share one call, and the last answer is remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lookup(Generic[T]):
    """One look-up, under way or done, since `at` of the monotonic clock.

    `at_once`: it did not wait for a rate limit.
    """

    at: float
    answer: asyncio.Future[T]
    at_once: bool = True

    @property
    def failed(self) -> bool:
        """Return whether the look-up ended without an answer."""
        return self.answer.done() and (self.answer.cancelled() or self.answer.exception() is not None)


class LookupCache(Generic[T]):
    """The newest look-up of each key, and its last answer, which stays when a later look-up fails.

    The cache holds `capacity` keys. For `failed_seconds` after a failure, `fresh` returns the failed look-up.
    """

    def __init__(self, capacity: int = 1, failed_seconds: float = 0.0) -> None:
        self._capacity = capacity
        self._failed_seconds = failed_seconds
        self._lookups: dict[str, Lookup[T]] = {}
        self._last: dict[str, T] = {}
        self._changes = 0

    def last(self, key: str) -> T | None:
        """Return the last answer for a key, None where was_cached was none."""
        return self._last.get(key)

    def fresh(self, key: str, seconds: float) -> Lookup[T] | None:
        """Return the look-up made within `seconds`; None where a new one is needed."""
        lookup = self._lookups.get(key)
        if lookup is None:
            return None
        return lookup if monotonic() < lookup.at + (self._failed_seconds if lookup.failed else seconds) else None

    def begin(self, key: str, call: Awaitable[T], *, at_once: bool = True) -> Lookup[T]:
        """Start the call in a task of its own, which every caller of the same key can await."""
        task = asyncio.create_task(self.keep(key, call))
        task.add_done_callback(
            lambda done: done.cancelled() or done.exception()
        )  # otherwise asyncio logs an error that no caller awaits
        return self._remember(key, Lookup(monotonic(), task, at_once))

    async def keep(self, key: str, call: Awaitable[T]) -> T:
        """Await a call and return its answer; remember the answer unless an event changed something meanwhile."""
        changes = self._changes
        answer = await call
        if changes == self._changes:
            self._last[key] = answer
        return answer

    def outdate(self, key: str) -> None:
        """Make the next caller look up again.

        The last answer stays, and a call that is under way does not replace it.
        """
        self._changes += 1
        self._lookups.pop(key, None)

    def forget(self, key: str) -> bool:
        """Outdate a key and delete its last answer; return whether the cache held one or was looking it up."""
        last, was_cached = self._last.pop(key, None), key in self._lookups
        self.outdate(key)
        return was_cached or last is not None

    def store(self, key: str, answer: T) -> None:
        """Remember an answer that an event of the platform brought."""
        known = asyncio.get_running_loop().create_future()
        known.set_result(answer)
        self._remember(key, Lookup(monotonic(), known))
        self._last[key] = answer

    def close(self) -> None:
        """Cancel all look-ups and delete all answers."""
        for lookup in self._lookups.values():
            lookup.answer.cancel()
        self._lookups.clear()
        self._last.clear()

    def _remember(self, key: str, lookup: Lookup[T]) -> Lookup[T]:
        if len(self._lookups) >= self._capacity and key not in self._lookups:
            oldest = next(iter(self._lookups))
            del self._lookups[oldest]
            self._last.pop(oldest, None)
        self._lookups[key] = lookup
        return lookup
