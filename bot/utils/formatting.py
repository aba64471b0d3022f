"""Tables in answers: a block of code with aligned columns, which reads the same on every platform."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wcwidth import clip, width

GAP = "  "
WIDEST = 40
"""Columns of the screen that one cell may take."""

BAR = 16
"""Columns of the bar of a score of 1."""

_NUMBER = re.compile(r"[-+]?[\d.,]+( ?(%|[A-Z]{3}))?|–?")


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Headers, if any is not empty, and rows as Markdown. Numbers are aligned to the right; what is too wide is cut."""
    lines = [[_cell(text) for text in line] for line in (headers, *rows)]
    columns = list(zip(*lines, strict=True))
    widths = [max(map(width, column)) for column in columns]
    right = [any(cells) and all(map(_NUMBER.fullmatch, cells)) for _, *cells in columns]
    ruled = [lines[0], ["─" * wide for wide in widths], *lines[1:]] if any(headers) else lines[1:]
    drawn = "\n".join(GAP.join(map(_aligned, line, widths, right)).rstrip() for line in ruled)
    return f"```\n{drawn}\n```"


def bars(scores: Sequence[tuple[str, float]], most: int = 10) -> str:
    """Names with their scores from 0 to 1 as bars, the highest first."""
    ordered = sorted(scores, key=lambda scored: -scored[1])[:most]
    return markdown_table(("", "", ""), [(name, _bar(score), f"{score * 100:.1f} %") for name, score in ordered])


def brief(text: str, most: int = WIDEST) -> str:
    """A text on one line of so many characters at most; "–" for none."""
    line = " ".join(text.split()) or "–"
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _bar(score: float) -> str:
    full = round(min(max(score, 0.0), 1.0) * BAR)
    return "█" * full + "░" * (BAR - full)


def _cell(text: str) -> str:
    """One line that cannot end the block of code."""
    line = " ".join(text.replace("`", "'").split())
    return line if width(line) <= WIDEST else f"{clip(line, 0, WIDEST - 1)}…"


def _aligned(cell: str, wide: int, right: bool) -> str:
    space = " " * (wide - width(cell))
    return f"{space}{cell}" if right else f"{cell}{space}"


def quoted(text: str) -> str:
    """A text within a sentence."""
    short = text if len(text) <= 200 else f"{text[:200]}…"
    return f"`{short}`" if short and "`" not in short and "\n" not in short else f"“{short}”"
