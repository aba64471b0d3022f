"""What administrators decided in a workspace as one TOML text, and back."""

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
from bot.commands._setting_changes import known, must_be_read_by
from bot.interfaces.config import Section
from bot.interfaces.errors import Unknown, UserError
from bot.interfaces.messages import Place, Request, Subject
from bot.interfaces.records import AuditedChange, AuditEntry, Limit, Persona, Rule, Scope, Unit, Window, counted, folded
from bot.services import Services
from bot.utils.formatting import brief, quoted

HEADER = "# What was set in this workspace from chat; /config import takes it in again.\n\n"
UNDO = "before.toml says how all of it was: importing that with `exact` undoes this."

MOST_LISTED = 50
"""Changes that the answer to an import names one by one."""

MOST_PERSONAS, MOST_ENTRIES = 1_000, 5_000
"""More of them in one text would keep everybody else waiting."""

IMPORTED = "config import"
"""The action of the entry that tells of an import's changes."""

MOST_BYTES = 2 << 20
"""Of a text that is taken in."""

LONGEST_SUBJECT = 300
"""Characters of whom a rule or a limit is about."""

Plain: TypeAlias = str | int | float | bool | list[str]
Table: TypeAlias = dict[str, Plain]


class RuleTable(Section):
    """One `[[rules]]` table: `who` as a Subject is written, `what` is "bot", "command:NAME" or "model:NAME"."""

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
    """The whole text. A channel is named by its id, a thread by "channel/thread"."""

    workspace: Table = Field(default_factory=dict)
    channels: dict[str, Table] = Field(default_factory=dict)
    threads: dict[str, Table] = Field(default_factory=dict)
    personas: dict[str, str] = Field(default_factory=dict, max_length=MOST_PERSONAS)
    rules: list[RuleTable] = Field(default_factory=list, max_length=MOST_ENTRIES)
    limits: list[LimitTable] = Field(default_factory=list, max_length=MOST_ENTRIES)


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did, in words, and how everything was before it as a text, "" where nothing changed."""

    said: str
    before: str = ""


# Out ------------------------------------------------------------------------------------------------------------------


async def export_settings(administration: Administration, place: Place) -> str:
    """Everything of a workspace but what people set for themselves."""
    return await asyncio.to_thread(_written, _layout(administration, place))


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


def _written(layout: SettingsFile) -> str:
    said = layout.model_dump(exclude_defaults=True)
    text = tomli_w.dumps(said, multiline_strings=True)
    return HEADER + (text if tomllib.loads(text) == said else tomli_w.dumps(said))


def _table(layout: SettingsFile, scope: Scope) -> Table:
    if scope.thread:
        return layout.threads.setdefault(f"{scope.channel}/{scope.thread}", {})
    return layout.channels.setdefault(scope.channel, {}) if scope.channel else layout.workspace


def _plain(value: Value) -> Plain:
    if isinstance(value, tuple):
        return list(value)
    return format_value(None) if value is None else value


# In -------------------------------------------------------------------------------------------------------------------


async def import_settings(services: Services, request: Request, text: str, *, exact: bool) -> ImportResult:
    """Change all that the text says otherwise, at once or not at all. Raises UserError.

    What it does not name stays or, where it is taken `exact`ly, goes; then what it says of a model, persona or command
    that is not here any more is left out.
    """
    layout, before, left_out = await asyncio.to_thread(_read, text), SettingsFile(), list[str]()
    await _must_read_channels(services, request, layout)

    def decision() -> Sequence[AuditedChange]:
        nonlocal before
        before = _layout(services.administration, request.place)
        return _decided(services, request, layout, left_out if exact else None)

    def summed(entries: Sequence[AuditEntry]) -> AuditEntry:
        return AuditEntry(request.place, request.person, IMPORTED, f"{len(entries):,} changes", after=counted(entries))

    entries = await services.administration.decide(decision, summed)
    entries = [entry for entry in entries if entry.action != IMPORTED]
    gone = "".join(f"\nLeft out: {entry}" for entry in left_out[:MOST_LISTED])
    if not entries:
        return ImportResult(f"Nothing to change: all of this is in force already.{gone}")
    named, more = entries[:MOST_LISTED], len(entries) - MOST_LISTED
    lines = [f"- {entry.target}: {quoted(entry.before or '–')} → {quoted(entry.after or '–')}" for entry in named]
    lines += [f"- and {more:,} more, which `/audit show` lists"] if more > 0 else []
    number = f"{len(entries):,} change{'s' if entries[1:] else ''}:"
    return ImportResult("\n".join([number, *lines, gone, UNDO]), await asyncio.to_thread(_written, before))


def _read(text: str) -> SettingsFile:
    if not text.strip():
        raise UserError("There is nothing to take in: attach a file that /config export made, or give its text.")
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise UserError(f"Nothing was changed: the text has more than {MOST_BYTES >> 20} MiB. Take it in in parts.")
    try:
        layout = SettingsFile.model_validate(tomllib.loads(text))
    except ValidationError as error:
        mistake = error.errors()[0]
        where = _where(mistake["loc"])
        raise UserError(f"Nothing was changed: {where} is not as it must be ({mistake['msg']}).") from None
    except RecursionError:
        raise UserError("Nothing was changed: this is nested too deeply for a file that /config export made.") from None
    except ValueError as error:
        raise UserError(f"Nothing was changed: this is not valid TOML ({error}).") from None
    tables = [*layout.channels.values(), *layout.threads.values()]
    number = max(len(tables), len(layout.workspace) + sum(map(len, tables)))
    if number > MOST_ENTRIES:
        raise UserError(
            f"Nothing was changed: there are {number:,} settings in it, and {MOST_ENTRIES:,} can be taken in "
            "at once. Take it in in parts, without `exact`."
        )
    return layout


async def _must_read_channels(services: Services, request: Request, layout: SettingsFile) -> None:
    """Who takes in a channel that is to be told of changes reads it. Raises UserError."""
    now = services.administration.values_in(Scope(request.place.platform, request.place.workspace))
    for key, plain in layout.workspace.items():
        with _entry(f"[workspace] {key}"):
            if setting_levels(key).completion == "channels" and plain and plain != now.get(key):
                value = known(services, request, key, check(key, _raw(key, plain), str(plain)))
                await must_be_read_by(services.adapters, request, str(value))


def _where(path: Sequence[int | str]) -> str:
    """The entry that a mistake is in; which types would have been right is not part of its name."""
    parts = path[: 2 if path[0] in ("workspace", "personas") else 3]
    return brief(", ".join(f"entry {part + 1}" if isinstance(part, int) else part for part in parts), 150)


@contextmanager
def _entry(name: str, left_out: list[str] | None = None) -> Iterator[None]:
    """What is refused within says which entry it is about; what names nothing may be left out."""
    try:
        yield
    except UserError as error:
        if left_out is not None and isinstance(error, Unknown):
            left_out.append(f"{brief(name, 150)}. {error.message}")
            return
        raise UserError(f"Nothing was changed, because of {brief(name, 150)}: {error.message}") from None


def _decided(
    services: Services, request: Request, layout: SettingsFile, left_out: list[str] | None
) -> Sequence[AuditedChange]:
    """All changes. Settings are judged by what will be there then, such as a persona that comes with them.

    With a list of what is `left_out`, what the text does not name goes.
    """
    administration, place, person, exact = services.administration, request.place, request.person, left_out is not None
    wanted = _decisions(services, place, layout, left_out)
    changes = [_rule_changes.changed(services, request, decision) for decision in wanted]
    changes = [(change, entry) for change, entry in changes if entry.before != entry.after]
    if exact:
        named = set(wanted)
        kept: list[Decision] = [*administration.personas(place).values()]
        kept += [*administration.rules(place), *administration.limits(place)]
        changes += [_rule_changes.changed(services, request, one, removed=True) for one in kept if one not in named]
    then = replace(services, administration=administration.preview([change for change, _ in changes]))
    values = _values(then, request, layout, left_out)
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
    """What the text decides, each made sure of as if by its command."""
    makers: dict[str, Callable[[], Decision]] = {
        **{f"[personas] {name}": partial(_persona, services, place, name, x) for name, x in layout.personas.items()},
        **{f"[[rules]], entry {n}": partial(_rule, services, place, x) for n, x in enumerate(layout.rules, 1)},
        **{f"[[limits]], entry {n}": partial(_limit, services, place, x) for n, x in enumerate(layout.limits, 1)},
    }
    made, names = list[Decision](), set[Decision]()
    for entry, make in makers.items():
        with _entry(entry, left_out):
            decision = make()
            name = _name(services.administration, decision)
            if name in names:
                raise UserError("There is another one about the same before it.")
            names.add(name)
            made.append(decision)
    return made


def _name(administration: Administration, decision: Decision) -> Decision:
    """What tells decisions apart: new personas differ by more than case."""
    if isinstance(decision, Persona) and administration.stored(decision) is None:
        return replace(decision, name=folded(decision.name))
    return decision


def _persona(services: Services, place: Place, name: str, prompt: str) -> Persona:
    as_it_is = Persona(place.platform, place.workspace, name, prompt)
    return (
        as_it_is
        if _is_in_force(services, as_it_is)
        else _rule_changes.persona(services.administration, place, name, prompt)
    )


def _rule(services: Services, place: Place, table: RuleTable) -> Rule:
    subject = _subject(table.who)
    as_it_is = Rule(place.platform, place.workspace, subject, table.what, table.allowed)
    if _is_in_force(services, as_it_is):
        return as_it_is
    return _rule_changes.rule(services, place, subject, table.what, allowed=table.allowed)


def _limit(services: Services, place: Place, table: LimitTable) -> Limit:
    subject, about_it = _subject(table.who), (table.model, table.unit, table.window, table.amount)
    as_it_is = Limit(place.platform, place.workspace, subject, *about_it)
    return (
        as_it_is
        if _is_in_force(services, as_it_is)
        else _rule_changes.limit(services.backends, place, subject, *about_it)
    )


def _is_in_force(services: Services, decision: Decision) -> bool:
    """What was kept may name a model that is no more; then it stays as it is."""
    kept = services.administration.stored(decision)
    return kept is not None and _rule_changes.value(services.budget, kept) == _rule_changes.value(
        services.budget, decision
    )


def _subject(text: str) -> Subject:
    subject = Subject.read(text)
    if subject is None or not text.isprintable() or len(text) > LONGEST_SUBJECT:
        raise UserError(f"“{brief(text, 60)}” names nobody. It is everyone, guests, or KIND:ID.")
    return subject


# Settings -------------------------------------------------------------------------------------------------------------


def _values(
    services: Services, request: Request, layout: SettingsFile, left_out: list[str] | None
) -> Mapping[tuple[Scope, str], Value]:
    """What the text sets, each made sure of as if by /config set."""
    found: dict[tuple[Scope, str], Value] = {}
    for name, scope, table in _scopes(layout, request.place):
        for key, plain in table.items():
            with _entry(f"{name} {key}", left_out):
                if level_of(scope) not in setting_levels(key).levels:
                    raise UserError(f"{key} cannot be set for a {level_of(scope)}.")
                value = check(key, _raw(key, plain), str(plain))
                in_force = _is_set(services.administration, scope, key, value)
                found[scope, key] = value if in_force else known(services, request, key, value)
    return found


def _scopes(layout: SettingsFile, place: Place) -> Iterator[tuple[str, Scope, Table]]:
    """Each table of settings by its name, and for whom it is. Raises UserError."""
    workspace = Scope(place.platform, place.workspace)
    yield "[workspace]", workspace, layout.workspace
    for channel, table in layout.channels.items():
        with _entry(f"[channels.{channel}]"):
            if not channel:
                raise UserError("A channel is named by its id.")
        yield f"[channels.{channel}]", replace(workspace, channel=channel), table
    for name, table in layout.threads.items():
        channel, _, thread = name.partition("/")
        with _entry(f"[threads.{name}]"):
            if not (channel and thread):
                raise UserError("A thread is named by the ids of its channel and its own, with a slash between them.")
        yield f"[threads.{name}]", replace(workspace, channel=channel, thread=thread), table


def _raw(key: str, plain: Plain) -> Value:
    if isinstance(plain, list):
        return tuple(plain)
    return None if plain == format_value(None) and optional(key) else plain


def _is_set(administration: Administration, scope: Scope, key: str, value: Value) -> bool:
    now = administration.values_in(scope)
    return key in now and now[key] == value
