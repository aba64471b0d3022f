"""Stored data of people and places, and their deletion, in SQLite.

With secure_delete SQLite overwrites deleted rows, but not the copies that it leaves behind when it moves rows within a
page. The write-ahead log has old pages until it is truncated. So after deletions the file is rewritten and the log
truncated.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from bot.interfaces.errors import StoreError
from bot.interfaces.history import (
    ALL,
    ClockReading,
    Departure,
    Extent,
    HistoryCopy,
    HistoryCounts,
    HistoryItem,
    RetentionBounds,
    Vote,
)
from bot.interfaces.messages import Message, Place, Request, Role
from storage.sqlite import deletion
from storage.sqlite.answer_files import AnswerFiles
from storage.sqlite.connections import Connections, Value
from storage.sqlite.deletion import Deletion, RowQuery
from storage.sqlite.places import PLACE_COLUMNS, find_place, keep_place, place_key, place_of

BATCH = 200
"""Rows that are deleted in one change, so that other changes do not wait long."""

TRUNCATE_MILLISECONDS = 200
"""The milliseconds for which the truncation of the write-ahead log waits for readers."""

_TURNS = f"""
SELECT t.created, {PLACE_COLUMNS}, t.conversation, c.private, t.role, t.person, t.name, t.text, t.model
FROM turns t JOIN requests r ON r.id = t.request JOIN places ON places.id = r.place
JOIN conversations c ON c.id = t.conversation
WHERE t.id IN ({{chosen}}) AND ((places.direct = 0 AND c.private = 0) OR r.person = :reader)
ORDER BY t.conversation, t.id
"""

_OVERHEARD = f"""
SELECT o.at, {PLACE_COLUMNS}, 0, 0, 'user', o.person, o.name, o.text, ''
FROM overheard o JOIN places ON places.id = o.place WHERE o.id IN ({{chosen}}) ORDER BY o.id
"""

_VOTES = f"""
SELECT v.at, {PLACE_COLUMNS}, v.person, v.model, v.good
FROM votes v JOIN requests r ON r.id = v.request JOIN places ON places.id = r.place
LEFT JOIN conversations c ON c.id = r.conversation
WHERE v.request IN ({{chosen}}) AND (:person = '' OR v.person = :person)
AND ((places.direct = 0 AND coalesce(c.private, 0) = 0) OR v.person = :reader)
ORDER BY v.at
"""

_LATEST_OVERHEARD = """
SELECT o.message, o.name, o.text FROM overheard o JOIN places p ON p.id = o.place
WHERE p.platform = :platform AND p.workspace = :workspace AND p.channel = :channel
AND (p.thread = :thread OR (p.thread = '' AND o.message = :thread)) AND o.position < :before
ORDER BY o.position DESC LIMIT :limit
"""
"""The first message of a thread, whose id is the thread's, is in the channel."""


