"""Durable turns per second: 100 tasks append turns, by the store's group commit and by one commit each."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.table import Row
from bot.interfaces.messages import Act, Person, Place, Request
from bot.interfaces.store import Continuation
from storage.sqlite import open_database
from storage.sqlite.migrate import migrations
from storage.sqlite.writer import Connection, GroupCommitWriter

TASKS = 100
GROUPED = 20_000
"""Turns of a measurement with group commit."""
SINGLE = 1_000
"""Turns of a measurement with one commit each."""
INSERT = (
    "INSERT INTO turns (conversation, parent, request, role, person, name, text, model, complete, created) "
    "VALUES (1, NULL, 1, 'user', '1', 'Ann', ?, '', 1, 0)"
)
TEXT = "What is a pretrained model, and why would a team want one? " * 3


def append(connection: sqlite3.Connection) -> None:
    connection.execute(INSERT, (TEXT,))


async def create_database(path: Path) -> None:
    """Create a database with one conversation, to which the turns belong."""
    store = await open_database(path)
    request = Request(Act("1", 1), Place("console", "local", "terminal", direct=True), Person("1", "Ann"), "chat")
    await store.requests.accept(request, Continuation(("place", "new")))
    await store.aclose()


async def rate(path: Path, turns: int, *, grouped: bool) -> float:
    """Return the turns per second; a task waits for each turn to be on disk."""
    await create_database(path)
    connection = Connection(partial(sqlite3.connect, path, isolation_level=None), iter_chunk_size=64)
    async with connection:
        await connection.execute("PRAGMA synchronous = FULL")
        writer = GroupCommitWriter(connection)

        async def task() -> None:
            for _ in range(turns // TASKS):
                await (writer.write(append) if grouped else connection.run(append))

        started = time.perf_counter()
        await asyncio.gather(*(task() for _ in range(TASKS)))
        seconds = time.perf_counter() - started
        await writer.aclose()
    return turns / seconds


async def measure() -> list[Row]:
    """Return the row with the middle one of three measurements of both kinds, on the same disk."""
    assert migrations()
    with tempfile.TemporaryDirectory() as folder:
        rates = [
            (
                await rate(Path(folder) / f"grouped{run}.db", GROUPED, grouped=True),
                await rate(Path(folder) / f"single{run}.db", SINGLE, grouped=False),
            )
            for run in range(3)
        ]
    grouped, single = sorted(rates)[1]
    return [
        Row(
            f"durable turns a second, {TASKS} tasks",
            f"{grouped:,.0f}",
            f"one commit each: {single:,.0f} ({grouped / single:.0f}×)",
            "20,000",
        )
    ]
