"""Numbers of bytes as people write and read them."""

from __future__ import annotations

import re
from collections.abc import Mapping

UNITS: Mapping[str, int] = {"TB": 10**12, "GB": 10**9, "MB": 10**6, "KB": 10**3, "B": 1}


def in_bytes(text: str) -> int:
    """What "2GB" or "1.5 GB" means. Raises ValueError."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?) ?([KMGT]?B)", text.strip().upper())
    if found is None:
        raise ValueError("must be a size such as 500MB or 2GB")
    return int(float(found[1]) * UNITS[found[2]])


def format_bytes(size: float) -> str:
    """A size with two or three digits."""
    for unit, one in UNITS.items():
        if size >= one:
            number = size / one
            return f"{number:.1f} {unit}" if number < 10 and one > 1 else f"{number:.0f} {unit}"
    return "0 B"
