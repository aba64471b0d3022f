"""SQLite's own: files, migrations, plans of queries, the group commit, a full disk."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.interfaces.database import Database
from bot.interfaces.errors import DatabaseBusy, SchemaTooNew, StoreError
from bot.interfaces.replies import Usage
from bot.interfaces.usage import ModelCall
from storage.sqlite import SQLiteDatabase, continuation, conversations, open_database
from storage.sqlite.migrate import migrate, migrations
from storage.sqlite.writer import Connection, GroupCommitWriter
from tests.storage.desk import ANN, CHANNEL, Desk


async def test_no_query_reads_a_whole_table(desk: Desk, tmp_path: Path) -> None:
    where = {"platform": "", "workspace": "", "channel": "", "thread": "", "message": "", "person": ""}
    queries: list[tuple[str, dict[str, str] | tuple[int | str, ...]]]
    queries = [(continuation._OF_MESSAGE, where), (conversations._TURN_OF_MESSAGE, where)]
    queries += [(conversations._KNOWN_MESSAGES, {**where, "messages": "[]"})]
    queries += [(conversations._CONVERSATION, (1,)), (continuation._OF_ANSWER_SENT, (1, "", ""))]
    queries += [(continuation._LATEST_OF_PERSON, ("", "", "", "", 0, 1))]
    with sqlite3.connect(tmp_path / "shoulders.db") as raw:
        for query, values in queries:
            plan = [step[3] for step in raw.execute(f"EXPLAIN QUERY PLAN {query}", values)]
            whole = [step for step in plan if step.startswith("SCAN")]
            assert not [step for step in whole if "requests_unfinished" not in step and "VIRTUAL" not in step]
    raw.close()


async def test_an_ended_request_keeps_no_text(desk: Desk, tmp_path: Path) -> None:
    accepted = await desk.must(CHANNEL, arguments={"text": "hello?"})
    await desk.answer(accepted, "hello?", "hi")
    with sqlite3.connect(tmp_path / "shoulders.db") as raw:
        assert raw.execute("SELECT state, body, answer FROM requests").fetchall() == [("done", None, None)]
        assert raw.execute("SELECT text FROM drafts").fetchall() == [("",)]
    raw.close()


async def test_known_messages_take_one_query(desk: Desk, store: Database) -> None:
    assert isinstance(store, SQLiteDatabase)
    accepted = await desk.must(CHANNEL)
    await desk.answer(accepted, "one?", "one")
    statements: list[str] = []
    await store.connections.reading.set_trace_callback(statements.append)
    asked, answered = accepted.request.message, f"a{accepted.id}"
    assert await store.conversations.known_messages(CHANNEL, ["x", asked, "y", answered]) == {asked, answered}
    assert len(statements) == 1


async def test_two_processes_cannot_share_a_database(store: Database, tmp_path: Path) -> None:
    with pytest.raises(DatabaseBusy, match="Another Shoulders"):
        await open_database(tmp_path / "shoulders.db")


async def test_a_database_from_the_future_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 999")
    raw.close()
    with pytest.raises(SchemaTooNew, match="newer Shoulders"):
        await open_database(path)


async def test_other_files_are_refused_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear Sir or Madam, " * 100)
    with pytest.raises(StoreError, match="could not be opened"):
        await open_database(path)


async def test_usage_is_on_disk_before_the_answer(desk: Desk, store: Database, tmp_path: Path) -> None:
    first = await desk.must(CHANNEL)
    store.usage.add([ModelCall(first.id, 1, CHANNEL, ANN, "m", Usage(3, 4), 5, succeeded=True)])
    await desk.answer(first, "one?", "one")
    with sqlite3.connect(tmp_path / "shoulders.db") as other:
        assert other.execute("SELECT request, prompt_tokens, cost FROM usage").fetchall() == [(first.id, 3, 5)]


async def test_usage_outlives_its_request(desk: Desk, store: Database, tmp_path: Path) -> None:
    first = await desk.must(CHANNEL)
    call = ModelCall(first.id, 1, CHANNEL, ANN, "m", Usage(3, 4), succeeded=True)
    await store.usage.add([call])
    assert isinstance(store, SQLiteDatabase)
    await store.connections.change("DELETE FROM requests")
    await store.usage.add([call])
    (total,) = await store.usage.totals(("person", "model"), 0)
    assert (total.key, total.requests, total.usage) == (("1", "m"), 2, Usage(6, 8))


def test_the_migration_keeps_earlier_usage() -> None:
    old = sqlite3.connect(":memory:")
    migrate(old, migrations()[:2])
    old.executescript(
        "INSERT INTO places VALUES (1, 'discord', 'guild', 'general', '', 0, '#general');"
        "INSERT INTO requests VALUES (5, 'discord', 'guild', 'a', 1, 1, NULL, '1', '', 'done', 1, NULL, NULL, 7, 8);"
        "INSERT INTO conversations VALUES (2, 1, '1', 0, 7, 0);"
        "INSERT INTO turns VALUES (3, 2, NULL, 5, 'user', '1', 'Ann', 'hi', '', 1, 7);"
        "INSERT INTO usage VALUES (5, 1, '1', 'm', 10, 20, 9);"
    )
    migrate(old, migrations())
    columns = "request, at, workspace, channel, place_name, person, person_name, model, prompt_tokens, cost, succeeded"
    rows = old.execute(f"SELECT {columns} FROM usage").fetchall()
    assert rows == [(5, 9, "guild", "general", "#general", "1", "Ann", "m", 10, 0, 1)]


@pytest.mark.parametrize("version", range(len(migrations()) + 1))
def test_every_earlier_version_is_brought_up_to_date(version: int, tmp_path: Path) -> None:
    fresh, old = sqlite3.connect(":memory:"), sqlite3.connect(tmp_path / "old.db")
    migrate(fresh, migrations())
    migrate(old, migrations()[:version])
    migrate(old, migrations())
    schema = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
    assert old.execute(schema).fetchall() == fresh.execute(schema).fetchall()
    assert old.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
    fresh.close()
    old.close()


def test_a_migration_that_fails_changes_nothing() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    steps = ["CREATE TABLE a (x);", "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1);"]
    with pytest.raises(sqlite3.Error):
        migrate(connection, steps)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("a",)]
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()


async def writer_on(path: Path) -> tuple[Connection, GroupCommitWriter]:
    connection = Connection(lambda: sqlite3.connect(path, isolation_level=None), iter_chunk_size=64)
    await connection
    await connection.execute("CREATE TABLE t (x UNIQUE)")
    return connection, GroupCommitWriter(connection)


def insert(value: int) -> Callable[[sqlite3.Connection], None]:
    def work(raw: sqlite3.Connection) -> None:
        raw.execute("INSERT INTO t VALUES (?)", (value,))

    return work


async def numbers(connection: Connection) -> list[int]:
    return [row[0] for row in await connection.execute_fetchall("SELECT x FROM t ORDER BY x")]


async def test_a_bad_change_fails_alone_in_its_group(tmp_path: Path) -> None:
    connection, writer = await writer_on(tmp_path / "group.db")
    results = await asyncio.gather(*(writer.write(insert(n)) for n in (1, 2, 2, 3)), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), type(None), StoreError, type(None)]
    assert await numbers(connection) == [1, 2, 3]
    await writer.aclose()
    with pytest.raises(StoreError):
        await writer.write(insert(4))
    await connection.close()


async def test_many_changes_share_few_commits(tmp_path: Path) -> None:
    connection, writer = await writer_on(tmp_path / "many.db")
    statements: list[str] = []
    await connection.set_trace_callback(statements.append)
    await asyncio.gather(*(writer.write(insert(n)) for n in range(500)))
    assert statements.count("COMMIT") <= 3
    await writer.aclose()
    await connection.close()


async def test_a_cancelled_caller_stops_nobody_else(tmp_path: Path) -> None:
    connection, writer = await writer_on(tmp_path / "leave.db")
    leaving, staying = (asyncio.create_task(writer.write(insert(n))) for n in (1, 2))
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    assert await numbers(connection) == [1, 2]
    await writer.aclose()
    await connection.close()


async def test_a_full_disk_is_a_store_error(tmp_path: Path) -> None:
    connection, writer = await writer_on(tmp_path / "full.db")
    await connection.execute("PRAGMA max_page_count = 2")
    with pytest.raises(StoreError, match="full"):
        await writer.write(
            lambda raw: raw.executemany("INSERT INTO t VALUES (?)", [(f"{n}" * 900,) for n in range(99)])
        )
    assert await numbers(connection) == []
    await writer.write(insert(1))
    await writer.aclose()
    await connection.close()


async def test_a_group_without_memory_fails_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection, writer = await writer_on(tmp_path / "memory.db")
    with monkeypatch.context() as patch:
        patch.setattr("storage.sqlite.writer._commit_group", _without_memory)
        with pytest.raises(StoreError, match="MemoryError"):
            await writer.write(insert(1))
    await writer.write(insert(2))
    assert await numbers(connection) == [2]
    await writer.aclose()
    await connection.close()


def _without_memory(connection: sqlite3.Connection, group: object) -> None:
    raise MemoryError


async def test_files_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "shoulders.db"
    store = await open_database(path)
    modes = {file.name: file.stat().st_mode & 0o077 for file in (path.parent, *path.parent.glob("shoulders.db*"))}
    await store.aclose()
    assert {"new", "shoulders.db", "shoulders.db-wal"} <= modes.keys()
    assert {name for name, mode in modes.items() if mode and not name.endswith(".lock")} == set()
