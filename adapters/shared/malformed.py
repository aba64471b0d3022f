"""Errors of payloads that cannot be read: one line in the log, and the bot goes on."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

MALFORMED: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""Raised where fields of a payload are missing, or of another kind than the platform documents."""


def cause(error: Exception) -> str:
    """The error and the line of code that met it, for the log; no part of the payload but a field's name."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    name = f" {error.args[0]!r}" if isinstance(error, KeyError) and isinstance(error.args[0], str) else ""
    return f"{type(error).__name__}{name[:60]}{where}"
