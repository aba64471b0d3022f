"""Queries for data by person or place, and their deletion in small transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeAlias

from bot.interfaces.history import ALL, Extent, HistoryCounts
from bot.interfaces.messages import Place

Values: TypeAlias = Mapping[str, str | int]
Deletion: TypeAlias = Callable[[sqlite3.Connection, Sequence[int]], None]
"""A function that deletes rows, in one transaction."""


NUMBERED_TABLES = ("requests", "usage", "audit", "places")
RECORD_TABLES = {"settings": "key <> 'on_uninstall'", "rules": "1", "personas": "1", "limits": "1"}
"""Tables with the rows of a workspace: those with numbered rows, and others with a condition."""

PLACES_OF_CHANNEL = "SELECT id FROM places WHERE platform = :platform AND workspace = :workspace AND channel = :channel"
_THREAD = " AND thread = :thread"


class RowQuery(NamedTuple):
    """A query for the numbers of rows, with its values."""

    sql: str
    values: Values

    def run(self, connection: sqlite3.Connection) -> Sequence[int]:
        """Return the numbers of the rows."""
        return [int(row[0]) for row in connection.execute(self.sql, self.values)]

    def count(self, connection: sqlite3.Connection) -> int:
        """Count the rows."""
        (found,) = connection.execute(f"SELECT count(*) FROM ({self.sql})", self.values).fetchone()
        return int(found)


class RequestFilter(NamedTuple):
    """A condition on requests `r`. For a person, it leaves out answers to others' questions."""

    where: str
    values: Values
    person: str = ""


# Filters ----------------------------------------------------------------------------------------------------------


def within(extent: Extent, before: int) -> RequestFilter:
    """Choose the requests of an extent before request `before`. Plus signs leave the index to the narrower part."""
    plus = "+" if extent.channel or extent.person or extent.conversation else ""
    parts = [f"{plus}r.platform = :platform", "r.id < :before"]
    parts += [f"{plus}r.workspace = :workspace"] if extent.workspace else []
    parts += [f"r.place IN ({PLACES_OF_CHANNEL}{_THREAD if extent.thread else ''})"] if extent.channel else []
    parts += ["r.person = :person"] if extent.person else []
    parts += ["r.conversation = :conversation"] if extent.conversation else []
    return RequestFilter(" AND ".join(parts), {**_values(extent), "before": before}, extent.person)


def older(place: int, until: int) -> RequestFilter:
    """Choose the requests of a place, given by its row, before a moment."""
    return RequestFilter("r.place = :place AND r.accepted < :until", {"place": place, "until": until})


def asked_by(place: Place, message: str) -> RequestFilter:
    """Choose the requests that a message in a channel made."""
    where = f"r.message = :message AND r.message <> '' AND r.place IN ({PLACES_OF_CHANNEL})"
    return RequestFilter(where, {**channel_of(place), "message": message})


def answered_by(place: Place, message: str) -> RequestFilter:
    """Choose the ended requests whose answer a message in a channel is, or belongs to."""
    drawn = "SELECT request FROM drafts WHERE message = :message AND message <> ''"
    where = f"r.id IN ({drawn}) AND r.ended IS NOT NULL AND r.place IN ({PLACES_OF_CHANNEL})"
    return RequestFilter(where, {**channel_of(place), "message": message})


def channel_of(place: Place) -> dict[str, str]:
    """Return the values of the query PLACES_OF_CHANNEL."""
    return {"platform": place.platform, "workspace": place.workspace, "channel": place.channel}


def _values(extent: Extent) -> dict[str, str | int]:
    return {
        "platform": extent.platform,
        "workspace": extent.workspace,
        "channel": extent.channel,
        "thread": extent.thread,
        "person": extent.person,
        "conversation": extent.conversation,
    }


# Queries ----------------------------------------------------------------------------------------------------------


def requests(chosen: RequestFilter, also: str = "1") -> RowQuery:
    """Find the requests that meet another condition too."""
    return RowQuery(f"SELECT r.id FROM requests r WHERE {chosen.where} AND {also}", chosen.values)


def waiting(chosen: RequestFilter) -> RowQuery:
    """Find the requests that are not answered yet."""
    return requests(chosen, "r.ended IS NULL")


