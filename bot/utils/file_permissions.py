"""Permissions of files that only the operator should read: `.env`, the data folder, the database."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""Bits of a file's mode that grant anything to the group or to other accounts."""


def open_to_others(paths: Iterable[Path]) -> Sequence[str]:
    """Return a sentence for each path that other accounts of this machine can open, with the command that closes it."""
    if os.name != "posix":
        return ()
    return [
        f"{path} is open to other people of this machine. Close it: chmod {'700' if path.is_dir() else '600'} "
        f"{shlex.quote(str(path))}"
        for path in paths
        if _mode(path) & OTHERS
    ]


def _mode(path: Path) -> int:
    """Return a path's permissions; 0 for a path that does not exist or cannot be read."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0
