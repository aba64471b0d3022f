"""The time that erasing goes by. docs/decisions/0010 says why it is not simply that of the machine's clock."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from bot.interfaces.history import ClockReading

JUMP_SECONDS = 3_600.0
"""How far the machine's clock may be from the time that passed since it was last looked at."""

CONFIRM_SECONDS = 86_400.0
"""How long it has to say the same after a jump until that is believed."""

START_SECONDS = 28_800.0
"""The most that a start of the program adds to that: nobody knows how long it did not run."""


class Clock:
    """Follows the machine's clock, `wall`, and holds back where it jumps, until that is confirmed.

    `reading` is what has to be kept over restarts. Times are in seconds since 1970.
    """

    def __init__(self, wall: Callable[[], float]) -> None:
        self.reading: ClockReading | None = None
        self._wall = wall
        self._looked: float | None = None

    @property
    def ahead(self) -> float:
        """Seconds that the machine's clock is ahead of the time that is gone by."""
        return self.reading.seen - self.reading.trusted if self.reading else 0.0

    def look(self) -> float:
        """Return the time to erase by: the machine's or, after a jump, what it should be if that is less."""
        wall, ticks = self._wall(), monotonic()
        passed = None if self._looked is None else ticks - self._looked
        self._looked = ticks
        self.reading = _next(self.reading or ClockReading(wall, wall), wall, passed)
        return min(wall, self.reading.trusted)


def _next(last: ClockReading, wall: float, passed: float | None) -> ClockReading:
    """Make the reading after the last one; `passed` are the seconds since then, None after a start of the program."""
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