class SQLiteHistory:
    """A bot.interfaces.history.HistoryStore."""

    def __init__(self, connections: Connections, files: AnswerFiles) -> None:
        self._connections = connections
        self._files = files

    async def count(self, extent: Extent, before: int) -> HistoryCounts:
        return await self._connections.read(partial(deletion.count, extent=extent, before=before))

    async def forget(self, extent: Extent, before: int) -> None:
        await self._delete_text(extent, before)  # first, so that later answers to these requests are not stored
        await self._delete_rows(deletion.votes(extent, before), partial(deletion.remove_votes, person=extent.person))
        await self._delete_rows(deletion.conversations(extent), partial(deletion.remove_conversations, but=before))
        await self._delete_rows(
            deletion.requests(deletion.within(extent, before), "r.person <> ''"), deletion.remove_names
        )

    async def place_deleted(self, extent: Extent) -> None:
        await self._delete_text(extent, ALL)

    async def _delete_text(self, extent: Extent, before: int) -> None:
        chosen = deletion.within(extent, before)
        await self._drop(deletion.waiting(chosen))
        await self._delete_rows(deletion.turns(chosen), deletion.remove_turns)
        await self._delete_rows(deletion.overheard(extent), deletion.remove_overheard)

    async def copy(self, extent: Extent, reader: str) -> AsyncGenerator[HistoryCopy, None]:
        turns = deletion.turns(deletion.within(extent, ALL))
        ordered = f"SELECT id FROM turns WHERE id IN ({turns.sql}) ORDER BY conversation, id"
        async for rows in self._batches(RowQuery(ordered, turns.values), _TURNS, reader):
            yield [_history_item(*row) for row in rows], (), ()
        async for rows in self._batches(deletion.overheard(extent), _OVERHEARD, reader):
            yield (), [_history_item(*row) for row in rows], ()
        async for rows in self._batches(deletion.votes(extent, ALL), _VOTES, reader, extent.person):
            yield (), (), [_vote(*row) for row in rows]

    async def _batches(
        self, query: RowQuery, sql: str, reader: str, person: str = ""
    ) -> AsyncGenerator[Iterable[sqlite3.Row], None]:
        """Yield the columns of the rows that a query finds, in batches, so that other reads run in between."""
        found = await self._connections.read(query.run)
        for start in range(0, len(found), BATCH):
            values = {"ids": json.dumps(found[start : start + BATCH]), "reader": reader, "person": person}
            yield await self._connections.rows(sql.format(chosen="SELECT value FROM json_each(:ids)"), values)

    # Messages and votes -----------------------------------------------------------------------------------------------

    async def overhear(self, request: Request) -> None:
        await self._connections.write(partial(_overhear, request=request, now=self._connections.now))

    async def overheard(self, place: Place, before: int, limit: int) -> Sequence[Message]:
        values: Mapping[str, Value] = {**place_key(place), "before": before, "limit": limit}
        rows = await self._connections.rows(_LATEST_OVERHEARD, values)
        return [Message(*row) for row in rows][::-1]

    async def edited(self, place: Place, message: str, text: str, turned: Callable[[str], str]) -> None:
        values = {**deletion.channel_of(place), "message": message, "text": text}
        if await self._connections.read(partial(_knows, values=values)):
            await self._connections.write(partial(_edit, place=place, values=values, turned=turned))

    async def deleted(self, place: Place, messages: Sequence[str]) -> None:
        for message in messages:
            values = {**deletion.channel_of(place), "message": message}
            if await self._connections.read(partial(_knows, values=values)):
                await self._connections.write(partial(_delete, place=place, message=message, now=self._connections.now))
        await self._sweep()

    async def vote(self, request: int, person: str, *, good: bool) -> bool:
        sql = (
            "INSERT OR REPLACE INTO votes (request, person, model, good, at) "
            "SELECT request, ?, model, ?, ? FROM turns WHERE request = ? AND role = 'assistant'"
        )
        values = (person, good, self._connections.now, request)
        return await self._connections.change(sql, *values) > 0

    # Expiry and departures --------------------------------------------------------------------------------------------

    async def places(self) -> Sequence[Place]:
        rows = await self._connections.rows(f"SELECT {PLACE_COLUMNS} FROM places")
        return [place_of(*row) for row in rows]

    async def expire(self, place: Place, bounds: RetentionBounds) -> int:
        row = await self._connections.read(partial(find_place, place=place))
        if row is None:
            return 0
        at = {"place": row, "until": bounds.conversations, "overheard_until": bounds.overheard}
        old = deletion.older(row, bounds.conversations)
        overheard = RowQuery("SELECT id FROM overheard WHERE place = :place AND at < :overheard_until", at)
        inactive = RowQuery("SELECT id FROM conversations WHERE place = :place AND active < :until", at)
        voted = deletion.requests(old, "EXISTS (SELECT 1 FROM votes WHERE request = r.id)")
        done = deletion.older(row, bounds.requests)
        textless = "r.ended IS NOT NULL AND NOT EXISTS (SELECT 1 FROM turns WHERE request = r.id)"
        await self._drop(deletion.waiting(old))
        deleted = await self._delete_rows(deletion.turns(old), deletion.remove_turns)
        deleted += await self._delete_rows(overheard, deletion.remove_overheard)
        await self._delete_rows(voted, partial(deletion.remove_votes, person=""))
        await self._delete_rows(deletion.requests(done, "r.person <> ''"), deletion.remove_names)
        await self._delete_rows(deletion.requests(done, textless), partial(deletion.remove_rows, table="requests"))
        await self._delete_rows(inactive, deletion.remove_conversations)
        return deleted

    async def expire_audit(self, until: int) -> None:
        old = RowQuery("SELECT id FROM audit WHERE at < :until", {"until": until})
        await self._delete_rows(old, partial(deletion.remove_rows, table="audit"))

    async def workspaces(self, platform: str) -> Collection[str]:
        sql = "SELECT workspace FROM places WHERE platform = ? UNION SELECT workspace FROM settings WHERE platform = ?"
        return {row[0] for row in await self._connections.rows(sql, (platform, platform)) if row[0]}

    async def served_workspaces(self) -> Collection[tuple[str, str]]:
        sql = "SELECT DISTINCT platform, workspace FROM places WHERE NOT direct"
        return {(platform, workspace) for platform, workspace in await self._connections.rows(sql)}

    async def departures(self) -> Sequence[Departure]:
        sql = "SELECT platform, workspace, due FROM chores WHERE name = 'departure' ORDER BY due"
        return [Departure(*row) for row in await self._connections.rows(sql)]

    async def add_departure(self, departure: Departure) -> None:
        sql = "INSERT OR IGNORE INTO chores (name, platform, workspace, due) VALUES ('departure', ?, ?, ?)"
        values = (departure.platform, departure.workspace, departure.due)
        await self._connections.change(sql, *values)

    async def remove(self, platform: str, workspace: str) -> None:
        for query, work in deletion.numbered_rows(platform, workspace):
            await self._delete_rows(query, work)
        await self._connections.write(partial(deletion.remove_records, platform=platform, workspace=workspace))
        await self._sweep()

    async def remove_departure(self, platform: str, workspace: str) -> None:
        sql = "DELETE FROM chores WHERE name = 'departure' AND platform = ? AND workspace = ?"
        await self._connections.change(sql, platform, workspace)

    async def clock_reading(self) -> ClockReading | None:
        for row in await self._connections.rows("SELECT trusted, seen, confirmed FROM clock"):
            return _clock_reading(*row)
        return None

    async def keep_clock_reading(self, reading: ClockReading) -> None:
        sql = "INSERT OR REPLACE INTO clock (id, trusted, seen, confirmed) VALUES (1, ?, ?, ?)"
        times = (reading.trusted, reading.seen, reading.confirmed)
        values = [None if time is None else int(time * 1_000) for time in times]
        await self._connections.change(sql, *values)

    async def remains(self) -> int:
        sql = (
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size "
            "WHERE EXISTS (SELECT 1 FROM chores WHERE name = 'rewrite')"
        )
        return sum(row[0] for row in await self._connections.rows(sql))

    async def rewrite(self) -> None:
        try:
            await self._connections.writing.run(_rewrite)
        except sqlite3.Error as error:
            raise StoreError(f"Deleted data could not be erased from the database file: {error}.") from error

    async def truncate_log(self) -> bool:
        return await self._connections.writing.run(_truncate_log)

    async def _drop(self, query: RowQuery) -> None:
        """End requests without an answer."""
        await self._delete_rows(query, partial(deletion.drop, now=self._connections.now))
        await self._sweep()

    async def _sweep(self) -> None:
        """Delete the files of answers that were deleted."""
        if self._files.has_any:
            await self._files.sweep(await self._connections.read(deletion.answered))

    async def _delete_rows(self, query: RowQuery, work: Deletion) -> int:
        """Delete the rows that a query finds, a batch at a time, and return their number."""
        rows = await self._connections.read(query.run)
        for start in range(0, len(rows), BATCH):
            await self._connections.write(_with(work, rows[start : start + BATCH]))
        return len(rows)


