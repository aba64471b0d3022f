"""Which conversation a request belongs to, settled in the same transaction that makes the request durable."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from bot.types import Command, Place, Request

_OPEN_AT_PLACE = (
    "SELECT id FROM conversations WHERE place = ? AND closed = 0 AND private = 0 ORDER BY active DESC, id DESC"
)
_EVER_AT_PLACE = "SELECT id FROM conversations WHERE place = ? AND private = 0"
_LEFT_AT_PLACE = (
    "SELECT id FROM conversations WHERE id = ? AND closed > 0 "
    "AND EXISTS (SELECT 1 FROM requests WHERE place = ? AND accepted <= closed)"
)
_OPEN_OF_PERSON = (
    "SELECT id FROM conversations WHERE place = ? AND closed = 0 AND (? OR person = ?) AND private = ? AND active >= ? "
    "ORDER BY active DESC, id DESC"
)
_LATEST_OF_PERSON = (
    "SELECT conversations.id FROM conversations JOIN places ON places.id = conversations.place "
    "WHERE platform = ? AND workspace = ? AND channel = ? AND person = ? AND private <= ? AND closed = 0 "
    "ORDER BY active DESC, conversations.id DESC"
)
_LATEST_DIRECT = (
    "SELECT conversations.id FROM conversations JOIN places ON places.id = conversations.place "
    "WHERE platform = ? AND workspace = ? AND channel = ? AND direct = 1 AND closed = 0 "
    "ORDER BY active DESC, conversations.id DESC"
)
"""Of all threads of direct messages: no others read any of them."""

_OF_REQUEST = (
    "SELECT conversation FROM requests JOIN places ON places.id = requests.place "
    "JOIN conversations ON conversations.id = requests.conversation "
    "WHERE requests.id = ? AND places.platform = ? AND places.workspace = ? AND places.channel = ? AND private <= ?"
)
_OF_MESSAGE = (
    "SELECT conversation FROM requests JOIN places ON places.id = requests.place "
    "WHERE requests.id IN (SELECT id FROM requests WHERE message = :message AND message <> '' "
    "UNION SELECT request FROM drafts WHERE message = :message AND message <> '') "
    "AND places.platform = :platform AND places.workspace = :workspace AND places.channel = :channel "
    "AND conversation IS NOT NULL ORDER BY requests.id DESC"
)


@dataclass(frozen=True, slots=True)
class Window:
    """For how many milliseconds a new mention continues a conversation, and whether also another person's."""

    ms: int
    shared: bool = False


def accept(
    connection: sqlite3.Connection, *, request: Request, command: Command, body: str, now: int, window: Window
) -> tuple[int, int] | None:
    """Insert the request; its row's id and its conversation's (0 for none), or None when it is known or not for us."""
    conversation = _conversation(connection, request, command, now, window)
    if not request.addressed and conversation is None and not takes_part(connection, request.place):
        return None
    place = keep_place(connection, request.place)
    inserted = connection.execute(
        "INSERT OR IGNORE INTO requests "
        "(platform, workspace, act, position, place, conversation, person, message, state, attempts, body, accepted) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'accepted', 1, ?, ?)",
        (
            request.place.platform,
            request.place.workspace,
            request.act.id,
            request.act.order,
            place,
            conversation,
            request.person.id,
            request.message,
            body,
            now,
        ),
    )
    if inserted.rowcount == 0:
        return None
    if command.converses and conversation is None:
        conversation = _begin(connection, place, request.person.id, _apart(request), now)
        connection.execute("UPDATE requests SET conversation = ? WHERE id = ?", (conversation, inserted.lastrowid))
    if conversation is not None:
        connection.execute("UPDATE conversations SET active = max(active, ?) WHERE id = ?", (now, conversation))
    return int(inserted.lastrowid or 0), conversation or 0


