"""The store in SQLite: WAL, synchronous=FULL, one connection that writes in groups and one that reads."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from bot.interfaces.command import Command
from bot.interfaces.errors import DatabaseBusy, StoreError
from bot.interfaces.messages import Place, Request, Role, Turn
from bot.interfaces.replies import Answer, Part
from bot.interfaces.store import Accepted, Conversation, EndState, RequestOutcome, Unfinished
from storage.sqlite import conversations, deletion
from storage.sqlite.answer_files import AnswerFiles
from storage.sqlite.catalogue import SQLiteCatalogue
from storage.sqlite.history import SQLiteHistory
from storage.sqlite.migrate import migrate, migrations
from storage.sqlite.records import SQLiteRecords
from storage.sqlite.request_body import read_body, write_body
from storage.sqlite.usage import SQLiteUsage
from storage.sqlite.writer import Connection, GroupCommitWriter

_ANSWER = TypeAdapter(Answer)

T = TypeVar("T")

TITLE_LENGTH = 60
"""Characters of a conversation's first question that stand for it."""

_TURN_COLUMNS = "id, parent, role, person, name, text, model, complete"

_PLACE_COLUMNS = "places.platform, places.workspace, channel, thread, direct, name"

_CHAIN = f"""
WITH RECURSIVE chain ({_TURN_COLUMNS}, depth) AS (
    SELECT {_TURN_COLUMNS}, 1 FROM turns
    WHERE id = coalesce(:upto, (SELECT max(id) FROM turns WHERE conversation = :conversation))
    UNION ALL
    SELECT {", ".join(f"turns.{column.strip()}" for column in _TURN_COLUMNS.split(","))}, depth + 1
    FROM turns JOIN chain ON turns.id = chain.parent WHERE depth < :limit
)
SELECT {_TURN_COLUMNS} FROM chain ORDER BY depth DESC
"""  # noqa: S608 -- only this module's own column names

_KNOWN = f"""
SELECT max(turns.id) FROM places
JOIN requests ON requests.place = places.id
JOIN turns ON turns.request = requests.id
JOIN conversations ON conversations.id = turns.conversation
WHERE {conversations.REACHED}
AND ((requests.message = :message AND turns.role = 'user') OR (turns.role = 'assistant' AND requests.id IN
    (SELECT request FROM drafts WHERE message = :message AND message <> '')))
AND requests.id IN (
    SELECT id FROM requests WHERE message = :message AND message <> ''
    UNION SELECT request FROM drafts WHERE message = :message AND message <> '')
"""  # noqa: S608 -- own names

_TURN_OF_MESSAGE = f"{_KNOWN} AND (private = 0 OR conversations.person = :person)"

_PARENT = """
SELECT coalesce(
    (SELECT id FROM turns WHERE id = :parent),
    (SELECT max(id) FROM turns WHERE conversation = :conversation AND id < coalesce(:parent, id + 1))
)
"""
"""The turn that a new one follows: the newest unless it is said which; the one before where that was forgotten."""

_KEEP_PART = """
INSERT OR IGNORE INTO drafts (request, part, text)
SELECT id, ?, iif(ended IS NULL, ?, '') FROM requests WHERE id = ?
"""
"""Of a request that was dropped meanwhile, no text is kept."""

_CONVERSATION = """
SELECT c.id, c.person, c.private,
    coalesce(
        (SELECT text FROM turns WHERE conversation = c.id AND role = 'user' ORDER BY id LIMIT 1),
        (SELECT json_extract(body, '$.arguments.text') FROM requests INDEXED BY requests_unfinished
            WHERE conversation = c.id AND ended IS NULL ORDER BY id LIMIT 1),
        ''
    ),
    coalesce((SELECT value FROM conversation_settings WHERE conversation = c.id AND key = 'model'), '')
FROM conversations c WHERE c.id = ?
"""


def _now() -> int:
    return time.time_ns() // 1_000_000


