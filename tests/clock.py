"""Clocks for tests: an event loop that jumps to its next timer, and a clock that tests set."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


class FastLoop(asyncio.SelectorEventLoop):
    """An event loop for code that only waits for timers: it never waits for sockets."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__()

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # asyncio's own heap
        while scheduled and scheduled[0].cancelled():
            heapq.heappop(scheduled)._scheduled = False  # type: ignore[attr-defined]  # asyncio's own mark
        if scheduled and not self._ready:  # type: ignore[attr-defined]  # asyncio's own queue
            self.now = max(self.now, scheduled[0].when())
        super()._run_once()  # type: ignore[misc]  # asyncio's own step


def now() -> float:
    """Seconds since the loop began."""
    return asyncio.get_running_loop().time()


def run_fast(work: Coroutine[object, object, T]) -> T:
    """Run `work` on a FastLoop."""
    with asyncio.Runner(loop_factory=FastLoop) as runner:
        return runner.run(work)


@dataclass
class SetClock:
    """A clock that returns seconds since 1970 as `read` does."""

    read: Callable[[], float] = time.time

    def __call__(self) -> float:
        return self.read()
