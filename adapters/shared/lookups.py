"""The answers of a platform to look-ups: many who ask at once share one call, and the last answer is remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lookup(Generic[T]):
    """A look-up that was made or is under way; `at_once` says that it did not wait for a slot."""

    at: float
    answer: asyncio.Future[T]
    at_once: bool = True

    @property
    def failed(self) -> bool:
        """Return whether it brought no answer."""
        return self.answer.done() and (self.answer.cancelled() or self.answer.exception() is not None)


class LookupCache(Generic[T]):
    """The newest look-up of each key, and the last answer, which outlives look-ups that fail.

    `most` keys are remembered. After a failure nothing is asked for `failed_seconds`.
    """

    def __init__(self, most: int = 1, failed_seconds: float = 0.0) -> None:
        self._most = most
        self._failed_seconds = failed_seconds
        self._lookups: dict[str, Lookup[T]] = {}
        self._last: dict[str, T] = {}
        self._changes = 0

    def last(self, key: str) -> T | None:
        """Return the last answer, None where there was none."""
        return self._last.get(key)

    def fresh(self, key: str, seconds: float) -> Lookup[T] | None:
        """Return the look-up of the last `seconds`; None where the platform has to be asked again."""
        lookup = self._lookups.get(key)
        if lookup is None:
            return None
        return lookup if monotonic() < lookup.at + (self._failed_seconds if lookup.failed else seconds) else None

    def begin(self, key: str, call: Awaitable[T], *, at_once: bool = True) -> Lookup[T]:
        """Make the call in a task of its own, for everybody who asks meanwhile."""
        task = asyncio.create_task(self.keep(key, call))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody waits for it
        return self._remember(key, Lookup(monotonic(), task, at_once))

    async def keep(self, key: str, call: Awaitable[T]) -> T:
        """Return the answer of a call, and remember it unless anything changed while it was asked for."""
        before = self._changes
        answer = await call
        if before == self._changes:
            self._last[key] = answer
        return answer

    def outdate(self, key: str) -> None:
        """Ask again next time; the last answer stays, and no call that is under way replaces it."""
        self._changes += 1
        self._lookups.pop(key, None)

    def forget(self, key: str) -> bool:
        """Outdate a key and drop its last answer; return whether there was anything to drop."""
        last, there = self._last.pop(key, None), key in self._lookups
        self.outdate(key)
        return there or last is not None

    def learn(self, key: str, answer: T) -> None:
        """Remember an answer that the platform sent by itself."""
        known = asyncio.get_running_loop().create_future()
        known.set_result(answer)
        self._remember(key, Lookup(monotonic(), known))
        self._last[key] = answer

    def close(self) -> None:
        """Forget everything."""
        for lookup in self._lookups.values():
            lookup.answer.cancel()
        self._lookups.clear()
        self._last.clear()

    def _remember(self, key: str, lookup: Lookup[T]) -> Lookup[T]:
        if len(self._lookups) >= self._most and key not in self._lookups:
            oldest = next(iter(self._lookups))
            del self._lookups[oldest]
            self._last.pop(oldest, None)
        self._lookups[key] = lookup
        return lookup
