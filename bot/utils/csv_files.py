"""CSV files that spreadsheets open as they are meant."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence


def csv_file(headers: Sequence[str], rows: Iterable[Sequence[str | int]]) -> bytes:
    """A CSV file: headers and rows, in the encoding that spreadsheets recognise."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(headers)
    writer.writerows([_no_formula(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return written.getvalue().encode("utf-8-sig")


def _no_formula(cell: str) -> str:
    """A spreadsheet takes what begins like this for a formula, and people choose their names."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
