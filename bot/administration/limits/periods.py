"""Calendar windows in UTC: the clock's minute, hour, day or month that limits are counted over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import get_args

from bot.interfaces.records import Window

WINDOWS: tuple[Window, ...] = get_args(Window)

_ZEROED: Mapping[Window, int] = {"minute": 5, "hour": 4, "day": 3, "month": 2}
"""How many of year, month, day, hour and minute a window's beginning keeps."""

LONGEST: Mapping[Window, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "month": timedelta(days=31),
}
"""The longest that a window lasts."""


def began(window: Window, now: float) -> float:
    """When the window that holds `now` began; both in seconds since 1970."""
    return _began(window, datetime.fromtimestamp(now, UTC)).timestamp()


def ends(window: Window, now: float) -> float:
    """When the next window begins."""
    first = _began(window, datetime.fromtimestamp(now, UTC))
    return _began(window, first + LONGEST[window]).timestamp()


def resets(window: Window, now: float) -> str:
    """When a limit begins afresh, in words: "in 3 h, at 14:00 UTC"."""
    end = ends(window, now)
    moment = datetime.fromtimestamp(end, UTC)
    day = "" if window != "month" else f"on {moment.day} {moment:%B} "
    return f"in {_length(end - now)}, {day}at {moment:%H:%M} UTC"


def _began(window: Window, moment: datetime) -> datetime:
    kept = moment.timetuple()[: _ZEROED[window]]
    year, month, day, hour, minute = (*kept, *(0, 1, 1, 0, 0)[len(kept) :])
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def _length(seconds: float) -> str:
    """So long at most, in the largest unit that makes sense: 40 s, 12 min, 3 h, 6 days."""
    for limit, divisor, unit in ((60, 1, "s"), (3_600, 60, "min"), (172_800, 3_600, "h")):
        if (count := -int(-seconds // divisor)) <= limit // divisor:
            return f"{max(count, 1)} {unit}"
    return f"{-int(-seconds // 86_400)} days"
