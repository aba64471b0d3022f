"""Find the conversation that a request continues, in the transaction that stores the request."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from bot.interfaces.messages import Place, Request
from bot.interfaces.store import Continuation, Privacy, Source
from storage.sqlite.places import find_place, first, keep_place, place_key

_OPEN_AT_PLACE = (
    "SELECT id FROM conversations WHERE place = ? AND closed = 0 AND private = 0 ORDER BY active DESC, id DESC"
)
_EVER_AT_PLACE = "SELECT id FROM conversations WHERE place = ? AND private = 0"
_LEFT_AT_PLACE = (
    "SELECT id FROM conversations WHERE id = ? AND closed > 0 "
    "AND EXISTS (SELECT 1 FROM requests WHERE place = ? AND accepted <= closed)"
)
_OPEN_OF_PERSON = (
    "SELECT id FROM conversations WHERE place = ? AND closed = 0 AND (? OR person = ?) AND private BETWEEN ? AND ? "
    "AND active >= ? ORDER BY active DESC, id DESC"
)
REACHED = (
    "places.platform = :platform AND places.workspace = :workspace AND places.channel = :channel "
    "AND (places.thread = :thread OR (places.thread = '' AND :thread = :message) "
    "OR (:thread = '' AND places.thread = requests.message))"
)
"""The messages that can be replied to from a place: its own, the one that its thread grew out of and, from a channel,
those that threads grew out of. A thread's other messages are out of reach of its channel, and vice versa."""

_LATEST_OF_PERSON = (
    "SELECT conversations.id FROM conversations JOIN places ON places.id = conversations.place "
    "WHERE platform = ? AND workspace = ? AND channel = ? AND person = ? AND private BETWEEN ? AND ? AND closed = 0 "
    "AND (thread = '' OR EXISTS (SELECT 1 FROM requests WHERE message = thread AND place = places.id)) "
    "ORDER BY active DESC, conversations.id DESC"
)
"""In a channel: the conversations held in it, and those in threads that grew out of questions in it."""

_LATEST_DIRECT = (
    "SELECT conversations.id FROM conversations JOIN places ON places.id = conversations.place "
    "WHERE platform = ? AND workspace = ? AND channel = ? AND direct = 1 AND closed = 0 "
    "ORDER BY active DESC, conversations.id DESC"
)
"""The latest in all threads of direct messages, which nobody else reads."""

_OF_REQUEST = (
    "SELECT conversation, places.thread, requests.message FROM requests JOIN places ON places.id = requests.place "
    "JOIN conversations ON conversations.id = requests.conversation "
    "WHERE requests.id = ? AND places.platform = ? AND places.workspace = ? AND places.channel = ? "
    "AND private BETWEEN ? AND ? AND (private = 0 OR conversations.person = ?)"
)
_OF_ANSWER_SENT = (
    "SELECT conversation FROM requests JOIN conversations ON conversations.id = requests.conversation "
    "WHERE requests.id = ? AND platform = ? AND private = 1 AND conversations.person = ?"
)
"""For a private answer that was sent as a direct message, in another place than its request."""

_OF_MESSAGE = f"""
SELECT conversation FROM requests JOIN places ON places.id = requests.place
JOIN conversations ON conversations.id = requests.conversation
WHERE requests.id IN (SELECT id FROM requests WHERE message = :message AND message <> ''
    UNION SELECT request FROM drafts WHERE message = :message AND message <> '')
AND {REACHED} AND private = 0 ORDER BY requests.id DESC
"""


_PRIVATE: Mapping[Privacy, tuple[bool, bool]] = {
    "public": (False, False),
    "private": (True, True),
    "any": (False, True),
}
"""The lowest and the highest value of the column `private`."""


class Asker(NamedTuple):
    """A person who asks, the place, and the time in milliseconds since 1970."""

    place: Place
    person: str
    now: int