def answered(connection: sqlite3.Connection) -> Sequence[int]:
    """Return the requests whose answer is known and was not shown yet."""
    sql = "SELECT id FROM requests INDEXED BY requests_unfinished WHERE ended IS NULL AND state = 'answered'"
    return [int(row[0]) for row in connection.execute(sql)]


def questions(chosen: RequestFilter) -> RowQuery:
    """Find the questions of the requests."""
    sql = f"SELECT t.id FROM requests r JOIN turns t ON t.request = r.id WHERE {chosen.where} AND t.role = 'user'"
    return RowQuery(sql, chosen.values)


def answers(chosen: RequestFilter) -> RowQuery:
    """Find the answers to these questions, also to a retry by others, and answers whose question is deleted."""
    also = "0" if chosen.person else "1"
    sql = f"""
    SELECT a.id FROM requests r JOIN turns q ON q.request = r.id AND q.role = 'user'
    JOIN turns a ON a.parent = q.id AND a.role = 'assistant' WHERE {chosen.where}
    UNION
    SELECT a.id FROM requests r JOIN turns a ON a.request = r.id AND a.role = 'assistant'
    LEFT JOIN turns q ON q.id = a.parent AND q.role = 'user' WHERE {chosen.where} AND (q.id IS NULL OR {also})
    """
    return RowQuery(sql, chosen.values)


def replies(chosen: RequestFilter) -> RowQuery:
    """Find the answers of the requests themselves."""
    sql = f"SELECT t.id FROM requests r JOIN turns t ON t.request = r.id WHERE {chosen.where} AND t.role = 'assistant'"
    return RowQuery(sql, chosen.values)


def turns(chosen: RequestFilter) -> RowQuery:
    """Find questions and answers."""
    return RowQuery(f"{questions(chosen).sql} UNION {answers(chosen).sql}", chosen.values)


def overheard(extent: Extent) -> RowQuery:
    """Find overheard messages; they belong to no conversation."""
    parts = ["o.id = 0"] if extent.conversation else [_places(extent)]
    parts += ["o.person = :person"] if extent.person else []
    sql = f"SELECT o.id FROM overheard o JOIN places p ON p.id = o.place WHERE {' AND '.join(parts)}"
    return RowQuery(sql, _values(extent))


def conversations(extent: Extent) -> RowQuery:
    """Find conversations; for a person, those that they began."""
    parts = [_places(extent)]
    parts += ["c.person = :person"] if extent.person else []
    parts += ["c.id = :conversation"] if extent.conversation else []
    sql = f"SELECT c.id FROM conversations c JOIN places p ON p.id = c.place WHERE {' AND '.join(parts)}"
    return RowQuery(sql, _values(extent))


def votes(extent: Extent, before: int) -> RowQuery:
    """Find the requests with a person's votes, or else with votes on answers of the extent."""
    chosen = within(replace(extent, person=""), ALL if extent.person else before)
    mine = "v.person = :person" if extent.person else "1"
    sql = f"SELECT v.request FROM votes v JOIN requests r ON r.id = v.request WHERE {mine} AND {chosen.where}"
    return RowQuery(sql, {**chosen.values, "person": extent.person})


def _places(extent: Extent) -> str:
    """Return a condition on places `p`. Plus signs leave the index to a person or a conversation."""
    plus = "+" if extent.person or extent.conversation else ""
    parts = [f"{plus}p.platform = :platform"]
    parts += [f"{plus}p.workspace = :workspace"] if extent.workspace else []
    parts += ["p.channel = :channel"] if extent.channel else []
    parts += ["p.thread = :thread"] if extent.thread else []
    return " AND ".join(parts)


def count(connection: sqlite3.Connection, extent: Extent, before: int) -> HistoryCounts:
    """Count everything in an extent."""
    chosen = within(extent, before)
    found = (questions(chosen), answers(chosen), waiting(chosen), overheard(extent), votes(extent, before))
    return HistoryCounts(*(query.count(connection) for query in found))


# Deletion ----------------------------------------------------------------------------------------------------------


