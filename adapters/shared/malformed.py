"""Errors of payloads that cannot be read: each is one line in the log, and the bot continues."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

MALFORMED: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""Errors that code raises on fields that are missing or have another type than the platform documents."""


def cause(error: Exception) -> str:
    """Return the error and its line of code for the log, with at most the name of a field from the payload."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    name = f" {error.args[0]!r}" if isinstance(error, KeyError) and isinstance(error.args[0], str) else ""
    return f"{type(error).__name__}{name[:60]}{where}"
