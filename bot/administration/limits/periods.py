"""Calendar windows of limits, in UTC: the clock's minute, hour, day or month."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import get_args

from bot.interfaces.records import Window

WINDOWS: tuple[Window, ...] = get_args(Window)

_FIELDS: Mapping[Window, int] = {"minute": 5, "hour": 4, "day": 3, "month": 2}
"""The number of fields (year, month, day, hour, minute) that the beginning of a window has in common with its end."""

LONGEST: Mapping[Window, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "month": timedelta(days=31),
}
"""The longest duration of a window."""


def began(window: Window, now: float) -> float:
    """Return the beginning of the window that contains `now`, both in seconds since 1970."""
    return _began(window, datetime.fromtimestamp(now, UTC)).timestamp()


def ends(window: Window, now: float) -> float:
    """Return the beginning of the next window, in seconds since 1970."""
    first = _began(window, datetime.fromtimestamp(now, UTC))
    return _began(window, first + LONGEST[window]).timestamp()


def resets(window: Window, now: float) -> str:
    """Return the time of a limit's reset as text: "in 3 h, at 14:00 UTC"."""
    end = ends(window, now)
    moment = datetime.fromtimestamp(end, UTC)
    day = "" if window != "month" else f"on {moment.day} {moment:%B} "
    return f"in {_length(end - now)}, {day}at {moment:%H:%M} UTC"


def _began(window: Window, moment: datetime) -> datetime:
    fields = moment.timetuple()[: _FIELDS[window]]
    year, month, day, hour, minute = (*fields, *(0, 1, 1, 0, 0)[len(fields) :])
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def _length(seconds: float) -> str:
    """Return a duration, rounded up, in the largest suitable unit: 40 s, 12 min, 3 h, 6 days."""
    for limit, divisor, unit in ((60, 1, "s"), (3_600, 60, "min"), (172_800, 3_600, "h")):
        if (count := -int(-seconds // divisor)) <= limit // divisor:
            return f"{max(count, 1)} {unit}"
    return f"{-int(-seconds // 86_400)} days"