def _with(work: Deletion, rows: Sequence[int]) -> Callable[[sqlite3.Connection], None]:
    return lambda connection: work(connection, rows)


def _overhear(connection: sqlite3.Connection, *, request: Request, now: int) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO overheard (place, message, position, person, name, text, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            keep_place(connection, request.place),
            request.message,
            request.act.order,
            request.person.id,
            request.person.name,
            request.text,
            now,
        ),
    )


_MESSAGE = "message = :message AND message <> ''"


def _knows(connection: sqlite3.Connection, *, values: dict[str, str]) -> bool:
    """Return whether a message is a question, a part of an answer, or was overheard."""
    (known,) = connection.execute(
        f"SELECT EXISTS (SELECT 1 FROM requests WHERE {_MESSAGE}) OR EXISTS (SELECT 1 FROM drafts WHERE {_MESSAGE}) "
        f"OR EXISTS (SELECT 1 FROM overheard WHERE place IN ({deletion.PLACES_OF_CHANNEL}) AND {_MESSAGE})",
        values,
    ).fetchone()
    return bool(known)


def _edit(
    connection: sqlite3.Connection, *, place: Place, values: dict[str, str], turned: Callable[[str], str]
) -> None:
    """Change the text of a message in turns, unanswered requests and overheard messages."""
    asked = deletion.asked_by(place, values["message"])
    for turn in deletion.questions(asked).run(connection):
        (old_text,) = connection.execute("SELECT text FROM turns WHERE id = ?", (turn,)).fetchone()
        connection.execute("UPDATE turns SET text = ? WHERE id = ?", (turned(old_text), turn))
    for request in deletion.waiting(asked).run(connection):
        body = "UPDATE requests SET body = json_set(body, '$.arguments.text', ?) WHERE id = ?"
        connection.execute(body, (values["text"], request))
    update = f"UPDATE overheard SET text = :text WHERE place IN ({deletion.PLACES_OF_CHANNEL}) AND {_MESSAGE}"
    connection.execute(update, values)
    deletion.mark_for_rewrite(connection)


