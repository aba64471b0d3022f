"""Places as rows."""

from __future__ import annotations

import sqlite3

from bot.interfaces.messages import Place
from storage.sqlite.connections import Value

PLACE_COLUMNS = "places.platform, places.workspace, places.channel, places.thread, places.direct, places.name"


def place_of(platform: str, workspace: str, channel: str, thread: str, direct: int, name: str) -> Place:
    """Return a place from PLACE_COLUMNS."""
    return Place(platform, workspace, channel, thread, bool(direct), name)


def place_key(place: Place) -> dict[str, str]:
    """Return the columns by which a place is found."""
    return {
        "platform": place.platform,
        "workspace": place.workspace,
        "channel": place.channel,
        "thread": place.thread,
    }


def find_place(connection: sqlite3.Connection, place: Place) -> int | None:
    """Return a place's row, if there is one."""
    query = (
        "SELECT id FROM places WHERE platform = :platform AND workspace = :workspace "
        "AND channel = :channel AND thread = :thread"
    )
    return first(connection, query, place_key(place))


def keep_place(connection: sqlite3.Connection, place: Place) -> int:
    """Return a place's row, made where there is none."""
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


def first(connection: sqlite3.Connection, query: str, values: tuple[Value, ...] | dict[str, str]) -> int | None:
    """Return the number in the first row that a query finds."""
    for (found,) in connection.execute(f"{query} LIMIT 1", values):
        return int(found) if found is not None else None
    return None
