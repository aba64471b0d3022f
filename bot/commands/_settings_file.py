"""Export and import the settings, rules, limits and personas of a workspace as one TOML text."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import tomli_w
from pydantic import Field, ValidationError

from bot.administration.settings import Value, check, format_value, optional, setting_levels
from bot.administration.state import Administration, level_of
from bot.commands import _rule_changes
from bot.commands._rule_changes import Decision
from bot.commands._setting_changes import checked_value, require_readable_channel
from bot.interfaces.config import Section
from bot.interfaces.errors import Unknown, UserError
from bot.interfaces.messages import Place, Request, Subject
from bot.interfaces.records import AuditedChange, AuditEntry, Limit, Persona, Rule, Scope, Unit, Window, counted, folded
from bot.services import Services
from bot.utils.formatting import brief, quoted

HEADER = "# The settings of this workspace; `/config import` reads this file.\n\n"
UNDO = "To undo this, import before.toml with `exact`: it holds the settings from before."

MOST_LISTED = 50
"""The most changes that an answer lists."""

MOST_PERSONAS, MOST_ENTRIES = 1_000, 5_000
"""The most in one text: more would delay every other request."""

IMPORT_ACTION = "config import"
"""The action of the audit entry for a whole import."""

MOST_BYTES = 2 << 20
"""The most bytes of an imported text."""

LONGEST_SUBJECT = 300
"""The most characters of a rule's or a limit's subject."""

Plain: TypeAlias = str | int | float | bool | list[str]
Table: TypeAlias = dict[str, Plain]


class RuleTable(Section):
    """One `[[rules]]` table: `who` is a Subject as text, `what` is "bot", "command:NAME" or "model:NAME"."""

    who: str
    what: str
    allowed: bool


class LimitTable(Section):
    """One `[[limits]]` table; money is in millionths."""

    who: str
    amount: int
    unit: Unit
    window: Window
    model: str = ""


class SettingsFile(Section):
    """The whole text. The key of a channel is its id, the key of a thread "channel/thread"."""

    workspace: Table = Field(default_factory=dict)
    channels: dict[str, Table] = Field(default_factory=dict)
    threads: dict[str, Table] = Field(default_factory=dict)
    personas: dict[str, str] = Field(default_factory=dict, max_length=MOST_PERSONAS)
    rules: list[RuleTable] = Field(default_factory=list, max_length=MOST_ENTRIES)
    limits: list[LimitTable] = Field(default_factory=list, max_length=MOST_ENTRIES)


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The answer to an import, and the settings before it as TOML; `before` is "" if nothing changed."""

    message: str
    before: str = ""


# Export ---------------------------------------------------------------------------------------------------------------


async def export_settings(administration: Administration, place: Place) -> str:
    """Return a workspace's settings as TOML, without people's own settings."""
    return await asyncio.to_thread(_toml, _layout(administration, place))


def _layout(administration: Administration, place: Place) -> SettingsFile:
    layout = SettingsFile.model_construct(
        workspace={},
        channels={},
        threads={},
        personas={name: persona.prompt for name, persona in administration.personas(place).items()},
        rules=[
            RuleTable.model_construct(who=str(rule.subject), what=rule.target, allowed=rule.allowed)
            for rule in administration.rules(place)
        ],
        limits=[
            LimitTable.model_construct(who=str(x.subject), amount=x.amount, unit=x.unit, window=x.window, model=x.model)
            for x in administration.limits(place)
        ],
    )
    for scope, values in administration.values_of_workspace(place):
        _table(layout, scope).update({key: _plain(value) for key, value in values.items()})
    return layout


def _toml(layout: SettingsFile) -> str:
    tables = layout.model_dump(exclude_defaults=True)
    text = tomli_w.dumps(tables, multiline_strings=True)
    return HEADER + (text if tomllib.loads(text) == tables else tomli_w.dumps(tables))


def _table(layout: SettingsFile, scope: Scope) -> Table:
    if scope.thread:
        return layout.threads.setdefault(f"{scope.channel}/{scope.thread}", {})
    return layout.channels.setdefault(scope.channel, {}) if scope.channel else layout.workspace


def _plain(value: Value) -> Plain:
    if isinstance(value, tuple):
        return list(value)
    return format_value(None) if value is None else value


# Import ---------------------------------------------------------------------------------------------------------------


