"""Which conversation a request belongs to, settled in the same transaction that makes the request durable."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from bot.interfaces.command import Command
from bot.interfaces.messages import Place, Request
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
    "SELECT id FROM conversations WHERE place = ? AND closed = 0 AND (? OR person = ?) AND private = ? AND active >= ? "
    "ORDER BY active DESC, id DESC"
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
"""Of all threads of direct messages: no others read any of them."""

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
"""Of a private answer that came as a direct message, which is another place than where it was asked for."""

_OF_MESSAGE = f"""
SELECT conversation FROM requests JOIN places ON places.id = requests.place
JOIN conversations ON conversations.id = requests.conversation
WHERE requests.id IN (SELECT id FROM requests WHERE message = :message AND message <> ''
    UNION SELECT request FROM drafts WHERE message = :message AND message <> '')
AND {REACHED} AND private = 0 ORDER BY requests.id DESC
"""


@dataclass(frozen=True, slots=True)
class ContinueWindow:
    """For how many milliseconds a new mention continues a conversation, and whether also another person's."""

    ms: int
    shared: bool = False


def accept(
    connection: sqlite3.Connection, *, request: Request, command: Command, body: str, now: int, window: ContinueWindow
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
    connection: sqlite3.Connection,
    *,
    place: Place,
    person: str,
    now: int,
    create: bool,
    private: tuple[bool, bool] = (False, True),
) -> int | None:
    """The open conversation that a steering command means: the thread's or direct message's, else the person's.

    `private` says whether it must be, and whether it may be, one that only the person sees.
    """
    must, may = private
    if (place.thread or place.direct) and must:
        values: tuple[str | int | None, ...] = (find_place(connection, place), False, person, True, 0)
        found = first(connection, _OPEN_OF_PERSON, values)
    elif place.thread:
        found = _thread_or_direct(connection, place)
    elif place.direct:
        found = first(connection, _LATEST_DIRECT, (place.platform, place.workspace, place.channel))
    else:
        values = (place.platform, place.workspace, place.channel, person, must, may)
        found = first(connection, _LATEST_OF_PERSON, values)
    if found is None and create:
        return _begin(connection, keep_place(connection, place), person, False, now)
    return found


def _apart(request: Request) -> bool:
    """Whether the request's conversation is kept apart from the place's own; a direct message is private as it is."""
    return request.private and not request.place.direct


def _conversation(
    connection: sqlite3.Connection, request: Request, command: Command, now: int, window: ContinueWindow
) -> int | None:
    """The conversation that exists already for this request.

    What only the person sees never joins one that others see, whatever it replies to, nor the other way round; only
    commands that steer, and are answered to the person alone, mean both.
    """
    place, apart = request.place, _apart(request)
    private = (apart and not command.quiet, apart or command.quiet)
    about = request.arguments.get("request", "")
    if about.isdecimal():
        return _under(connection, request, int(about), private)
    if not command.converses:
        return latest(connection, place=place, person=request.person.id, now=now, create=False, private=private)
    if not apart:
        if request.replies_to and (found := _of_message(connection, place, request.replies_to)):
            return found
        if place.thread or place.direct:
            return _thread_or_direct(connection, place)
    shared = window.shared and not apart
    values = (find_place(connection, place), shared, request.person.id, apart, now - window.ms)
    return first(connection, _OPEN_OF_PERSON, values)


def _under(connection: sqlite3.Connection, request: Request, about: int, private: tuple[bool, bool]) -> int | None:
    """The conversation of the request under whose answer a button was pressed, where that answer can stand."""
    place = request.place
    values = (about, place.platform, place.workspace, place.channel, *private, request.person.id)
    for conversation, thread, message in connection.execute(_OF_REQUEST, values):
        grown = place.thread and not thread and _of_message(connection, place, place.thread) == conversation
        if grown or place.direct or thread == place.thread or (not place.thread and thread == message):
            return int(conversation)
    if place.direct:
        return first(connection, _OF_ANSWER_SENT, (about, place.platform, request.person.id))
    return None


def _thread_or_direct(connection: sqlite3.Connection, place: Place) -> int | None:
    """A thread that grew out of one of our messages continues that message's conversation until it is left there."""
    row = find_place(connection, place)
    if found := first(connection, _OPEN_AT_PLACE, (row,)):
        return found
    if not place.thread or first(connection, _EVER_AT_PLACE, (row,)):
        return None
    grown = _of_message(connection, place, place.thread)
    return None if grown and first(connection, _LEFT_AT_PLACE, (grown, row)) else grown


def takes_part(connection: sqlite3.Connection, place: Place) -> bool:
    """Whether the bot was ever part of this thread: after /new it stays, and the next post begins afresh."""
    if not place.thread:
        return False
    ever = first(connection, _EVER_AT_PLACE, (find_place(connection, place),))
    return bool(ever or _of_message(connection, place, place.thread))


def _of_message(connection: sqlite3.Connection, place: Place, message: str) -> int | None:
    for (found,) in connection.execute(_OF_MESSAGE, {**place_key(place), "message": message}):
        return int(found)
    return None


def _begin(connection: sqlite3.Connection, place: int, person: str, private: bool, now: int) -> int:
    return int(
        connection.execute(
            "INSERT INTO conversations (place, person, private, active) VALUES (?, ?, ?, ?)",
            (place, person, private, now),
        ).lastrowid
        or 0
    )