def drop(connection: sqlite3.Connection, rows: Iterable[int], now: int) -> None:
    """End requests without an answer; later answers to them are not stored."""
    for request in rows:
        connection.execute(
            "UPDATE requests SET state = 'dropped', ended = ?, body = NULL, answer = NULL WHERE id = ?", (now, request)
        )
        connection.execute("UPDATE drafts SET text = '' WHERE request = ?", (request,))
    mark_for_rewrite(connection)


def remove_turns(connection: sqlite3.Connection, rows: Iterable[int]) -> None:
    """Delete turns; each turn after them gets the parent of the deleted one."""
    conversations = set()
    for turn in rows:
        attach = "UPDATE turns SET parent = (SELECT parent FROM turns WHERE id = :turn) WHERE parent = :turn"
        connection.execute(attach, {"turn": turn})
        conversations |= {row[0] for row in connection.execute("SELECT conversation FROM turns WHERE id = ?", (turn,))}
        connection.execute("DELETE FROM turns WHERE id = ?", (turn,))
    _remove_empty(connection, conversations)
    mark_for_rewrite(connection)


def remove_names(connection: sqlite3.Connection, rows: Iterable[int]) -> None:
    """Remove people from requests, which stay as keys against duplicates, and from usage, which stays in the sums."""
    named = [(request,) for request in rows]
    connection.executemany("UPDATE requests SET person = '' WHERE id = ?", named)
    connection.executemany(
        "UPDATE usage SET person = '', person_name = '', home = '', place_name = iif(thread = '', place_name, '') "
        "WHERE request = ?",
        named,
    )


def remove_overheard(connection: sqlite3.Connection, rows: Iterable[int]) -> None:
    """Delete overheard messages."""
    connection.executemany("DELETE FROM overheard WHERE id = ?", [(row,) for row in rows])
    mark_for_rewrite(connection)


def remove_votes(connection: sqlite3.Connection, rows: Iterable[int], person: str) -> None:
    """Delete a person's votes, "" for everybody's, on the answers to requests."""
    sql = "DELETE FROM votes WHERE request = ? AND (person = ? OR ? = '')"
    connection.executemany(sql, [(request, person, person) for request in rows])


def remove_conversations(connection: sqlite3.Connection, rows: Sequence[int], but: int = 0) -> None:
    """Delete empty conversations; remove from others the person who began them."""
    _remove_empty(connection, rows, but)
    connection.executemany("UPDATE conversations SET person = '' WHERE id = ?", [(row,) for row in rows])


def remove_rows(connection: sqlite3.Connection, rows: Iterable[int], table: str) -> None:
    """Delete the rows of requests, or of another table."""
    connection.executemany(f"DELETE FROM {table} WHERE id = ?", [(row,) for row in rows])


def numbered_rows(platform: str, workspace: str) -> Iterable[tuple[RowQuery, Deletion]]:
    """Yield the numbered rows of a workspace with their deletion. Places come last: the others refer to them."""
    for table in NUMBERED_TABLES:
        sql = f"SELECT id FROM {table} WHERE platform = :platform AND workspace = :workspace"
        yield RowQuery(sql, {"platform": platform, "workspace": workspace}), partial(remove_rows, table=table)


def remove_records(connection: sqlite3.Connection, *, platform: str, workspace: str) -> None:
    """Delete the records of a workspace, except for the setting that decides on its deletion, which goes last."""
    for table, also in RECORD_TABLES.items():
        sql = f"DELETE FROM {table} WHERE platform = ? AND workspace = ? AND {also}"
        connection.execute(sql, (platform, workspace))
    mark_for_rewrite(connection)


def _remove_empty(connection: sqlite3.Connection, rows: Iterable[int], but: int = 0) -> None:
    """Delete conversations without a turn and without an unfinished request, except request `but`."""
    sql = (
        "DELETE FROM conversations WHERE id = :id "
        "AND NOT EXISTS (SELECT 1 FROM turns WHERE conversation = :id) "
        "AND NOT EXISTS (SELECT 1 FROM requests WHERE conversation = :id AND ended IS NULL AND id <> :but)"
    )
    connection.executemany(sql, [{"id": row, "but": but} for row in rows])


def mark_for_rewrite(connection: sqlite3.Connection) -> None:
    """Mark the file for a rewrite, because text was deleted."""
    connection.execute("INSERT OR IGNORE INTO chores (name) VALUES ('rewrite')")
