"""Whether others on this machine may read what is the operator's alone: `.env`, the data folder, the database."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.config import Config

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def loose(config: Config) -> Sequence[str]:
    """A sentence for each file and folder that is open to others, with the command that closes it; reads the disk."""
    if os.name != "posix":
        return ()
    return [
        f"{path} is open to other people of this machine. Close it: chmod {'700' if path.is_dir() else '600'} "
        f"{shlex.quote(str(path))}"
        for path in _own(config)
        if path.exists() and path.stat().st_mode & OTHERS
    ]


def _own(config: Config) -> Iterator[Path]:
    yield config.secrets_file
    yield config.data
    yield from (Path(f"{config.database}{ending}") for ending in ("", "-wal", "-shm"))
