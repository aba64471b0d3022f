"""Calls of models and their cost, in SQLite."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial

from bot.interfaces.records import ENDLESS
from bot.interfaces.replies import Usage
from bot.interfaces.usage import Grouping, ModelCall, RatingTotal, UsageTotal
from storage.sqlite.connections import Connections

_INSERT = """
INSERT INTO usage (
    request, at, platform, workspace, channel, thread, direct, place_name, person, person_name, home,
    model, prompt_tokens, completion_tokens, cost, succeeded, further
) VALUES ((SELECT id FROM requests WHERE id = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_FORGOTTEN = "SELECT 1 FROM requests WHERE id = ? AND person = ''"

_KEYS: Mapping[Grouping, str] = {
    "day": "strftime('%Y-%m-%d', at / 1000, 'unixepoch')",
    "model": "model",
    "person": "person",
    "channel": "channel",
    "place": "CASE WHEN direct THEN '' ELSE channel END",
    "workspace": "workspace",
    "platform": "platform",
}

_NEWEST = "substr(max(iif({name} = '', '', printf('%016d', at) || {name})), 17)"
"""The newest name. Rows without one, such as those of people after `/forget`, do not count."""

_SUMS = f"""
{_NEWEST.format(name="person_name")}, {_NEWEST.format(name="place_name")},
sum(NOT further AND (succeeded OR prompt_tokens + completion_tokens > 0)), sum(NOT succeeded),
sum(prompt_tokens), sum(completion_tokens), sum(cost)
"""

_RATINGS = """
SELECT v.model, sum(v.good), sum(NOT v.good) FROM votes v JOIN requests r ON r.id = v.request
WHERE v.at >= ? AND r.platform = ? AND r.workspace = ? GROUP BY v.model ORDER BY v.model
"""


class SQLiteUsage:
    """A bot.interfaces.usage.UsageStore."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def add(self, calls: Sequence[ModelCall]) -> asyncio.Future[None]:
        return self._connections.writer.put(partial(_keep, calls=calls))

    async def totals(
        self,
        by: Sequence[Grouping],
        since: int,
        platform: str = "",
        workspace: str = "",
        person: str = "",
        until: int = ENDLESS,
    ) -> Sequence[UsageTotal]:
        keys = ", ".join(_KEYS[word] for word in by)
        within = {"platform": platform, "workspace": workspace, "person": person}
        within_columns = [f"{column} = :{column}" for column, value in within.items() if value]
        where = " AND ".join(["at >= :since", "at < :until", *within_columns])
        grouped = ", ".join(str(number + 1) for number in range(len(by)))
        query = f"SELECT {keys}, {_SUMS} FROM usage WHERE {where} GROUP BY {grouped} ORDER BY {grouped}"
        rows = await self._connections.rows(query, {"since": since, "until": until, **within})
        return [_total(tuple(row[: len(by)]), *row[len(by) :]) for row in rows]

    async def ratings(self, since: int, platform: str, workspace: str) -> Sequence[RatingTotal]:
        rows = await self._connections.rows(_RATINGS, (since, platform, workspace))
        return [RatingTotal(*row) for row in rows]


def _total(
    key: tuple[str, ...],
    person_name: str,
    place_name: str,
    requests: int,
    failures: int,
    prompt_tokens: int,
    completion_tokens: int,
    cost: int,
) -> UsageTotal:
    return UsageTotal(key, person_name, place_name, requests, failures, Usage(prompt_tokens, completion_tokens), cost)


def _keep(connection: sqlite3.Connection, *, calls: Sequence[ModelCall]) -> None:
    for call in calls:
        place, person = call.place, call.person
        where = (place.platform, place.workspace, place.channel, place.thread, place.direct, place.name)
        forgotten = connection.execute(_FORGOTTEN, (call.request,)).fetchone()
        who = ("", "", "") if forgotten else (person.id, person.name, person.home)
        used = (call.usage.prompt_tokens, call.usage.completion_tokens, call.cost, call.succeeded, call.further)
        connection.execute(_INSERT, (call.request, call.at, *where, *who, call.model, *used))
