"""The database in SQLite: WAL, synchronous=FULL, one connection that writes in groups and one that reads."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from bot.interfaces.errors import DatabaseBusy, StoreError
from storage.sqlite import deletion
from storage.sqlite.answer_files import AnswerFiles
from storage.sqlite.catalogue import SQLiteCatalogue
from storage.sqlite.connections import Connections
from storage.sqlite.conversations import SQLiteConversations
from storage.sqlite.history import SQLiteHistory
from storage.sqlite.migrate import migrate, migrations
from storage.sqlite.records import SQLiteRecords
from storage.sqlite.requests import SQLiteRequests
from storage.sqlite.usage import SQLiteUsage
from storage.sqlite.writer import Connection


class SQLiteDatabase:
    """A bot.interfaces.database.Database. Made by `open_database`."""

    def __init__(self, connections: Connections, files: AnswerFiles, resources: AsyncExitStack) -> None:
        self.connections = connections
        self._resources = resources
        self.requests = SQLiteRequests(connections, files)
        self.conversations = SQLiteConversations(connections)
        self.records = SQLiteRecords(connections)
        self.usage = SQLiteUsage(connections)
        self.history = SQLiteHistory(connections, files)
        self.catalogue = SQLiteCatalogue(connections)

    async def aclose(self) -> None:
        await self.connections.writer.aclose()
        await self._resources.aclose()


async def open_database(
    path: Path, clock: Callable[[], float] = time.time, scripts: Callable[[], Sequence[str]] = migrations
) -> SQLiteDatabase:
    """Open the database at `path`, making or upgrading it. Raises DatabaseBusy, SchemaTooNew or StoreError.

    `clock` returns seconds since 1970; rows are dated by it. `scripts` returns the migrations.
    """
    async with AsyncExitStack() as resources:
        lock = await asyncio.to_thread(_lock, path)
        resources.push_async_callback(asyncio.to_thread, lock.release)
        try:
            writing = await resources.enter_async_context(_connection(path))
            await writing.run(_prepare)
            await writing.run(partial(migrate, scripts=await asyncio.to_thread(scripts)))
            reading = await resources.enter_async_context(_connection(path))
            await reading.run(_prepare)
            files = AnswerFiles(path.with_name(f"{path.stem}-files"))
            await files.open(await reading.run(deletion.answered))
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"The database {path} could not be opened: {error}.") from error
        return SQLiteDatabase(Connections(writing, reading, clock), files, resources.pop_all())


def _lock(path: Path) -> FileLock:
    """Lock the database against other processes. Raises DatabaseBusy or StoreError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(
            os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        )  # only its owner may read it; SQLite's other files get the same mode
        lock = FileLock(f"{path}.lock", thread_local=False)
        lock.acquire(timeout=0)
    except Timeout:
        raise DatabaseBusy(
            f"Another Shoulders is using {path}. Stop it first, or set another file in [bot] database."
        ) from None
    except OSError as error:
        raise StoreError(f"The database {path} could not be opened: {error.strerror}.") from error
    return lock


def _connection(path: Path) -> Connection:
    return Connection(partial(sqlite3.connect, path, isolation_level=None), iter_chunk_size=64)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA busy_timeout = 5000")
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
