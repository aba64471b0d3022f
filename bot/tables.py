"""Tables in answers: a block of code with aligned columns, which reads the same on every platform."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wcwidth import clip, width

GAP = "  "
WIDEST = 40
"""Columns of the screen that one cell may take."""

_NUMBER = re.compile(r"[-+]?[\d.,]+( ?(%|[A-Z]{3}))?|–?")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Headers and rows as Markdown. Columns of numbers are aligned to the right; what is too wide is cut."""
    lines = [[_cell(text) for text in line] for line in (headers, *rows)]
    columns = list(zip(*lines, strict=True))
    widths = [max(map(width, column)) for column in columns]
    right = [any(cells) and all(map(_NUMBER.fullmatch, cells)) for _, *cells in columns]
    ruled = [lines[0], ["─" * wide for wide in widths], *lines[1:]]
    drawn = "\n".join(GAP.join(map(_aligned, line, widths, right)).rstrip() for line in ruled)
    return f"```\n{drawn}\n```"


def _cell(text: str) -> str:
    """One line that cannot end the block of code."""
    line = " ".join(text.replace("`", "'").split())
    return line if width(line) <= WIDEST else f"{clip(line, 0, WIDEST - 1)}…"


def _aligned(cell: str, wide: int, right: bool) -> str:
    space = " " * (wide - width(cell))
    return f"{space}{cell}" if right else f"{cell}{space}"