def accept(
    connection: sqlite3.Connection, *, request: Request, continuation: Continuation, body: str, now: int
) -> tuple[int, int] | None:
    """Insert a request and return its id and its conversation's, 0 for none.

    Return None for a duplicate, and for a message that is neither for the bot nor in one of its threads.
    """
    asker = Asker(request.place, request.person.id, now)
    conversation = find(connection, asker, continuation)
    if not request.addressed and conversation is None and not takes_part(connection, request.place):
        return None
    inserted = connection.execute(
        "INSERT OR IGNORE INTO requests "
        "(platform, workspace, act, position, place, conversation, person, message, state, attempts, body, accepted) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'accepted', 1, ?, ?)",
        (
            request.place.platform,
            request.place.workspace,
            request.act.id,
            request.act.order,
            keep_place(connection, request.place),
            conversation,
            request.person.id,
            request.message,
            body,
            now,
        ),
    )
    if inserted.rowcount == 0:
        return None
    if conversation is None and "new" in continuation.sources:
        conversation = begin(connection, asker, continuation)
        connection.execute("UPDATE requests SET conversation = ? WHERE id = ?", (conversation, inserted.lastrowid))
    if conversation is not None:
        connection.execute("UPDATE conversations SET active = max(active, ?) WHERE id = ?", (now, conversation))
    return int(inserted.lastrowid or 0), conversation or 0


def find(connection: sqlite3.Connection, asker: Asker, continuation: Continuation) -> int | None:
    """Return the existing conversation that the first successful source finds; None without one."""
    for source in continuation.sources:
        if found := _find(connection, source, asker, continuation):
            return found
    return None


def find_or_begin(connection: sqlite3.Connection, asker: Asker, continuation: Continuation) -> int:
    """Return the conversation that one of the sources finds, or else a new one."""
    return find(connection, asker, continuation) or begin(connection, asker, continuation)


def _find(connection: sqlite3.Connection, source: Source, asker: Asker, continuation: Continuation) -> int | None:
    place, person, now = asker
    channel = (place.platform, place.workspace, place.channel)
    private = _PRIVATE[continuation.privacy]
    match source:
        case "button":
            return _of_button(connection, asker, continuation.button, private)
        case "reply":
            return _of_message(connection, place, continuation.message)
        case "place":
            return _at_place(connection, place)
        case "direct messages":
            return first(connection, _LATEST_DIRECT, channel)
        case "channel":
            return first(connection, _LATEST_OF_PERSON, (*channel, person, *private))
        case "person" | "anyone":
            since = 0 if continuation.within_ms is None else now - continuation.within_ms
            values = (find_place(connection, place), source == "anyone", person, *private, since)
            return first(connection, _OPEN_OF_PERSON, values)
        case "new":
            return None


def _of_button(connection: sqlite3.Connection, asker: Asker, about: int, private: tuple[bool, bool]) -> int | None:
    """Return the conversation of a button's request, if its answer can be in the place of the press."""
    place, person, _ = asker
    values = (about, place.platform, place.workspace, place.channel, *private, person)
    for conversation, thread, message in connection.execute(_OF_REQUEST, values):
        grown = place.thread and not thread and _of_message(connection, place, place.thread) == conversation
        if grown or place.direct or thread == place.thread or (not place.thread and thread == message):
            return int(conversation)
    if place.direct:
        return first(connection, _OF_ANSWER_SENT, (about, place.platform, person))
    return None


def _at_place(connection: sqlite3.Connection, place: Place) -> int | None:
    """Return the public conversation of a thread or of direct messages.

    A thread that grew out of a message continues that message's conversation, until `/new` ends it there.
    """
    row = find_place(connection, place)
    if found := first(connection, _OPEN_AT_PLACE, (row,)):
        return found
    if not place.thread or first(connection, _EVER_AT_PLACE, (row,)):
        return None
    grown = _of_message(connection, place, place.thread)
    return None if grown and first(connection, _LEFT_AT_PLACE, (grown, row)) else grown


def takes_part(connection: sqlite3.Connection, place: Place) -> bool:
    """Return whether the bot was ever part of this thread. `/new` does not change that."""
    if not place.thread:
        return False
    ever = first(connection, _EVER_AT_PLACE, (find_place(connection, place),))
    return bool(ever or _of_message(connection, place, place.thread))


def _of_message(connection: sqlite3.Connection, place: Place, message: str) -> int | None:
    for (found,) in connection.execute(_OF_MESSAGE, {**place_key(place), "message": message}):
        return int(found)
    return None


def begin(connection: sqlite3.Connection, asker: Asker, continuation: Continuation) -> int:
    """Insert a conversation and return its id."""
    place, person, now = asker
    return int(
        connection.execute(
            "INSERT INTO conversations (place, person, private, active) VALUES (?, ?, ?, ?)",
            (keep_place(connection, place), person, continuation.privacy == "private", now),
        ).lastrowid
        or 0
    )
