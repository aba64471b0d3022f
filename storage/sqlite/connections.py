"""The connections that all stores share, and the clock of the rows' times."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias, TypeVar

from storage.sqlite.writer import Connection, GroupCommitWriter

Value: TypeAlias = str | int | None
T = TypeVar("T")


class Connections:
    """One connection that writes in groups and one that reads. `clock` returns seconds since 1970."""

    def __init__(self, writing: Connection, reading: Connection, clock: Callable[[], float]) -> None:
        self.writing = writing
        self.reading = reading
        self.writer = GroupCommitWriter(writing)
        self.clock = clock

    @property
    def now(self) -> int:
        """Return the time in milliseconds since 1970."""
        return int(self.clock() * 1_000)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Apply `work` in order with all other writes, and return once it is on disk. Raises StoreError."""
        return await self.writer.write(work)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function with several queries on the reading connection."""
        return await self.reading.run(work)

    async def change(self, sql: str, *values: Value) -> int:
        """Execute one statement and return the number of changed rows, once it is on disk."""
        return await self.write(lambda connection: connection.execute(sql, values).rowcount)

    async def rows(self, sql: str, values: Sequence[Value] | Mapping[str, Value] = ()) -> Iterable[sqlite3.Row]:
        """Return the rows that a query finds."""
        return await self.reading.execute_fetchall(sql, values)
