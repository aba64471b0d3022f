"""Every kind of database that the tests run on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from bot.interfaces.database import Database
from storage import sqlite

Clock: TypeAlias = Callable[[], float]


def in_file(folder: Path, clock: Clock) -> Awaitable[Database]:
    return sqlite.open_database(folder / "shoulders.db", clock)


DATABASES: Mapping[str, Callable[[Path, Clock], Awaitable[Database]]] = {"sqlite": in_file}
"""By folder of storage/, a function that opens an empty database for one test."""
