"""Find the conversation that a request continues, in the same transaction that makes the request durable."""

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
those that threads grew out of. What was said in a thread is not reached from its channel, nor the other way round."""

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
"""In all threads of direct messages: nobody else reads any of them."""

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
"""For a private answer that came as a direct message, in another place than its request."""

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


class Seeker(NamedTuple):
    """The person who asks, the place, and the time in milliseconds since 1970."""

    place: Place
    person: str
    now: int


def accept(
    connection: sqlite3.Connection, *, request: Request, continuation: Continuation, body: str, now: int
) -> tuple[int, int] | None:
    """Insert the request; its row's id and its conversation's (0 for none), or None when it is known or not for us."""
    seeker = Seeker(request.place, request.person.id, now)
    conversation = find(connection, seeker, continuation)
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
        conversation = begin(connection, seeker, continuation)
        connection.execute("UPDATE requests SET conversation = ? WHERE id = ?", (conversation, inserted.lastrowid))
    if conversation is not None:
        connection.execute("UPDATE conversations SET active = max(active, ?) WHERE id = ?", (now, conversation))
    return int(inserted.lastrowid or 0), conversation or 0


def find(connection: sqlite3.Connection, seeker: Seeker, continuation: Continuation) -> int | None:
    """Return the conversation that exists already, if one of the sources finds it."""
    for source in continuation.sources:
        if found := _find(connection, source, seeker, continuation):
            return found
    return None


def find_or_begin(connection: sqlite3.Connection, seeker: Seeker, continuation: Continuation) -> int:
    """Return the conversation that one of the sources finds, or else a new one."""
    return find(connection, seeker, continuation) or begin(connection, seeker, continuation)


def _find(connection: sqlite3.Connection, source: Source, seeker: Seeker, continuation: Continuation) -> int | None:
    place, person, now = seeker
    channel = (place.platform, place.workspace, place.channel)
    private = _PRIVATE[continuation.privacy]
    match source:
        case "button":
            return _under(connection, seeker, continuation.button, private)
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


def _under(connection: sqlite3.Connection, seeker: Seeker, about: int, private: tuple[bool, bool]) -> int | None:
    """Return the conversation of the request under whose answer a button was pressed, where that answer can stand."""
    place, person, _ = seeker
    values = (about, place.platform, place.workspace, place.channel, *private, person)
    for conversation, thread, message in connection.execute(_OF_REQUEST, values):
        grown = place.thread and not thread and _of_message(connection, place, place.thread) == conversation
        if grown or place.direct or thread == place.thread or (not place.thread and thread == message):
            return int(conversation)
    if place.direct:
        return first(connection, _OF_ANSWER_SENT, (about, place.platform, person))
    return None


def _at_place(connection: sqlite3.Connection, place: Place) -> int | None:
    """A thread that grew out of one of our messages continues that message's conversation until it is left there."""
    row = find_place(connection, place)
    if found := first(connection, _OPEN_AT_PLACE, (row,)):
        return found
    if not place.thread or first(connection, _EVER_AT_PLACE, (row,)):
        return None
    grown = _of_message(connection, place, place.thread)
    return None if grown and first(connection, _LEFT_AT_PLACE, (grown, row)) else grown


def takes_part(connection: sqlite3.Connection, place: Place) -> bool:
    """Return whether the bot was ever part of this thread: after /new it stays, and the next post begins another."""
    if not place.thread:
        return False
    ever = first(connection, _EVER_AT_PLACE, (find_place(connection, place),))
    return bool(ever or _of_message(connection, place, place.thread))


def _of_message(connection: sqlite3.Connection, place: Place, message: str) -> int | None:
    for (found,) in connection.execute(_OF_MESSAGE, {**place_key(place), "message": message}):
        return int(found)
    return None


def begin(connection: sqlite3.Connection, seeker: Seeker, continuation: Continuation) -> int:
    """Begin a conversation."""
    place, person, now = seeker
    return int(
        connection.execute(
            "INSERT INTO conversations (place, person, private, active) VALUES (?, ?, ?, ?)",
            (keep_place(connection, place), person, continuation.privacy == "private", now),
        ).lastrowid
        or 0
    )