def _turn(
    turn: int, parent: int | None, role: Role, person: str, name: str, text: str, model: str, complete: int
) -> Turn:
    return Turn(turn, parent, role, person, name, text, model, bool(complete))


def _place(platform: str, workspace: str, channel: str, thread: str, direct: int, name: str) -> Place:
    return Place(platform, workspace, channel, thread, bool(direct), name)


class SQLiteStore:
    """A bot.interfaces.store.Store. Made by `open_store`."""

    def __init__(self, writing: Connection, reading: Connection, files: AnswerFiles, resources: AsyncExitStack) -> None:
        self._reading = reading
        self._files = files
        self._resources = resources
        self._writer = GroupCommitWriter(writing)
        self.books = SQLiteRecords(self._writer, reading)
        self.catalogue = SQLiteCatalogue(self._writer, reading)
        self.usage = SQLiteUsage(self._writer, reading)
        self.traces = SQLiteHistory(writing, self._writer, reading, files)

    async def accept(
        self, request: Request, command: Command, continue_ms: int, *, shared: bool = False
    ) -> Accepted | None:
        """Keep a request and settle its conversation; None for a duplicate or a post that is not for the bot."""
        body = write_body(request)
        window = conversations.ContinueWindow(continue_ms, shared)
        work = partial(conversations.accept, request=request, command=command, body=body, now=_now(), window=window)
        ids = await self._writer.write(work)
        return Accepted(*ids, request) if ids else None

    async def begin(self, request: int) -> None:
        """Count one more attempt at answering."""
        await self._change("UPDATE requests SET attempts = attempts + 1 WHERE id = ?", request)

    async def part_creating(self, request: int, index: int, text: str) -> None:
        """Keep that part `index` is about to be sent."""
        await self._change(_KEEP_PART, index, text, request)

    async def part_created(self, request: int, index: int, message: str) -> None:
        """Keep the message id of part `index`."""
        await self._change("UPDATE drafts SET message = ? WHERE request = ? AND part = ?", message, request, index)

    async def answered(self, accepted: Accepted, outcome: RequestOutcome) -> None:
        """Keep the outcome; from here on only its delivery is missing."""
        try:
            answer = _json(_ANSWER, await self._files.keep(accepted.id, outcome.answer))
            keep = partial(_keep_outcome, accepted=accepted, outcome=outcome, answer=answer, now=_now())
            if not await self._writer.write(keep):
                await self._files.remove(accepted.id)
        finally:
            self._files.came(accepted.id)

    async def end(self, request: int, state: EndState) -> None:
        """The request needs nothing more; its text leaves the row, its key against duplicates stays."""
        await self._writer.write(partial(_end, request=request, state=state, now=_now()))
        await self._files.remove(request)

    async def unfinished(self, platform: str) -> Sequence[Unfinished]:
        """What an earlier run, or an outage of the platform, left behind: oldest first."""
        query = (
            "SELECT id, coalesce(conversation, 0), body, attempts, answer, accepted FROM requests "
            "WHERE platform = ? AND ended IS NULL ORDER BY position"
        )
        rows = await self._reading.execute_fetchall(query, (platform,))
        return [
            Unfinished(
                Accepted(row, conversation, read_body(body)),
                attempts,
                await self._parts(row),
                await self._files.restored(row, _ANSWER.validate_json(answer)) if answer else None,
                since / 1000,
            )
            for row, conversation, body, attempts, answer, since in rows
        ]

    async def request(self, request: int) -> Accepted | None:
        """A request that has not ended."""
        query = "SELECT coalesce(conversation, 0), body FROM requests WHERE id = ? AND ended IS NULL"
        for conversation, body in await self._reading.execute_fetchall(query, (request,)):
            return Accepted(request, conversation, read_body(body))
        return None

    async def asker(self, request: int) -> tuple[Place, str] | None:
        """Where a request was made and by which person's id, ended or not."""
        query = (
            f"SELECT {_PLACE_COLUMNS}, requests.person FROM requests "  # noqa: S608 -- own columns
            "JOIN places ON places.id = requests.place WHERE requests.id = ?"
        )
        for *place, person in await self._reading.execute_fetchall(query, (request,)):
            return _place(*place), person
        return None

    async def turns(self, conversation: int, upto: int | None = None, limit: int = 1_000) -> Sequence[Turn]:
        """The chain of turns that ends with turn `upto` (None: the newest), oldest first, at most `limit`."""
        values = {"conversation": conversation, "upto": upto, "limit": limit}
        return [_turn(*row) for row in await self._reading.execute_fetchall(_CHAIN, values)]

    async def turn_of_message(self, place: Place, message: str, person: str = "") -> int | None:
        """The turn that a message within reach of a place holds; of private ones only those of this person."""
        return await self._turn(_TURN_OF_MESSAGE, {**conversations.key(place), "message": message, "person": person})

    async def question_of(self, request: int) -> Turn | None:
        """The question that a request asked, for asking it again."""
        query = f"SELECT {_TURN_COLUMNS} FROM turns WHERE request = ? AND role = 'user'"  # noqa: S608 -- own columns
        for row in await self._reading.execute_fetchall(query, (request,)):
            return _turn(*row)
        # a retry has no question of its own: its reply's parent is the question
        query = (
            f"SELECT {_TURN_COLUMNS} FROM turns "  # noqa: S608 -- own columns
            "WHERE id = (SELECT parent FROM turns WHERE request = ? AND role = 'assistant')"
        )
        for row in await self._reading.execute_fetchall(query, (request,)):
            return _turn(*row)
        return None

    async def latest(self, place: Place, person: str, *, create: bool = False) -> Conversation | None:
        """The thread's, the direct message's, or else this person's latest open conversation there."""
        work = partial(conversations.latest, place=place, person=person, now=_now(), create=create)
        found = await (self._writer.write(work) if create else self._reading.run(work))
        return await self.conversation(found) if found else None

    async def conversation(self, conversation: int) -> Conversation:
        """One conversation. Raises StoreError when there is none."""
        for row, person, private, title, model in await self._reading.execute_fetchall(_CONVERSATION, (conversation,)):
            short = " ".join(title.split())
            short = short if len(short) <= TITLE_LENGTH else short[: TITLE_LENGTH - 1].rstrip() + "…"
            return Conversation(row, person, bool(private), short, model)
        raise StoreError(f"There is no conversation {conversation}.")

    async def close_conversation(self, conversation: int) -> None:
        """What is said next begins another."""
        await self._change("UPDATE conversations SET closed = ? WHERE id = ?", _now(), conversation)

    async def set_model(self, conversation: int, model: str) -> None:
        """The model for this conversation; "" for the default."""
        if model:
            await self._change(
                "INSERT OR REPLACE INTO conversation_settings VALUES (?, 'model', ?)", conversation, model
            )
        else:
            await self._change(
                "DELETE FROM conversation_settings WHERE conversation = ? AND key = 'model'", conversation
            )

    async def takes_part(self, place: Place) -> bool:
        """Whether the bot was ever part of this thread."""
        return await self._reading.run(partial(conversations.takes_part, place=place))

    async def known_messages(self, place: Place, messages: Sequence[str]) -> Collection[str]:
        """Which of these platform messages are turns already."""
        there = conversations.key(place)
        return {message for message in messages if await self._turn(_KNOWN, {**there, "message": message}) is not None}

    async def seen(self, platform: str, since_ms: int) -> Sequence[tuple[Place, int]]:
        """Places with acts since then, each with the order of its newest."""
        query = (
            f"SELECT {_PLACE_COLUMNS}, "  # noqa: S608 -- own columns
            "(SELECT max(position) FROM requests WHERE place = places.id) FROM places WHERE platform = ? "
            "AND EXISTS (SELECT 1 FROM requests WHERE place = places.id AND accepted >= ?)"
        )
        rows = await self._reading.execute_fetchall(query, (platform, since_ms))
        return [(_place(*place), newest) for *place, newest in rows]

    async def aclose(self) -> None:
        """Finish what is queued and close the database."""
        await self._writer.aclose()
        await self._resources.aclose()

    async def _change(self, sql: str, *values: str | int) -> None:
        await self._writer.write(lambda connection: connection.execute(sql, values).rowcount)

    async def _turn(self, query: str, values: dict[str, str]) -> int | None:
        for (turn,) in await self._reading.execute_fetchall(query, values):
            return int(turn) if turn is not None else None
        return None

    async def _parts(self, request: int) -> list[Part]:
        query = "SELECT part, text, message FROM drafts WHERE request = ? ORDER BY part"
        return [Part(*row) for row in await self._reading.execute_fetchall(query, (request,))]