async def import_settings(services: Services, request: Request, text: str, *, exact: bool) -> ImportResult:
    """Apply all differences between the text and the present settings, or none. Raises UserError.

    An `exact` import also removes everything that the text does not name, and skips entries about a model, persona or
    command that no longer exists.
    """
    layout, before, left_out = await asyncio.to_thread(_read, text), SettingsFile(), list[str]()
    await _must_read_channels(services, request, layout)

    def decide() -> Sequence[AuditedChange]:
        nonlocal before
        before = _layout(services.administration, request.place)
        return _decided(services, request, layout, left_out if exact else None)

    def import_entry(entries: Sequence[AuditEntry]) -> AuditEntry:
        return AuditEntry(
            request.place, request.person, IMPORT_ACTION, f"{len(entries):,} changes", after=counted(entries)
        )

    entries = await services.administration.decide(decide, import_entry)
    entries = [entry for entry in entries if entry.action != IMPORT_ACTION]
    skipped = "".join(f"\nSkipped: {entry}" for entry in left_out[:MOST_LISTED])
    if not entries:
        return ImportResult(f"Nothing to change: all of this is in force already.{skipped}")
    listed, more = entries[:MOST_LISTED], len(entries) - MOST_LISTED
    lines = [f"- {entry.target}: {quoted(entry.before or '–')} → {quoted(entry.after or '–')}" for entry in listed]
    lines += [f"- and {more:,} more; `/audit show` lists them"] if more > 0 else []
    number = f"{len(entries):,} change{'s' if entries[1:] else ''}:"
    return ImportResult("\n".join([number, *lines, skipped, UNDO]), await asyncio.to_thread(_toml, before))


def _read(text: str) -> SettingsFile:
    if not text.strip():
        raise UserError(
            "The import is empty. Attach a file from `/config export`, or write its text after the command."
        )
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise UserError(f"Nothing was changed: the text has more than {MOST_BYTES >> 20} MiB. Import it in parts.")
    try:
        layout = SettingsFile.model_validate(tomllib.loads(text))
    except ValidationError as error:
        mistake = error.errors()[0]
        where = _where(mistake["loc"])
        raise UserError(
            f"Nothing was changed: {where} is not valid ({mistake['msg']}). Correct it and import again."
        ) from None
    except RecursionError:
        raise UserError(
            "Nothing was changed: the text is nested too deeply. Import a file from `/config export`."
        ) from None
    except ValueError as error:
        raise UserError(
            f"Nothing was changed: this is not valid TOML ({error}). Correct it and import again."
        ) from None
    tables = [*layout.channels.values(), *layout.threads.values()]
    number = max(len(tables), len(layout.workspace) + sum(map(len, tables)))
    if number > MOST_ENTRIES:
        raise UserError(
            f"Nothing was changed: the text has {number:,} settings, and one import may have {MOST_ENTRIES:,}. "
            "Import it in parts, without `exact`."
        )
    return layout


async def _must_read_channels(services: Services, request: Request, layout: SettingsFile) -> None:
    """Raise UserError unless the person may read every imported channel for announcements."""
    current = services.administration.values_in(Scope(request.place.platform, request.place.workspace))
    for key, plain in layout.workspace.items():
        with _entry(f"[workspace] {key}"):
            if setting_levels(key).completion == "channels" and plain and plain != current.get(key):
                value = checked_value(services, request, key, check(key, _raw(key, plain), str(plain)))
                await require_readable_channel(services.adapters, request, str(value))


def _where(path: Sequence[int | str]) -> str:
    """Return the name of the entry with the mistake, without the types that pydantic adds to its path."""
    parts = path[: 2 if path[0] in ("workspace", "personas") else 3]
    return brief(", ".join(f"entry {part + 1}" if isinstance(part, int) else part for part in parts), 150)


@contextmanager
def _entry(name: str, left_out: list[str] | None = None) -> Iterator[None]:
    """Add the entry's name to a UserError raised inside; skip an Unknown name if there is a list `left_out`."""
    try:
        yield
    except UserError as error:
        if left_out is not None and isinstance(error, Unknown):
            left_out.append(f"{brief(name, 150)}. {error.message}")
            return
        raise UserError(f"Nothing was changed. The mistake is in {brief(name, 150)}: {error.message}") from None


def _decided(
    services: Services, request: Request, layout: SettingsFile, left_out: list[str] | None
) -> Sequence[AuditedChange]:
    """Return all changes. A setting may name a persona of the same import.

    With a list `left_out`, the import is exact: everything that the text does not name is removed.
    """
    administration, place, person, exact = services.administration, request.place, request.person, left_out is not None
    decisions = _decisions(services, place, layout, left_out)
    changes = [_rule_changes.audited_change(services, request, decision) for decision in decisions]
    changes = [(change, entry) for change, entry in changes if entry.before != entry.after]
    if exact:
        named = set(decisions)
        kept: list[Decision] = [*administration.personas(place).values()]
        kept += [*administration.rules(place), *administration.limits(place)]
        changes += [
            _rule_changes.audited_change(services, request, one, removed=True) for one in kept if one not in named
        ]
    changed = replace(services, administration=administration.preview([change for change, _ in changes]))
    values = _values(changed, request, layout, left_out)
    for (scope, key), value in values.items():
        if not _is_set(administration, scope, key, value):
            changes.append(administration.setting(key, value, scope, place, person))
    if exact:
        changes += [
            administration.setting(key, None, scope, place, person, reset=True)
            for scope, found in administration.values_of_workspace(place)
            for key in found
            if (scope, key) not in values
        ]
    return changes


