"""Tables and quotations in answers. A table is a code block with aligned columns: it looks alike on every platform."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wcwidth import clip, width

GAP = "  "
WIDEST = 40
"""Most columns of the screen that one cell takes."""

BAR = 16
"""Length of the bar of a score of 1, in columns of the screen."""

_NUMBER = re.compile(r"[-+]?[\d.,]+( ?(%|[A-Z]{3}))?|–?")


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a code block of the rows, below the headers unless all are empty.

    Numbers are aligned to the right. A cell wider than WIDEST is cut.
    """
    lines = [[_cell(text) for text in line] for line in (headers, *rows)]
    columns = list(zip(*lines, strict=True))
    widths = [max(map(width, column)) for column in columns]
    right = [any(cells) and all(map(_NUMBER.fullmatch, cells)) for _, *cells in columns]
    ruled = [lines[0], ["─" * wide for wide in widths], *lines[1:]] if any(headers) else lines[1:]
    table = "\n".join(GAP.join(map(_aligned, line, widths, right)).rstrip() for line in ruled)
    return f"```\n{table}\n```"


def bars(scores: Sequence[tuple[str, float]], most: int = 10) -> str:
    """Return a table of the `most` highest scores, from 0 to 1, each with its name, a bar and its percentage."""
    ordered = sorted(scores, key=lambda pair: -pair[1])[:most]
    return markdown_table(("", "", ""), [(name, _bar(score), f"{score * 100:.1f} %") for name, score in ordered])


def brief(text: str, most: int = WIDEST) -> str:
    """Return a text on one line of at most `most` characters; "–" for an empty text."""
    line = " ".join(text.split()) or "–"
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _bar(score: float) -> str:
    full = round(min(max(score, 0.0), 1.0) * BAR)
    return "█" * full + "░" * (BAR - full)


def _cell(text: str) -> str:
    """Return a text on one line without backticks, which would end the code block, cut to WIDEST columns."""
    line = " ".join(text.replace("`", "'").split())
    return line if width(line) <= WIDEST else f"{clip(line, 0, WIDEST - 1)}…"


def _aligned(cell: str, wide: int, right: bool) -> str:
    space = " " * (wide - width(cell))
    return f"{space}{cell}" if right else f"{cell}{space}"


def quoted(text: str) -> str:
    """Return a text as a quotation within a sentence, cut to 200 characters: as code, or in quotation marks.

    Code cannot hold a backtick or the end of a line, and an empty code span is shown as two backticks.
    """
    short = text if len(text) <= 200 else f"{text[:200]}…"
    return f"`{short}`" if short and "`" not in short and "\n" not in short else f"“{short}”"
