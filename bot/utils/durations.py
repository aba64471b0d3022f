"""Lengths of time as people write them."""

from __future__ import annotations

import re
from time import time

from bot.interfaces.errors import UserError

_UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def ago(text: str) -> int:
    """A moment in milliseconds since 1970, so long ago: 30m, 2h, 7d or 4w. Raises UserError."""
    found = re.fullmatch(r"(\d{1,6})\s*([mhdw])", text.strip().lower())
    if found is None:
        raise UserError(f"“{text[:40]}” is no length of time. Write it as 30m, 2h, 7d or 4w.")
    return max(0, int((time() - int(found[1]) * _UNITS[found[2]]) * 1000))
