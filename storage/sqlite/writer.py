"""Group commit: one writer empties a queue and commits many changes at once.

With synchronous=FULL every commit waits for the disk, even with few rows. benchmarks/ compares both ways.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, Self, TypeVar

import aiosqlite

from bot.interfaces.errors import StoreError

T = TypeVar("T")

LARGEST_GROUP = 1_000
"""The most changes in one transaction, which bounds the wait of the first for the last."""


class Connection(aiosqlite.Connection):
    """A connection of aiosqlite that also runs one function of many statements on its thread."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        return self

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on the connection's own thread: one hop, however many statements."""
        result: T = await self._execute(work, self._conn)  # type: ignore[no-untyped-call]  # aiosqlite leaves it bare
        return result


class _Write(Generic[T]):
    """One unit of work and the future of its result."""

    __slots__ = ("done", "work")

    def __init__(self, work: Callable[[sqlite3.Connection], T]) -> None:
        self.work = work
        self.done: asyncio.Future[T] = asyncio.get_running_loop().create_future()


_Result = tuple[object, BaseException | None]


def _store_error(error: Exception) -> Exception:
    ours = isinstance(error, sqlite3.Error | UnicodeError | MemoryError)
    return StoreError(f"The database could not be written: {str(error) or type(error).__name__}.") if ours else error


def _commit_group(connection: sqlite3.Connection, group: Sequence[_Write[object]]) -> list[_Result]:
    """Apply the changes in one transaction, each in a savepoint so that a bad one fails alone."""
    results: list[_Result] = []
    connection.execute("BEGIN IMMEDIATE")
    try:
        for change in group:
            connection.execute("SAVEPOINT change")
            try:
                results.append((change.work(connection), None))
            except Exception as error:
                if not connection.in_transaction:  # SQLite has rolled back the whole group, as after a full disk
                    raise
                connection.execute("ROLLBACK TO change")
                results.append((None, _store_error(error)))
            connection.execute("RELEASE change")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return results


class GroupCommitWriter:
    """Owns the only connection that writes. `write` returns once the change is on disk."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._queue: list[_Write[object]] = []
        self._work = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._run(), name="store writer")

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Apply `work` in order with all other writes. Raises StoreError, or another error that `work` raises.

        The change of a cancelled caller is still made.
        """
        return await self.put(work)

    def put(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Queue `work` without waiting. The order of changes is that of the calls."""
        if self._closing:
            raise StoreError("The database is closed.")
        change = _Write(work)
        self._queue.append(change)  # type: ignore[arg-type]  # results go back to the future they came from
        self._work.set()
        return change.done

    async def aclose(self) -> None:
        """Commit all queued changes and stop."""
        self._closing = True
        self._work.set()
        await self._task

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            group, self._queue = self._queue[:LARGEST_GROUP], self._queue[LARGEST_GROUP:]
            if not group:
                if self._closing:
                    return
                self._work.clear()
                continue
            try:
                results = await self._connection.run(partial(_commit_group, group=group))
            except Exception as error:  # noqa: BLE001 -- every change of the group gets it; the next group is still written
                results = [(None, _store_error(error))] * len(group)
            for change, (value, problem) in zip(group, results, strict=True):
                if change.done.cancelled():
                    continue
                if problem is None:
                    change.done.set_result(value)
                else:
                    change.done.set_exception(problem)