def _json(adapter: TypeAdapter[T], value: T) -> str:
    try:
        return adapter.dump_json(value).decode()
    except PydanticSerializationError as error:
        raise StoreError(f"The database could not be written: {error}.") from error


def _keep_outcome(
    connection: sqlite3.Connection, *, accepted: Accepted, outcome: RequestOutcome, answer: str, now: int
) -> bool:
    """Turns and the request's answer, together; False where an answer is wanted no more."""
    state = "UPDATE requests SET state = 'answered', answer = ? WHERE id = ? AND state = 'accepted'"
    if connection.execute(state, (answer, accepted.id)).rowcount == 0:
        # an earlier attempt got here already: its answer stands; or it was dropped
        return accepted.id in deletion.answered(connection)
    values = {"conversation": accepted.conversation, "parent": outcome.parent}
    (parent,) = connection.execute(_PARENT, values).fetchone()
    if outcome.question is None and parent != outcome.parent:
        deletion.leaves_remains(connection)  # the question was forgotten meanwhile: so is its answer, once it was shown
        return True
    for turn in filter(None, (outcome.question, outcome.reply)):
        parent = connection.execute(
            "INSERT INTO turns (conversation, parent, request, role, person, name, text, model, complete, created) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                accepted.conversation,
                parent,
                accepted.id,
                turn.role,
                turn.person,
                turn.name,
                turn.text,
                turn.model,
                turn.complete,
                now,
            ),
        ).lastrowid
    return True


