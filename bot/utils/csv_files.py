"""CSV files that spreadsheet programs open with the right encoding and without formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence


def csv_file(headers: Sequence[str], rows: Iterable[Sequence[str | int]]) -> bytes:
    """Return the bytes of a CSV file: headers and rows in UTF-8 with a byte order mark, which Excel needs."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(headers)
    writer.writerows([_no_formula(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return buffer.getvalue().encode("utf-8-sig")


def _no_formula(cell: str) -> str:
    """Return the cell, quoted where a spreadsheet would run it as a formula: people choose names freely."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
