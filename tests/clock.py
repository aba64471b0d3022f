"""An event loop whose clock jumps to the next timer: tests of pacing and backoff take no time."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
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