def latest(
    connection: sqlite3.Connection, *, place: Place, person: str, now: int, create: bool, private: bool = True
) -> int | None:
    """The open conversation that a steering command means: the thread's or direct message's, else the person's.

    `private` says whether it may be one that only the person sees.
    """
    if place.thread:
        found = _thread_or_direct(connection, place)
    elif place.direct:
        found = _first(connection, _LATEST_DIRECT, (place.platform, place.workspace, place.channel))
    else:
        values = (place.platform, place.workspace, place.channel, person, private)
        found = _first(connection, _LATEST_OF_PERSON, values)
    if found is None and create:
        return _begin(connection, keep_place(connection, place), person, False, now)
    return found


def _apart(request: Request) -> bool:
    """Whether the request's conversation is kept apart from the place's own; a direct message is private as it is."""
    return request.private and not request.place.direct


def _conversation(
    connection: sqlite3.Connection, request: Request, command: Command, now: int, window: Window
) -> int | None:
    """The conversation that exists already for this request; a private one only where none but the person reads on."""
    place = request.place
    hidden = command.quiet or _apart(request)
    about = request.arguments.get("request", "")
    if about.isdecimal():  # a button under an answer
        return _first(connection, _OF_REQUEST, (int(about), place.platform, place.workspace, place.channel, hidden))
    if not command.converses:
        return latest(connection, place=place, person=request.person.id, now=now, create=False, private=hidden)
    if request.replies_to and (found := _of_message(connection, place, request.replies_to)):
        return found
    if (place.thread or place.direct) and not _apart(request):
        return _thread_or_direct(connection, place)
    shared = window.shared and not _apart(request)
    values = (find_place(connection, place), shared, request.person.id, _apart(request), now - window.ms)
    return _first(connection, _OPEN_OF_PERSON, values)


def _thread_or_direct(connection: sqlite3.Connection, place: Place) -> int | None:
    """A thread that grew out of one of our messages continues that message's conversation until it is left there."""
    row = find_place(connection, place)
    if found := _first(connection, _OPEN_AT_PLACE, (row,)):
        return found
    if not place.thread or _first(connection, _EVER_AT_PLACE, (row,)):
        return None
    grown = _of_message(connection, place, place.thread)
    return None if grown and _first(connection, _LEFT_AT_PLACE, (grown, row)) else grown


def takes_part(connection: sqlite3.Connection, place: Place) -> bool:
    """Whether the bot was ever part of this thread: after /new it stays, and the next post begins afresh."""
    if not place.thread:
        return False
    ever = _first(connection, _EVER_AT_PLACE, (find_place(connection, place),))
    return bool(ever or _of_message(connection, place, place.thread))


def _of_message(connection: sqlite3.Connection, place: Place, message: str) -> int | None:
    values = {
        "platform": place.platform,
        "workspace": place.workspace,
        "channel": place.channel,
        "message": message,
    }
    for (found,) in connection.execute(_OF_MESSAGE, values):
        return int(found)
    return None


def _first(connection: sqlite3.Connection, query: str, values: tuple[str | int | None, ...]) -> int | None:
    for (found,) in connection.execute(f"{query} LIMIT 1", values):
        return int(found) if found is not None else None
    return None


def _begin(connection: sqlite3.Connection, place: int, person: str, private: bool, now: int) -> int:
    return int(
        connection.execute(
            "INSERT INTO conversations (place, person, private, active) VALUES (?, ?, ?, ?)",
            (place, person, private, now),
        ).lastrowid
        or 0
    )


def find_place(connection: sqlite3.Connection, place: Place) -> int | None:
    """A place's row, if there is one."""
    query = "SELECT id FROM places WHERE platform = ? AND workspace = ? AND channel = ? AND thread = ?"
    return _first(connection, query, (place.platform, place.workspace, place.channel, place.thread))


def keep_place(connection: sqlite3.Connection, place: Place) -> int:
    """A place's row, made where there is none."""
    found = find_place(connection, place)
    if found is not None:
        return found
    return int(
        connection.execute(
            "INSERT INTO places (platform, workspace, channel, thread, direct, name) VALUES (?, ?, ?, ?, ?, ?)",
            (place.platform, place.workspace, place.channel, place.thread, place.direct, place.name),
        ).lastrowid
        or 0
    )
