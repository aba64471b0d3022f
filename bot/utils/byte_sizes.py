"""Sizes in bytes, parsed from and formatted as text such as "1.5 GB"."""

from __future__ import annotations

import re
from collections.abc import Mapping

UNITS: Mapping[str, int] = {"TB": 10**12, "GB": 10**9, "MB": 10**6, "KB": 10**3, "B": 1}
"""The bytes of each unit, the largest unit first: `format_bytes` takes the first that fits."""


def parse_bytes(text: str) -> int:
    """Return the bytes of a size such as "2GB" or "1.5 GB". Raises ValueError for any other text."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?) ?([KMGT]?B)", text.strip().upper())
    if match is None:
        raise ValueError("must be a size such as 500MB or 2GB")
    return int(float(match[1]) * UNITS[match[2]])


def format_bytes(size: float) -> str:
    """Return a size in bytes with two or three digits and its unit: "1.2 KB", "98 MB"."""
    for unit, factor in UNITS.items():
        if size >= factor:
            number = size / factor
            return f"{number:.1f} {unit}" if number < 10 and factor > 1 else f"{number:.0f} {unit}"
    return "0 B"
