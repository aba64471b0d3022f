"""The time by which data expire. docs/decisions/0010 gives the reason not to trust the machine's clock."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from bot.interfaces.history import ClockReading

JUMP_SECONDS = 3_600.0
"""The most seconds by which the machine's clock may differ from the time that passed since its last reading."""

CONFIRM_SECONDS = 86_400.0
"""Seconds for which the clock must agree with itself after a jump until it is trusted."""

START_SECONDS = 28_800.0
"""The most seconds that a start of the program adds to that, since its time off is unknown."""


class Clock:
    """Follows the machine's clock, `wall`, but not its jumps until they are confirmed.

    `reading` must be stored over restarts. Times are in seconds since 1970.
    """

    def __init__(self, wall: Callable[[], float]) -> None:
        self.reading: ClockReading | None = None
        self._wall = wall
        self._last_ticks: float | None = None

    @property
    def ahead(self) -> float:
        """Return the seconds by which the machine's clock is ahead of the trusted time."""
        return self.reading.seen - self.reading.trusted if self.reading else 0.0

    def read(self) -> float:
        """Read the machine's clock and return the time to delete by: after a jump, the earlier of both times."""
        wall, ticks = self._wall(), monotonic()
        passed = None if self._last_ticks is None else ticks - self._last_ticks
        self._last_ticks = ticks
        self.reading = _next(self.reading or ClockReading(wall, wall), wall, passed)
        return min(wall, self.reading.trusted)


def _next(last: ClockReading, wall: float, passed: float | None) -> ClockReading:
    """Return the next reading. `passed` is the number of seconds since the last; None after a start of the program."""
    expected = last.trusted + (passed or 0.0)
    if abs(wall - expected) <= JUMP_SECONDS:
        return ClockReading(wall, wall)
    moved = wall - last.seen
    if last.confirmed is None:
        confirmed = 0.0
    elif passed is None:
        confirmed = last.confirmed + min(moved, START_SECONDS) if moved >= 0 else 0.0
    else:
        confirmed = last.confirmed + passed if abs(moved - passed) <= JUMP_SECONDS else 0.0
    if confirmed >= CONFIRM_SECONDS:
        return ClockReading(wall, wall)
    return ClockReading(expected, wall, confirmed)
