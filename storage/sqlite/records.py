"""What administrators decided, and the audit of it, in SQLite. A bot.interfaces.records.RecordStore."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from bot.interfaces.messages import Person, Place, Subject
from bot.interfaces.records import AuditEntry, Limit, Persona, Record, RecordChange, Rule, Scope, Setting
from storage.sqlite import deletion
from storage.sqlite.writer import Connection, GroupCommitWriter

Row: TypeAlias = Mapping[str, str | int]
"""A table's columns with their values."""

_ENTRY_COLUMNS = (
    "id, at, platform, workspace, channel, thread, place_name, person, person_name, action, target, before, after"
)


class SQLiteRecords:
    """Shares the store's connections."""

    def __init__(self, writer: GroupCommitWriter, reading: Connection) -> None:
        self._writer = writer
        self._reading = reading

    async def load(self) -> Sequence[Record]:
        """All that is in force."""
        return await self._reading.run(_load)

    async def keep(self, changes: Sequence[RecordChange], entries: Sequence[AuditEntry]) -> Sequence[AuditEntry]:
        """Make the changes and write them down, all or nothing; the entries come back with their ids."""
        now = time.time_ns() // 1_000_000
        dated = [replace(entry, at=now) for entry in entries]
        return await self._writer.write(partial(_keep, changes=changes, entries=dated))

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
        """Entries of a workspace, newest first; `person` is an id, `action` how the action begins."""
        query = (
            f"SELECT {_ENTRY_COLUMNS} FROM audit WHERE platform = ? AND workspace = ? "  # noqa: S608 -- own columns
            "AND (? = '' OR person = ?) AND substr(action, 1, length(?)) = ? AND at >= ? ORDER BY id DESC LIMIT ?"
        )
        values = (platform, workspace, person, person, action, action, since, limit)
        return [_entry(*row) for row in await self._reading.execute_fetchall(query, values)]

    async def unannounced(self, limit: int) -> Sequence[AuditEntry]:
        """Changes that are to be told in an audit channel and were not yet: the oldest."""
        query = f"SELECT {_ENTRY_COLUMNS} FROM audit WHERE announced = 0 ORDER BY id LIMIT ?"  # noqa: S608 -- own columns
        return [_entry(*row) for row in await self._reading.execute_fetchall(query, (limit,))]

    async def announced(self, entries: Sequence[int]) -> None:
        """Entries were told, or need not be."""
        rows = [(entry,) for entry in entries]
        query = "UPDATE audit SET announced = 1 WHERE id = ?"
        await self._writer.write(lambda connection: connection.executemany(query, rows).rowcount)


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
    return {**_about(rule), "target": rule.target}, {"subject_name": rule.subject.name, "allowed": rule.allowed}


def _limit(limit: Limit) -> tuple[Row, Row]:
    key = {**_about(limit), "model": limit.model, "unit": limit.unit, "span": limit.window}
    return key, {"subject_name": limit.subject.name, "amount": limit.amount}


def _persona(persona: Persona) -> tuple[Row, Row]:
    key = {"platform": persona.platform, "workspace": persona.workspace, "name": persona.name}
    return key, {"prompt": persona.prompt}


def _about(record: Rule | Limit) -> dict[str, str]:
    return {
        "platform": record.platform,
        "workspace": record.workspace,
        "subject": record.subject.kind,
        "subject_id": record.subject.id,
    }


def _split(record: Record) -> tuple[str, Row, Row]:
    """A record's table, its key and its value."""
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
        table, key, value = _split(change.record)
        where = " AND ".join(f"{column} = ?" for column in key)
        connection.execute(f"DELETE FROM {table} WHERE {where}", tuple(key.values()))  # noqa: S608 -- own names
        if not change.removed:
            row = {**key, **value}
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608
    if any(change.removed for change in changes):
        deletion.leaves_remains(connection)
    return [_write_down(connection, entry) for entry in entries]


def _write_down(connection: sqlite3.Connection, entry: AuditEntry) -> AuditEntry:
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
        not entry.to_be_told,
    )
    columns = _ENTRY_COLUMNS.removeprefix("id, ")
    query = f"INSERT INTO audit ({columns}, announced) VALUES ({', '.join('?' * len(row))})"  # noqa: S608
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
