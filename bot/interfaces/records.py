"""Decisions of administrators and their audit, as values, and the protocol of their store."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, get_args

from bot.interfaces.messages import Person, Place, Subject, SubjectKind


@dataclass(frozen=True, slots=True)
class Scope:
    """The reach of a setting: a workspace, a channel of it, a thread of that, or one person in all their places.

    A person's scope has their `home` as its workspace.
    """

    platform: str
    workspace: str
    channel: str = ""
    thread: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting's value in one scope, as JSON."""

    scope: Scope
    key: str
    value: str = field(compare=False)


RULED: tuple[SubjectKind, ...] = ("person", "role", "channel", "guests", "everyone")
"""The subjects of rules, the most specific first."""


_TARGET = re.compile(r"bot|(?:command|model):.+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rule:
    """A permission or ban of a target for a subject: "bot", "command:NAME" or "model:NAME"."""

    platform: str
    workspace: str
    subject: Subject
    target: str
    allowed: bool = field(compare=False)


@dataclass(frozen=True, slots=True)
class Persona:
    """A named system prompt of a workspace. Names are compared without case."""

    platform: str
    workspace: str
    name: str
    prompt: str = field(compare=False, repr=False)

    def is_called(self, name: str) -> bool:
        """Return whether a name means this persona."""
        return folded(self.name) == folded(name)


def folded(name: str) -> str:
    """Return a name in the form in which names are compared."""
    return unicodedata.normalize("NFC", name.strip()).casefold()


Unit = Literal["requests", "tokens", "money"]


Window = Literal["minute", "hour", "day", "month"]


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that may be used in a window that begins with the clock's minute, hour, day or month, in UTC.

    The limit of "everyone" or of a role counts for each person separately. The limit of a channel or of the workspace
    counts for all people in it together. `model` "" counts every model. `amount` is in requests, tokens or millionths
    of the currency.
    """

    platform: str
    workspace: str
    subject: Subject
    model: str
    unit: Unit
    window: Window
    amount: int = field(compare=False)


Record: TypeAlias = Setting | Rule | Persona | Limit


def understood(record: Record) -> bool:
    """Return whether this version understands a kept record. The value of a setting is not checked."""
    match record:
        case Rule():
            return record.subject.kind in RULED and bool(_TARGET.fullmatch(record.target))
        case Limit():
            return record.subject.kind in get_args(SubjectKind)
        case Persona():
            return bool(record.name)
        case Setting():
            return True


@dataclass(frozen=True, slots=True)
class RecordChange:
    """A record to keep in place of one that is equal to it, or to remove.

    Records are equal when their keys are: their values do not count.
    """

    record: Record
    removed: bool = False


NOT_ANNOUNCED = "not announced"
"""The action of an entry that gives the reason why changes are not announced."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the audit: a person's action in a place, with the target's value before and after.

    `at` is in milliseconds since 1970. The store sets `id` and `at`. Changes of a person's `own` settings or data are
    not announced. Neither are entries that another one sums up (`summed`), as the changes of an import.
    """

    place: Place
    person: Person
    action: str
    target: str = ""
    before: str = ""
    after: str = ""
    at: int = 0
    id: int = 0
    own: bool = False
    summed: bool = False

    @property
    def is_announced(self) -> bool:
        """Return whether it is announced. Refusals, which change nothing, and automatic deletions are not."""
        return not (self.own or self.summed) and self.action not in ("refused", "retention", NOT_ANNOUNCED)


def counted(entries: Sequence[AuditEntry]) -> str:
    """Return the number of entries of each action, in words."""
    numbers = Counter(entry.action for entry in entries).most_common()
    return ", ".join(f"{action} {number:,}" for action, number in numbers)


AuditedChange: TypeAlias = tuple[RecordChange, AuditEntry]
"""A change, and its entry in the audit."""


class RecordStore(Protocol):
    """Decisions of administrators, and their audit. Raises StoreError."""

    async def load(self) -> Sequence[Record]:
        """Return all records."""

    async def keep(self, changes: Sequence[RecordChange], entries: Sequence[AuditEntry]) -> Sequence[AuditEntry]:
        """Make the changes and write the entries, all or nothing. Return the entries with their ids."""

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
        """Return entries of a workspace, newest first. `person` is an id, `action` the beginning of the action."""

    async def unannounced(self, limit: int) -> Sequence[AuditEntry]:
        """Return the oldest entries that are to be announced in an audit channel and were not yet."""

    async def announced(self, entries: Sequence[int]) -> None:
        """Mark entries as announced."""


ENDLESS = 2**62
"""As a moment in milliseconds: everything is before it."""