def _end(connection: sqlite3.Connection, *, request: int, state: EndState, now: int) -> None:
    connection.execute(
        "UPDATE requests SET state = ?, ended = ?, body = NULL, answer = NULL WHERE id = ?", (state, now, request)
    )
    connection.execute("UPDATE drafts SET text = '' WHERE request = ?", (request,))


async def open_store(path: Path) -> SQLiteStore:
    """Open the database at `path`, making or upgrading it. Raises DatabaseBusy, SchemaTooNew or StoreError."""
    async with AsyncExitStack() as resources:
        lock = await asyncio.to_thread(_lock, path)
        resources.push_async_callback(asyncio.to_thread, lock.release)
        try:
            writing = await resources.enter_async_context(_connection(path))
            await writing.run(_prepare)
            await writing.run(partial(migrate, scripts=await asyncio.to_thread(migrations)))
            reading = await resources.enter_async_context(_connection(path))
            await reading.run(_prepare)
            files = AnswerFiles(path.with_name(f"{path.stem}-files"))
            await files.open(await reading.run(deletion.answered))
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"The database {path} cannot be used: {error}.") from error
        return SQLiteStore(writing, reading, files, resources.pop_all())


def _lock(path: Path) -> FileLock:
    """Keep other processes away from the database."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # for its owner's eyes; SQLite's other files follow it
        lock = FileLock(f"{path}.lock", thread_local=False)
        lock.acquire(timeout=0)
    except Timeout:
        raise DatabaseBusy(
            f"Another Shoulders is using {path}. Stop it first, or give this one its own with [bot] database."
        ) from None
    except OSError as error:
        raise StoreError(f"The database {path} cannot be opened: {error.strerror}.") from error
    return lock


def _connection(path: Path) -> Connection:
    return Connection(partial(sqlite3.connect, path, isolation_level=None), iter_chunk_size=64)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA busy_timeout = 5000")
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
