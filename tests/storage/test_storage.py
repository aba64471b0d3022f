"""The store: one row an act, conversations as people expect them, nothing lost, nothing half-done."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.interfaces.command import Command
from bot.interfaces.errors import DatabaseBusy, SchemaTooNew, StoreError
from bot.interfaces.messages import Act, Person, Place, Request, StoredTarget, Turn
from bot.interfaces.replies import Answer, Part, Usage
from bot.interfaces.store import Accepted, RequestOutcome
from bot.interfaces.usage import Grouping, ModelCall
from storage.sqlite import conversations, store
from storage.sqlite.migrate import migrate, migrations
from storage.sqlite.store import SQLiteStore, open_store
from storage.sqlite.writer import Connection, GroupCommitWriter

CHAT = Command("chat", "", converses=True)
STEER = Command("stop", "", passes=True, quiet=True)
AGAIN = Command("retry", "")
QUARTER = 15 * 60_000
CHANNEL = Place("discord", "guild", "general", name="#general")
THREAD = replace(CHANNEL, thread="thread")
DIRECT = Place("discord", "@me", "dm", direct=True)
ANN, BEN = Person("1", "Ann"), Person("2", "Ben")


class Desk:
    """Accepts requests the way an inbox does, with acts that count up."""

    def __init__(self, store: SQLiteStore) -> None:
        self.store = store
        self.acts = 100

    async def say(
        self, place: Place, person: Person = ANN, command: Command = CHAT, window: int = QUARTER, **more: object
    ) -> Accepted | None:
        self.acts += 1
        request = Request(Act(str(self.acts), self.acts), place, person, command.name, message=f"m{self.acts}")
        return await self.store.accept(replace(request, **more), command, window)  # type: ignore[arg-type]  # any field

    async def must(self, place: Place, person: Person = ANN, command: Command = CHAT, **more: object) -> Accepted:
        accepted = await self.say(place, person, command, **more)  # type: ignore[arg-type]  # any field
        assert accepted is not None
        return accepted

    async def answer(self, accepted: Accepted, question: str, reply: str, parent: int | None = None) -> None:
        asked = Turn(0, None, "user", accepted.request.person.id, accepted.request.person.name, question)
        said = Turn(0, None, "assistant", "", "", reply, "m")
        await self.store.answered(accepted, RequestOutcome(Answer(reply), parent, asked, said))
        await self.store.part_creating(accepted.id, 0, reply)
        await self.store.part_created(accepted.id, 0, f"a{accepted.id}")
        await self.store.end(accepted.id, "done")


@pytest.fixture
def desk(store: SQLiteStore) -> Desk:
    return Desk(store)


async def test_an_act_is_accepted_once(desk: Desk) -> None:
    first = await desk.must(CHANNEL, act=Act("same", 1))
    assert await desk.say(CHANNEL, act=Act("same", 1)) is None
    assert await desk.say(replace(CHANNEL, workspace="other"), act=Act("same", 1)) is not None
    assert first.conversation > 0


async def test_a_store_that_forgets_is_noticed(desk: Desk, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    accept = store.accept

    async def forgetful(request: Request, command: Command, continue_ms: int) -> Accepted | None:
        desk.acts += 1
        return await accept(replace(request, act=Act(f"new {desk.acts}", desk.acts)), command, continue_ms)

    monkeypatch.setattr(store, "accept", forgetful)
    with pytest.raises(AssertionError):
        await test_an_act_is_accepted_once(desk)


async def test_a_mention_begins_and_soon_continues_ones_own_conversation(desk: Desk) -> None:
    first = await desk.must(CHANNEL)
    assert (await desk.must(CHANNEL)).conversation == first.conversation
    assert (await desk.must(CHANNEL, BEN)).conversation != first.conversation
    assert (await desk.must(CHANNEL, window=-1)).conversation != first.conversation
    assert (await desk.must(replace(CHANNEL, channel="random"))).conversation != first.conversation


async def test_a_thread_is_one_conversation_for_all(desk: Desk) -> None:
    first = await desk.must(THREAD)
    assert (await desk.must(THREAD, BEN, addressed=False)).conversation == first.conversation


async def test_a_thread_where_the_bot_takes_no_part_leaves_no_trace(desk: Desk, store: SQLiteStore) -> None:
    assert await desk.say(THREAD, addressed=False) is None
    assert await store.seen("discord", 0) == []
    assert await store.unfinished("discord") == []


async def test_a_reply_continues_what_it_replies_to(desk: Desk, store: SQLiteStore) -> None:
    first = await desk.must(CHANNEL)
    await desk.answer(first, "one?", "one")
    second = await desk.must(CHANNEL, window=-1)
    await desk.answer(second, "two?", "two")
    branch = await desk.must(CHANNEL, BEN, replies_to=f"a{first.id}")
    assert branch.conversation == first.conversation
    turn = await store.turn_of_message(CHANNEL, f"a{first.id}")
    assert [turn.text for turn in await store.turns(first.conversation, turn)] == ["one?", "one"]
    elsewhere = replace(CHANNEL, channel="secret")
    assert await store.turn_of_message(elsewhere, f"a{first.id}") is None


async def test_a_thread_that_grows_out_of_an_answer_continues_it(desk: Desk) -> None:
    first = await desk.must(CHANNEL)
    await desk.answer(first, "one?", "one")
    grown = replace(CHANNEL, thread=f"a{first.id}")
    assert (await desk.must(grown, addressed=False)).conversation == first.conversation


async def test_private_and_public_are_kept_apart(desk: Desk) -> None:
    public = await desk.must(CHANNEL)
    private = await desk.must(CHANNEL, private=True)
    assert private.conversation != public.conversation
    assert (await desk.must(CHANNEL)).conversation == public.conversation
    assert (await desk.must(DIRECT, private=True)).conversation == (await desk.must(DIRECT)).conversation


async def test_new_ends_a_conversation(desk: Desk, store: SQLiteStore) -> None:
    for place in (CHANNEL, THREAD, DIRECT):
        first = await desk.must(place)
        await store.close_conversation(first.conversation)
        assert (await desk.must(place)).conversation != first.conversation


async def test_private_conversations_in_a_thread_are_each_persons_own(desk: Desk) -> None:
    mine = await desk.must(THREAD, private=True)
    assert (await desk.must(THREAD, private=True)).conversation == mine.conversation
    assert (await desk.must(THREAD, BEN, private=True)).conversation != mine.conversation
    assert await desk.say(THREAD, addressed=False) is None, "a private question does not make the bot take part"


async def test_a_public_retry_never_means_a_private_conversation(desk: Desk) -> None:
    private = await desk.must(CHANNEL, private=True)
    assert (await desk.must(CHANNEL, command=AGAIN)).conversation == 0
    button = {"request": str(private.id)}
    assert (await desk.must(CHANNEL, command=AGAIN, arguments=button)).conversation == 0
    pressed = await desk.must(CHANNEL, command=AGAIN, arguments=button, private=True)
    assert pressed.conversation == private.conversation
    assert (await desk.must(CHANNEL, command=STEER)).conversation == private.conversation


async def test_after_new_the_bot_stays_in_the_thread_and_begins_afresh(desk: Desk, store: SQLiteStore) -> None:
    answered = await desk.must(CHANNEL)
    await desk.answer(answered, "one?", "one")
    for thread in (THREAD, replace(CHANNEL, thread=f"a{answered.id}")):
        first = await desk.must(thread)
        new = await desk.must(thread, command=STEER)
        assert new.conversation == first.conversation
        await store.close_conversation(first.conversation)
        assert (await desk.must(thread, addressed=False)).conversation != first.conversation


async def test_a_thread_on_an_answer_of_a_conversation_left_before_continues_it(
    desk: Desk, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.sqlite.store._now", iter(range(1_000)).__next__)
    first = await desk.must(CHANNEL)
    await desk.answer(first, "one?", "one")
    await store.close_conversation(first.conversation)
    grown = replace(CHANNEL, thread=f"a{first.id}")
    for _ in range(2):
        assert (await desk.must(grown, addressed=False)).conversation == first.conversation


async def test_no_query_reads_a_whole_table(desk: Desk, tmp_path: Path) -> None:
    where = {"platform": "", "workspace": "", "channel": "", "thread": "", "message": "", "person": ""}
    queries: list[tuple[str, dict[str, str] | tuple[int | str, ...]]]
    queries = [(conversations._OF_MESSAGE, where), (store._TURN_OF_MESSAGE, where), (store._CONVERSATION, (1,))]
    queries += [(conversations._LATEST_OF_PERSON, ("", "", "", "", 0, 1)), (conversations._OF_ANSWER_SENT, (1, "", ""))]
    with sqlite3.connect(tmp_path / "shoulders.db") as raw:
        for query, values in queries:
            plan = [step[3] for step in raw.execute(f"EXPLAIN QUERY PLAN {query}", values)]
            assert not [step for step in plan if step.startswith("SCAN") and "requests_unfinished" not in step]
    raw.close()


async def test_steering_means_the_thread_or_ones_latest_in_the_channel(desk: Desk, store: SQLiteStore) -> None:
    mine, _hers, in_thread = await desk.must(CHANNEL), await desk.must(CHANNEL, BEN), await desk.must(THREAD, BEN)
    assert (await desk.must(CHANNEL, command=STEER)).conversation == mine.conversation
    assert (await desk.must(THREAD, command=STEER)).conversation == in_thread.conversation
    assert (await desk.must(DIRECT, command=STEER)).conversation == 0
    found = await store.latest(DIRECT, ANN.id, create=True)
    assert found is not None
    assert (await desk.must(DIRECT)).conversation == found.id


async def test_a_button_means_its_own_request_and_only_in_its_channel(desk: Desk) -> None:
    first = await desk.must(CHANNEL)
    await desk.must(CHANNEL, window=-1)
    about = {"request": str(first.id)}
    assert (await desk.must(CHANNEL, command=STEER, arguments=about)).conversation == first.conversation
    elsewhere = replace(CHANNEL, channel="other")
    assert (await desk.must(elsewhere, command=STEER, arguments=about)).conversation == 0


async def test_what_is_unfinished_comes_back_as_it_was(desk: Desk, store: SQLiteStore) -> None:
    target = StoredTarget('{"channel": "general"}')
    waiting = await desk.must(CHANNEL, arguments={"text": "hello?"}, reply_target=target)
    drawn = await desk.must(THREAD)
    await store.begin(drawn.id)
    await store.part_creating(drawn.id, 0, "hel")
    await store.part_created(drawn.id, 0, "m9")
    await store.part_creating(drawn.id, 1, "lo")
    answered = await desk.must(DIRECT)
    answer = Answer("text", ("note",))
    await store.answered(answered, RequestOutcome(answer))
    left = await store.unfinished("discord")
    assert [one.accepted for one in left] == [waiting, drawn, answered]
    assert [one.attempts for one in left] == [1, 2, 1]
    assert left[1].parts == [Part(0, "hel", "m9"), Part(1, "lo")]
    assert [one.answer for one in left] == [None, None, answer]
    assert await store.unfinished("slack") == []


async def test_an_ended_request_keeps_its_key_and_nothing_said(desk: Desk, store: SQLiteStore, tmp_path: Path) -> None:
    accepted = await desk.must(CHANNEL, arguments={"text": "hello?"})
    await desk.answer(accepted, "hello?", "hi")
    with sqlite3.connect(tmp_path / "shoulders.db") as raw:
        assert raw.execute("SELECT state, body, answer FROM requests").fetchall() == [("done", None, None)]
        assert raw.execute("SELECT text FROM drafts").fetchall() == [("",)]
    raw.close()
    assert await store.request(accepted.id) is None
    assert await store.asker(accepted.id) == (CHANNEL, ANN.id)


async def test_an_answer_is_kept_once_however_often_it_is_given(desk: Desk, store: SQLiteStore) -> None:
    accepted = await desk.must(CHANNEL)
    for text in ("first", "second"):
        await store.answered(accepted, RequestOutcome(Answer(text), None, Turn(0, None, "user", "1", "Ann", "q"), None))
    assert len(await store.turns(accepted.conversation)) == 1
    left = await store.unfinished("discord")
    assert left[0].answer == Answer("first")


async def test_turns_chain_from_the_first_to_the_newest(desk: Desk, store: SQLiteStore) -> None:
    first = await desk.must(DIRECT)
    await desk.answer(first, "one?", "one")
    newest = (await store.turns(first.conversation))[-1]
    second = await desk.must(DIRECT)
    await desk.answer(second, "two?", "two", parent=newest.id)
    assert [turn.text for turn in await store.turns(first.conversation)] == ["one?", "one", "two?", "two"]
    assert [turn.text for turn in await store.turns(first.conversation, limit=2)] == ["two?", "two"]
    conversation = await store.conversation(first.conversation)
    assert conversation.label == "“one?”"
    question = await store.question_of(second.id)
    assert question is not None
    assert question.text == "two?"


async def test_a_conversation_is_recognised_before_its_first_answer(desk: Desk, store: SQLiteStore) -> None:
    accepted = await desk.must(CHANNEL, arguments={"text": "How long\nis a piece of string?"})
    assert (await store.conversation(accepted.conversation)).label == "“How long is a piece of string?”"


async def test_a_model_chosen_for_a_conversation_stays(desk: Desk, store: SQLiteStore) -> None:
    accepted = await desk.must(DIRECT)
    await store.set_model(accepted.conversation, "big")
    assert (await store.conversation(accepted.conversation)).model == "big"
    await store.set_model(accepted.conversation, "")
    assert (await store.conversation(accepted.conversation)).model == ""


async def test_two_processes_cannot_share_a_database(store: SQLiteStore, tmp_path: Path) -> None:
    with pytest.raises(DatabaseBusy, match="Another Shoulders"):
        await open_store(tmp_path / "shoulders.db")


async def test_a_database_from_the_future_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 999")
    raw.close()
    with pytest.raises(SchemaTooNew, match="newer Shoulders"):
        await open_store(path)


async def test_what_is_no_database_is_said_plainly(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear Sir or Madam, " * 100)
    with pytest.raises(StoreError, match="cannot be used"):
        await open_store(path)


async def test_what_a_call_used_is_on_disk_no_later_than_the_answer(
    desk: Desk, store: SQLiteStore, tmp_path: Path
) -> None:
    first = await desk.must(CHANNEL)
    store.usage.spent([ModelCall(first.id, 1, CHANNEL, ANN, "m", Usage(3, 4), 5, succeeded=True)])
    await desk.answer(first, "one?", "one")
    with sqlite3.connect(tmp_path / "shoulders.db") as other:
        assert other.execute("SELECT request, prompt_tokens, cost FROM usage").fetchall() == [(first.id, 3, 5)]


async def test_what_a_call_used_outlives_its_request(desk: Desk, store: SQLiteStore, tmp_path: Path) -> None:
    first = await desk.must(CHANNEL)
    call = ModelCall(first.id, 1, CHANNEL, ANN, "m", Usage(3, 4), succeeded=True)
    await store.usage.spent([call])
    await store._writer.write(lambda connection: connection.execute("DELETE FROM requests").rowcount)
    await store.usage.spent([call])
    (total,) = await store.usage.totals(("person", "model"), 0)
    assert (total.key, total.requests, total.usage) == (("1", "m"), 2, Usage(6, 8))


async def test_usage_is_summed_up_by_whatever_is_asked(store: SQLiteStore) -> None:
    other, direct = replace(CHANNEL, workspace="other"), replace(CHANNEL, channel="dm", direct=True, name="")
    await store.usage.spent(
        [
            ModelCall(0, 1_000, CHANNEL, ANN, "m", Usage(1, 1), 10, succeeded=True),
            ModelCall(0, 2_000, THREAD, replace(ANN, name="Anne"), "m", Usage(2, 0), 20),
            ModelCall(0, 86_400_000, direct, BEN, "n", Usage(), 0),
            ModelCall(0, 999, other, BEN, "m", Usage(100, 0), 99, succeeded=True),
        ]
    )

    async def sums(*by: Grouping, since: int = 0, **within: str) -> list[tuple[tuple[str, ...], int, int, int]]:
        totals = await store.usage.totals(by, since, **within)  # type: ignore[arg-type]  # no `until` among them
        return [(total.key, total.requests, total.failures, total.cost) for total in totals]

    assert await sums("day", platform="discord", workspace="guild") == [
        (("1970-01-01",), 2, 1, 30),
        (("1970-01-02",), 0, 1, 0),
    ]
    assert await sums("place", "model", workspace="guild") == [(("", "n"), 0, 1, 0), (("general", "m"), 2, 1, 30)]
    assert await sums("workspace", since=1_000) == [(("guild",), 2, 2, 30)]
    assert await sums("channel", person="2", workspace="guild") == [(("dm",), 0, 1, 0)]
    (ann, _) = await store.usage.totals(("person",), 0, workspace="guild")
    assert (ann.person_name, ann.place_name) == ("Anne", "#general")


def test_what_was_used_before_is_kept_by_the_migration() -> None:
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


async def test_a_caller_that_leaves_does_not_stop_the_others(tmp_path: Path) -> None:
    connection, writer = await writer_on(tmp_path / "leave.db")
    leaving, staying = (asyncio.create_task(writer.write(insert(n))) for n in (1, 2))
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    assert await numbers(connection) == [1, 2]
    await writer.aclose()
    await connection.close()


async def test_a_disk_that_fails_is_told_to_whoever_writes(tmp_path: Path) -> None:
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


async def test_without_memory_a_group_fails_and_others_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


async def test_what_was_said_is_for_its_owners_eyes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "shoulders.db"
    store = await open_store(path)
    modes = {file.name: file.stat().st_mode & 0o077 for file in (path.parent, *path.parent.glob("shoulders.db*"))}
    await store.aclose()
    assert {"new", "shoulders.db", "shoulders.db-wal"} <= modes.keys()
    assert {name for name, mode in modes.items() if mode and not name.endswith(".lock")} == set()
