"""Decisions of administrators, and their audit, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from bot.interfaces.messages import Person, Place, Subject
from bot.interfaces.records import AuditEntry, Limit, Persona, Record, RecordChange, Rule, Scope, Setting
from storage.sqlite import deletion
from storage.sqlite.connections import Connections

Row: TypeAlias = Mapping[str, str | int]
"""A table's columns with their values."""

_ENTRY_COLUMNS = (
    "id, at, platform, workspace, channel, thread, place_name, person, person_name, action, target, before, after"
)


class SQLiteRecords:
    """A bot.interfaces.records.RecordStore."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def load(self) -> Sequence[Record]:
        return await self._connections.read(_load)

    async def keep(self, changes: Sequence[RecordChange], entries: Sequence[AuditEntry]) -> Sequence[AuditEntry]:
        dated = [replace(entry, at=self._connections.now) for entry in entries]
        return await self._connections.write(partial(_keep, changes=changes, entries=dated))

    async def audit(
        self,
        platform: str,
        workspace: str,
        *,
        person: str = "",
        action: str = "",
        since: int = 0,
        limit: int = 1_000,
    ) -> Sequence[AuditEntry]:
        query = (
            f"SELECT {_ENTRY_COLUMNS} FROM audit WHERE platform = ? AND workspace = ? "
            "AND (? = '' OR person = ?) AND substr(action, 1, length(?)) = ? AND at >= ? ORDER BY id DESC LIMIT ?"
        )
        values = (platform, workspace, person, person, action, action, since, limit)
        return [_entry(*row) for row in await self._connections.rows(query, values)]

    async def unannounced(self, limit: int) -> Sequence[AuditEntry]:
        query = f"SELECT {_ENTRY_COLUMNS} FROM audit WHERE announced = 0 ORDER BY id LIMIT ?"
        return [_entry(*row) for row in await self._connections.rows(query, (limit,))]

    async def announced(self, entries: Sequence[int]) -> None:
        rows = [(entry,) for entry in entries]
        query = "UPDATE audit SET announced = 1 WHERE id = ?"
        await self._connections.write(lambda connection: connection.executemany(query, rows).rowcount)


def _setting(setting: Setting) -> tuple[Row, Row]:
    scope = setting.scope
    key = {
        "platform": scope.platform,
        "workspace": scope.workspace,
        "channel": scope.channel,
        "thread": scope.thread,
        "person": scope.person,
        "key": setting.key,
    }
    return key, {"value": setting.value}


def _rule(rule: Rule) -> tuple[Row, Row]:
    return {**_subject_key(rule), "target": rule.target}, {"subject_name": rule.subject.name, "allowed": rule.allowed}


def _limit(limit: Limit) -> tuple[Row, Row]:
    key = {**_subject_key(limit), "model": limit.model, "unit": limit.unit, "span": limit.window}
    return key, {"subject_name": limit.subject.name, "amount": limit.amount}


def _persona(persona: Persona) -> tuple[Row, Row]:
    key = {"platform": persona.platform, "workspace": persona.workspace, "name": persona.name}
    return key, {"prompt": persona.prompt}


def _subject_key(record: Rule | Limit) -> dict[str, str]:
    return {
        "platform": record.platform,
        "workspace": record.workspace,
        "subject": record.subject.kind,
        "subject_id": record.subject.id,
    }


def _row_of(record: Record) -> tuple[str, Row, Row]:
    """Return a record's table, key columns and value columns."""
    match record:
        case Setting():
            return "settings", *_setting(record)
        case Rule():
            return "rules", *_rule(record)
        case Limit():
            return "limits", *_limit(record)
        case Persona():
            return "personas", *_persona(record)


def _keep(
    connection: sqlite3.Connection, *, changes: Sequence[RecordChange], entries: Sequence[AuditEntry]
) -> Sequence[AuditEntry]:
    for change in changes:
        table, key, value = _row_of(change.record)
        where = " AND ".join(f"{column} = ?" for column in key)
        connection.execute(f"DELETE FROM {table} WHERE {where}", tuple(key.values()))
        if not change.removed:
            row = {**key, **value}
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))
    if any(change.removed for change in changes):
        deletion.mark_for_rewrite(connection)
    return [_insert_entry(connection, entry) for entry in entries]


def _insert_entry(connection: sqlite3.Connection, entry: AuditEntry) -> AuditEntry:
    place, person = entry.place, entry.person
    row = (
        entry.at,
        place.platform,
        place.workspace,
        place.channel,
        place.thread,
        place.name,
        person.id,
        person.name,
        entry.action,
        entry.target,
        entry.before,
        entry.after,
        not entry.is_announced,
    )
    columns = _ENTRY_COLUMNS.removeprefix("id, ")
    query = f"INSERT INTO audit ({columns}, announced) VALUES ({', '.join('?' * len(row))})"
    return replace(entry, id=int(connection.execute(query, row).lastrowid or 0))


def _load(connection: sqlite3.Connection) -> Sequence[Record]:
    settings = connection.execute("SELECT platform, workspace, channel, thread, person, key, value FROM settings")
    rules = connection.execute(
        "SELECT platform, workspace, subject, subject_id, subject_name, target, allowed FROM rules"
    )
    limits = connection.execute(
        "SELECT platform, workspace, subject, subject_id, subject_name, model, unit, span, amount FROM limits"
    )
    personas = connection.execute("SELECT platform, workspace, name, prompt FROM personas")
    return [
        *(Setting(Scope(*scope), key, value) for *scope, key, value in settings),
        *(
            Rule(platform, workspace, Subject(*subject), target, bool(allowed))
            for platform, workspace, *subject, target, allowed in rules
        ),
        *(
            Limit(platform, workspace, Subject(kind, key, name), *rest)
            for platform, workspace, kind, key, name, *rest in limits
        ),
        *(Persona(*row) for row in personas),
    ]


def _entry(
    entry: int,
    at: int,
    platform: str,
    workspace: str,
    channel: str,
    thread: str,
    place_name: str,
    person: str,
    person_name: str,
    action: str,
    target: str,
    before: str,
    after: str,
) -> AuditEntry:
    place = Place(platform, workspace, channel, thread, name=place_name)
    return AuditEntry(place, Person(person, person_name), action, target, before, after, at, entry)
