"""Durations as people write them, such as 30m or 7d."""

from __future__ import annotations

import re
from time import time

from bot.interfaces.errors import UserError

_UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def ago(text: str) -> int:
    """Return the moment of a duration such as 30m, 2h, 7d or 4w ago, in milliseconds since 1970. Raises UserError."""
    match = re.fullmatch(r"(\d{1,6})\s*([mhdw])", text.strip().lower())
    if match is None:
        raise UserError(f"“{text[:40]}” is not a duration. Write it as 30m, 2h, 7d or 4w.")
    return max(0, int((time() - int(match[1]) * _UNITS[match[2]]) * 1000))
