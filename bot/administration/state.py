"""Settings, rules, limits and personas in force, held in memory and written through to the store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

from bot.administration.refusals import Refusals
from bot.administration.settings import LEVELS, Level, Settings, Value, dump, format_value, load
from bot.interfaces.errors import StoreError, UserError
from bot.interfaces.messages import Person, Place, Request
from bot.interfaces.records import (
    AuditedChange,
    AuditEntry,
    Limit,
    Persona,
    Record,
    RecordChange,
    RecordStore,
    Rule,
    Scope,
    Setting,
    understood,
)

log = logging.getLogger(__name__)

Changes: TypeAlias = tuple[Sequence[RecordChange], Sequence[AuditEntry]]

R = TypeVar("R", bound=Rule | Limit | Persona)

NOBODY = Person("", "")

MOST_RESOLVED = 10_000
"""Combinations of place and person whose settings are cached; then the cache is emptied."""


class Administration:
    """Answer from memory, without waiting. A change is on disk before it is in force.

    `notify` is called with the new entries of the audit. `revision` grows with every change.
    """

    def __init__(self, records: RecordStore, base: Settings, administrators: Sequence[str] = ()) -> None:
        self.records = records
        self.base = base
        self.revision = 0
        self.notify: Callable[[Sequence[AuditEntry]], None] = lambda _entries: None
        self._administrators = frozenset(administrators)
        self._change_lock = asyncio.Lock()
        self._refusals = Refusals()
        self._ignored: dict[tuple[str, str], set[Record]] = {}
        self._records: dict[tuple[str, str], dict[Record, Record]] = {}
        self._values: dict[Scope, dict[str, Value]] = {}
        self._resolved: dict[tuple[Place, str, str], Settings] = {}

    async def load(self) -> None:
        """Read everything once, before the first request."""
        for record in await self.records.load():
            self._put(RecordChange(record))

    # Settings -------------------------------------------------------------------------------------------------------

    def settings(self, place: Place, person: Person | None = None) -> Settings:
        """Return the settings in force for a person in a place or, without a person, for the place."""
        key = (place, person.home, person.id) if person else (place, "", "")
        if (known := self._resolved.get(key)) is not None:
            return known
        levels = LEVELS[: LEVELS.index("me")]
        scopes = (scope for level in levels if (scope := scope_of(level, place, person or NOBODY)))
        found = self.base.model_copy(
            update={key: value for scope in scopes for key, value in self.values_in(scope).items()}
        )
        if person:
            own = self.values_at("me", place, person).items()
            found = found.model_copy(update={key: value for key, value in own if key in found.personal})
        if len(self._resolved) >= MOST_RESOLVED:
            self._resolved.clear()
        self._resolved[key] = found
        return found

    def sources(self, place: Place, person: Person) -> Mapping[str, Level]:
        """Return the level from which each setting has its value, without those from config.toml."""
        personal = self.settings(place).personal
        return {
            key: level
            for level in LEVELS
            for key in self.values_at(level, place, person)
            if level != "me" or key in personal
        }

    def values_at(self, level: Level, place: Place, person: Person) -> Mapping[str, Value]:
        """Return the values set at one level; none for a level that a place does not have."""
        scope = scope_of(level, place, person)
        return self.values_in(scope) if scope else {}

    def values_in(self, scope: Scope) -> Mapping[str, Value]:
        """Return the values set in one scope."""
        return self._values.get(scope, {})

    def values_of_workspace(self, place: Place) -> Iterator[tuple[Scope, Mapping[str, Value]]]:
        """Yield the scopes of a workspace with the values set there, except for those of people for themselves."""
        for scope, values in self._values.items():
            if (scope.platform, scope.workspace, scope.person) == (place.platform, place.workspace, "") and values:
                yield scope, values

    # Rules, limits, personas ------------------------------------------------------------------------------------------

    def rules(self, place: Place) -> Sequence[Rule]:
        """Return the access rules of a workspace."""
        return self._of(Rule, place)

    def limits(self, place: Place) -> Sequence[Limit]:
        """Return the limits of a workspace."""
        return self._of(Limit, place)

    def personas(self, place: Place) -> Mapping[str, Persona]:
        """Return a workspace's personas by name."""
        return {persona.name: persona for persona in self._of(Persona, place)}

    def persona(self, place: Place, name: str) -> Persona | None:
        """Return a workspace's persona by its name, in any case."""
        personas = self.personas(place)
        return personas.get(name) or next((known for known in personas.values() if known.is_called(name)), None)

    def stored(self, record: R) -> R | None:
        """Return the record in force with the same key; None without one."""
        found = self._records.get((record.platform, record.workspace), {}).get(record)
        return found if isinstance(found, type(record)) else None

    def _of(self, kind: type[R], place: Place) -> Sequence[R]:
        records = self._records.get((place.platform, place.workspace), {})
        return [record for record in records.values() if isinstance(record, kind)]

    # Administrators -------------------------------------------------------------------------------------------------

    def recognise(self, place: Place, person: Person) -> Person:
        """Return the person, as an administrator if the configuration names them one."""
        if person.administrator or not self.is_configured_administrator(place, person):
            return person
        return replace(person, administrator=True)

    def is_configured_administrator(self, place: Place, person: Person) -> bool:
        """Return whether the configuration names a person, or everybody on their platform, an administrator."""
        return bool(self._administrators & {f"{place.platform}:{person.id}", place.platform})

    def contact_sentence(self, place: Place) -> str:
        """Return the last sentence of a refusal, which names the contact."""
        return f"Ask {self.settings(place).contact or 'an administrator'}."

    # Changes --------------------------------------------------------------------------------------------------------

    async def decide(
        self,
        decision: Callable[[], Sequence[AuditedChange]],
        sum_up: Callable[[Sequence[AuditEntry]], AuditEntry] | None = None,
    ) -> Sequence[AuditEntry]:
        """Make the changes that `decision` returns, and return their entries in the audit.

        Decisions run one after the other, so that each sees the changes of the one before. An exception in it changes
        nothing. With `sum_up`, for decisions about many changes, it runs in a thread; of several entries only the one
        that `sum_up` makes of them, the last, is announced.
        """

        def make() -> Changes:
            decided = decision()
            entries = [entry for _, entry in decided]
            if sum_up and len(entries) > 1:
                entries = [*(replace(entry, summed=True) for entry in entries), sum_up(entries)]
            return [change for change, _ in decided], entries

        return await self._apply(make, long=sum_up is not None)

    async def change(self, changes: Sequence[RecordChange], entries: Sequence[AuditEntry]) -> None:
        """Make changes that do not depend on the values before."""
        await self._apply(lambda: (changes, entries))

    async def empty(self, scope: Scope, entry: AuditEntry) -> None:
        """Remove all settings of one scope."""

        def make() -> Changes:
            return [RecordChange(Setting(scope, key, ""), removed=True) for key in self.values_in(scope)], [entry]

        await self._apply(make)

    def preview(self, changes: Sequence[RecordChange]) -> Administration:
        """Return a copy with the changes in force, to check other changes against it."""
        copy = Administration(self.records, self.base, tuple(self._administrators))
        copy._records = {where: dict(records) for where, records in self._records.items()}
        copy._values = {scope: dict(values) for scope, values in self._values.items()}
        for change in changes:
            copy._put(change)
        return copy

    async def _apply(self, make: Callable[[], Changes], *, long: bool = False) -> Sequence[AuditEntry]:
        """Make changes one after the other. Disk and memory agree even if the caller is cancelled."""

        async def write() -> Sequence[AuditEntry]:
            async with self._change_lock:
                changes, entries = await asyncio.to_thread(make) if long else make()
                return await self._keep(changes, entries) if changes or entries else ()

        return await asyncio.shield(asyncio.create_task(write()))

    async def _keep(self, changes: Sequence[RecordChange], entries: Sequence[AuditEntry]) -> Sequence[AuditEntry]:
        """Store changes and entries, and then bring the changes into force."""
        written = await self.records.keep(changes, entries)
        for change in changes:
            self._put(change)
        self.notify(written)
        return written

    def removal(self, platform: str, workspace: str) -> Sequence[RecordChange]:
        """Return the changes that remove all records of a workspace."""
        settings = [
            Setting(scope, key, "")
            for scope, values in self._values.items()
            if (scope.platform, scope.workspace) == (platform, workspace)
            for key in values
        ]
        where = (platform, workspace)
        records = (*settings, *self._records.get(where, {}), *self._ignored.get(where, ()))
        return [RecordChange(record, removed=True) for record in records]

    async def write_audit(self, place: Place, person: Person, action: str, target: str = "", after: str = "") -> None:
        """Write an entry without a change of a record: a refusal, a deletion."""
        await self._keep((), [AuditEntry(place, person, action, target, after=after)])

    async def audit_refusal(self, request: Request, why: str) -> bool:
        """Write a refusal into the audit, once a minute for each reason, and return whether to show it to the person.

        A failure of the store does not raise: the request is refused anyway.
        """
        try:
            if self._refusals.is_new(request, why):
                await self.write_audit(request.place, request.person, "refused", f"/{request.command}", why)
        except StoreError as error:
            log.error("A refusal could not be written to the audit: %s", error)
        return self._refusals.is_reported(request)

    def setting(
        self, key: str, value: Value, scope: Scope, place: Place, person: Person, *, reset: bool = False
    ) -> AuditedChange:
        """Return the change of one setting, or with `reset` its removal, and its entry in the audit.

        The entry of a person's own setting has no values, because the audit outlives `/forget`.
        """
        known, own = self.values_in(scope), bool(scope.person)
        before = format_value(known[key]) if key in known and not own else ""
        after = "" if reset or own else format_value(value)
        action, level = "config reset" if reset else "config set", level_of(scope)
        suffix = "" if scope == scope_of(level, place, person) else f" {scope.thread or scope.channel}"
        entry = AuditEntry(place, person, action, f"{key} ({level}{suffix})", before, after, own=own)
        return RecordChange(Setting(scope, key, dump(value)), removed=reset), entry

    def _put(self, change: RecordChange) -> None:
        self.revision += 1
        self._resolved.clear()
        record = change.record
        if isinstance(record, Setting):
            self._put_setting(record, removed=change.removed)
            return
        where = (record.platform, record.workspace)
        records = self._records.setdefault(where, {})
        records.pop(record, None)
        if change.removed:
            return
        if understood(record):
            records[record] = record
        else:
            self._ignore(where, record, repr(record))

    def _put_setting(self, setting: Setting, *, removed: bool) -> None:
        values = self._values.setdefault(setting.scope, {})
        values.pop(setting.key, None)
        if removed:
            return
        try:
            values[setting.key] = load(setting.key, setting.value)
        except UserError as error:
            self._ignore((setting.scope.platform, setting.scope.workspace), setting, error.message)

    def _ignore(self, where: tuple[str, str], record: Record, why: str) -> None:
        """Remember a record that only another version understands, so that it is deleted with its workspace."""
        self._ignored.setdefault(where, set()).add(record)
        log.warning("A stored record is ignored: %s", why)


def scope_of(level: Level, place: Place, person: Person) -> Scope | None:
    """Return the scope of a level in a place; None for a thread outside threads."""
    match level:
        case "workspace":
            return Scope(place.platform, place.workspace)
        case "channel":
            return Scope(place.platform, place.workspace, place.channel)
        case "thread":
            return Scope(place.platform, place.workspace, place.channel, place.thread) if place.thread else None
        case "me":
            return Scope(place.platform, person.home, person=person.id)


def level_of(scope: Scope) -> Level:
    """Return the level of a scope."""
    if scope.person:
        return "me"
    if scope.thread:
        return "thread"
    return "channel" if scope.channel else "workspace"
