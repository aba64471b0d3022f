"""What administrators decided and what was spent, as values, and the protocols of where they are kept."""

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
    """For whom a setting holds: a workspace, a channel of it, a thread of that, or one person in all their places.

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
"""Whom a rule can be about, the nearest first."""


_TARGET = re.compile(r"bot|(?:command|model):.+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rule:
    """Whether a subject may use a target: "bot", "command:NAME" or "model:NAME"."""

    platform: str
    workspace: str
    subject: Subject
    target: str
    allowed: bool = field(compare=False)


@dataclass(frozen=True, slots=True)
class Persona:
    """A named system prompt of a workspace. People write the name as they like: it is compared without case."""

    platform: str
    workspace: str
    name: str
    prompt: str = field(compare=False, repr=False)

    def is_called(self, name: str) -> bool:
        """Whether this is one of its names."""
        return folded(self.name) == folded(name)


def folded(name: str) -> str:
    """A name as it is compared."""
    return unicodedata.normalize("NFC", name.strip()).casefold()


Unit = Literal["requests", "tokens", "money"]


Window = Literal["minute", "hour", "day", "month"]


@dataclass(frozen=True, slots=True)
class Limit:
    """How much may be used in a window that begins with the clock's minute, hour, day or month, in UTC.

    `subject` "everyone" means each person by themselves, and so does a role: each who has it. A channel's and the
    workspace's are used by all in it together. `model` "" counts every model. `amount` is in
    requests, tokens or millionths of the currency.
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
    """Whether this version knows what a kept record means; a setting's value is another question."""
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
    """A record that is kept from now on in place of one that is equal to it, or removed.

    Records are equal when their keys are: their value does not count.
    """

    record: Record
    removed: bool = False


UNTOLD = "not announced"
"""The action of an entry that says why changes are not announced."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the audit: who did what where, to what, and what it was before and after. Holds no conversation.

    `at` is in milliseconds since 1970. `id` and `at` are given by the store. What somebody did to their `own` settings
    or data alone is nobody else's business. What is `summed` up in another entry, as an import's changes are, is not
    announced beside it.
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
    def to_be_told(self) -> bool:
        """Whether it is announced: not what changed nothing, nor what goes by itself all the time."""
        return not (self.own or self.summed) and self.action not in ("refused", "retention", UNTOLD)


def counted(entries: Sequence[AuditEntry]) -> str:
    """How many there are of each action, in words."""
    numbers = Counter(entry.action for entry in entries).most_common()
    return ", ".join(f"{action} {number:,}" for action, number in numbers)


AuditedChange: TypeAlias = tuple[RecordChange, AuditEntry]
"""A change, and how it is written down."""


class RecordStore(Protocol):
    """What administrators decided, and the audit of it. Raises StoreError."""

    async def load(self) -> Sequence[Record]:
        """All that is in force."""

    async def keep(self, changes: Sequence[RecordChange], entries: Sequence[AuditEntry]) -> Sequence[AuditEntry]:
        """Make the changes and write them down, all or nothing; the entries come back with their ids."""

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

    async def unannounced(self, limit: int) -> Sequence[AuditEntry]:
        """Changes that are to be told in an audit channel and were not yet: the oldest."""

    async def announced(self, entries: Sequence[int]) -> None:
        """Entries were told, or need not be."""


ENDLESS = 2**62
"""As a moment in milliseconds: everything is before it."""