def _delete(connection: sqlite3.Connection, *, place: Place, message: str, now: int) -> None:
    """Delete a question with its answers, or an answer by one of its messages."""
    asked, answered = deletion.asked_by(place, message), deletion.answered_by(place, message)
    overheard = f"SELECT id FROM overheard WHERE place IN ({deletion.PLACES_OF_CHANNEL}) AND {_MESSAGE}"
    deletion.drop(connection, deletion.waiting(asked).run(connection), now)
    deletion.remove_turns(connection, deletion.turns(asked).run(connection))
    deletion.remove_turns(connection, deletion.replies(answered).run(connection))
    deletion.remove_overheard(connection, RowQuery(overheard, asked.values).run(connection))


def _rewrite(connection: sqlite3.Connection) -> None:
    connection.execute("VACUUM")
    connection.execute("DELETE FROM chores WHERE name = 'rewrite'")


def _truncate_log(connection: sqlite3.Connection) -> bool:
    (timeout,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {TRUNCATE_MILLISECONDS}")
    try:
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {timeout}")
    return not busy


def _history_item(
    at: int,
    platform: str,
    workspace: str,
    channel: str,
    thread: str,
    direct: int,
    place_name: str,
    conversation: int,
    private: int,
    role: Role,
    person: str,
    name: str,
    text: str,
    model: str,
) -> HistoryItem:
    place = place_of(platform, workspace, channel, thread, direct, place_name)
    return HistoryItem(at, place, conversation, bool(private), role, person, name, text, model)


def _clock_reading(trusted: int, seen: int, confirmed: int | None) -> ClockReading:
    return ClockReading(trusted / 1_000, seen / 1_000, None if confirmed is None else confirmed / 1_000)


def _vote(
    at: int,
    platform: str,
    workspace: str,
    channel: str,
    thread: str,
    direct: int,
    place_name: str,
    person: str,
    model: str,
    good: int,
) -> Vote:
    return Vote(at, place_of(platform, workspace, channel, thread, direct, place_name), person, model, bool(good))