# Rules, limits, personas ----------------------------------------------------------------------------------------------


def _decisions(
    services: Services, place: Place, layout: SettingsFile, left_out: list[str] | None
) -> Sequence[Decision]:
    """Return the rules, limits and personas of the text, checked as their commands check them."""
    makers: dict[str, Callable[[], Decision]] = {
        **{f"[personas] {name}": partial(_persona, services, place, name, x) for name, x in layout.personas.items()},
        **{f"[[rules]], entry {n}": partial(_rule, services, place, x) for n, x in enumerate(layout.rules, 1)},
        **{f"[[limits]], entry {n}": partial(_limit, services, place, x) for n, x in enumerate(layout.limits, 1)},
    }
    made, names = list[Decision](), set[Decision]()
    for entry, make in makers.items():
        with _entry(entry, left_out):
            decision = make()
            name = _duplicate_key(services.administration, decision)
            if name in names:
                raise UserError("It is a duplicate of an earlier entry. Remove one of them.")
            names.add(name)
            made.append(decision)
    return made


def _duplicate_key(administration: Administration, decision: Decision) -> Decision:
    """Return the key that finds duplicates: the names of new personas differ by more than case."""
    if isinstance(decision, Persona) and administration.stored(decision) is None:
        return replace(decision, name=folded(decision.name))
    return decision


def _persona(services: Services, place: Place, name: str, prompt: str) -> Persona:
    stored = Persona(place.platform, place.workspace, name, prompt)
    return (
        stored
        if _is_in_force(services, stored)
        else _rule_changes.checked_persona(services.administration, place, name, prompt)
    )


def _rule(services: Services, place: Place, table: RuleTable) -> Rule:
    subject = _subject(table.who)
    stored = Rule(place.platform, place.workspace, subject, table.what, table.allowed)
    if _is_in_force(services, stored):
        return stored
    return _rule_changes.checked_rule(services, place, subject, table.what, allowed=table.allowed)


def _limit(services: Services, place: Place, table: LimitTable) -> Limit:
    subject, about_it = _subject(table.who), (table.model, table.unit, table.window, table.amount)
    stored = Limit(place.platform, place.workspace, subject, *about_it)
    return (
        stored
        if _is_in_force(services, stored)
        else _rule_changes.checked_limit(services.backends, place, subject, *about_it)
    )


def _is_in_force(services: Services, decision: Decision) -> bool:
    """Return whether the same decision is stored; it may name a model that no longer exists."""
    kept = services.administration.stored(decision)
    return kept is not None and _rule_changes.decision_text(services.budget, kept) == _rule_changes.decision_text(
        services.budget, decision
    )


def _subject(text: str) -> Subject:
    subject = Subject.read(text)
    if subject is None or not text.isprintable() or len(text) > LONGEST_SUBJECT:
        raise UserError(
            f"“{brief(text, 60)}” is not a subject. Write `everyone`, `guests` or KIND:ID, such as `person:123`."
        )
    return subject


# Settings -------------------------------------------------------------------------------------------------------------


def _values(
    services: Services, request: Request, layout: SettingsFile, left_out: list[str] | None
) -> Mapping[tuple[Scope, str], Value]:
    """Return the settings of the text, checked as `/config set` checks them."""
    found: dict[tuple[Scope, str], Value] = {}
    for name, scope, table in _scopes(layout, request.place):
        for key, plain in table.items():
            with _entry(f"{name} {key}", left_out):
                if level_of(scope) not in setting_levels(key).levels:
                    raise UserError(
                        f"{key} cannot be set for a {level_of(scope)}. `/config show {key}` lists its levels."
                    )
                value = check(key, _raw(key, plain), str(plain))
                in_force = _is_set(services.administration, scope, key, value)
                found[scope, key] = value if in_force else checked_value(services, request, key, value)
    return found


def _scopes(layout: SettingsFile, place: Place) -> Iterator[tuple[str, Scope, Table]]:
    """Yield the name, the scope and the settings of each table. Raises UserError."""
    workspace = Scope(place.platform, place.workspace)
    yield "[workspace]", workspace, layout.workspace
    for channel, table in layout.channels.items():
        with _entry(f"[channels.{channel}]"):
            if not channel:
                raise UserError("The key of a channel is its id.")
        yield f"[channels.{channel}]", replace(workspace, channel=channel), table
    for name, table in layout.threads.items():
        channel, _, thread = name.partition("/")
        with _entry(f"[threads.{name}]"):
            if not (channel and thread):
                raise UserError("The key of a thread is the id of its channel, a slash, and its own id.")
        yield f"[threads.{name}]", replace(workspace, channel=channel, thread=thread), table


def _raw(key: str, plain: Plain) -> Value:
    if isinstance(plain, list):
        return tuple(plain)
    return None if plain == format_value(None) and optional(key) else plain


def _is_set(administration: Administration, scope: Scope, key: str, value: Value) -> bool:
    current = administration.values_in(scope)
    return key in current and current[key] == value
