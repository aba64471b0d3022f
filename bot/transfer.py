"""What administrators decided in a workspace as one TOML text, and back."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import TypeAlias

import tomli_w
from pydantic import Field, ValidationError

from bot.administration import Administration, level_of
from bot.books import Change, Entry, Limit, Persona, Rule, Scope, Unit, Window
from bot.errors import UserError
from bot.levels import known, quoted
from bot.section import Section
from bot.services import Services
from bot.settings import Value, about, check, shown
from bot.types import Place, Request, Subject

HEADER = "# What was set in this workspace from chat; /config import takes it in again.\n\n"

Plain: TypeAlias = str | int | float | bool | list[str]
Table: TypeAlias = dict[str, Plain]
Changes: TypeAlias = list[tuple[Change, Entry]]


class RuleTable(Section):
    """One `[[rules]]` table: `who` as a Subject is written, `what` is "bot", "command:NAME" or "model:NAME"."""

    who: str
    what: str = Field(pattern=r"bot|(command|model):.+")
    allowed: bool


class LimitTable(Section):
    """One `[[limits]]` table; money is in millionths."""

    who: str
    amount: int = Field(ge=0)
    unit: Unit
    window: Window
    model: str = ""


class Layout(Section):
    """The whole text. A channel is named by its id, a thread by "channel/thread"."""

    workspace: Table = Field(default_factory=dict)
    channels: dict[str, Table] = Field(default_factory=dict)
    threads: dict[str, Table] = Field(default_factory=dict)
    personas: dict[str, str] = Field(default_factory=dict)
    rules: list[RuleTable] = Field(default_factory=list)
    limits: list[LimitTable] = Field(default_factory=list)


def export(administration: Administration, place: Place) -> str:
    """Everything of a workspace but what people set for themselves."""
    layout = Layout(
        personas={name: persona.prompt for name, persona in administration.personas(place).items()},
        rules=[
            RuleTable(who=str(rule.subject), what=rule.target, allowed=rule.allowed)
            for rule in administration.rules(place)
        ],
        limits=[
            LimitTable(who=str(x.subject), amount=x.amount, unit=x.unit, window=x.window, model=x.model)
            for x in administration.limits(place)
        ],
    )
    for scope, values in administration.set_in(place):
        _table(layout, scope).update({key: _plain(value) for key, value in values.items()})
    return HEADER + tomli_w.dumps(layout.model_dump(exclude_defaults=True), multiline_strings=True)


async def take_in(services: Services, request: Request, text: str) -> str:
    """Change all that the text says otherwise, at once or not at all; what it does not name stays. Raises UserError."""
    layout = _read(text)
    changes = [*_settings(services, request, layout), *_others(services, request, layout)]
    if not changes:
        return "Nothing to change: all of this is in force already."
    await services.administration.change([change for change, _ in changes], [entry for _, entry in changes])
    lines = [f"- {entry.target}: {quoted(entry.before or '–')} → {quoted(entry.after or '–')}" for _, entry in changes]
    return "\n".join([f"{len(changes)} changes:", *lines])


def _read(text: str) -> Layout:
    if not text.strip():
        raise UserError("There is nothing to take in: give the text of a file that /config export made.")
    try:
        return Layout.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"This is not valid TOML: {error}.") from None
    except ValidationError as error:
        mistake = error.errors()[0]
        where = ".".join(str(part) for part in mistake["loc"])
        raise UserError(f"Nothing was changed: {where} is not as it must be ({mistake['msg']}).") from None


def _settings(services: Services, request: Request, layout: Layout) -> Changes:
    administration, place = services.administration, request.place
    changes: Changes = []
    for scope, table in _scopes(layout, place):
        now = administration.set_at(scope)
        for key, plain in table.items():
            if level_of(scope) not in about(key).levels:
                raise UserError(f"Nothing was changed: {key} cannot be set for a {level_of(scope)}.")
            raw: Value = tuple(plain) if isinstance(plain, list) else None if plain == "default" else plain
            value = known(services, request, key, check(key, raw, str(plain)))
            if key not in now or now[key] != value:
                changes.append(administration.setting(key, value, scope, place, request.person))
    return changes


def _others(services: Services, request: Request, layout: Layout) -> Changes:
    administration, place, person = services.administration, request.place, request.person
    where = place.platform, place.workspace
    personas = administration.personas(place)
    rules = {rule: rule.allowed for rule in administration.rules(place)}
    limits = {limit: limit.amount for limit in administration.limits(place)}
    changes: Changes = []
    for name, prompt in layout.personas.items():
        if name not in personas or personas[name].prompt != prompt:
            before = personas[name].prompt if name in personas else ""
            entry = Entry(place, person, "persona set", name, before, prompt)
            changes.append((Change(Persona(*where, name, prompt)), entry))
    for made in layout.rules:
        rule = Rule(*where, _subject(made.who), made.what, made.allowed)
        if rules.get(rule) != rule.allowed:
            entry = Entry(place, person, "access", f"{rule.target} for {rule.subject.label}", "", _verdict(rule))
            changes.append((Change(rule), entry))
    for table in layout.limits:
        limit = Limit(*where, _subject(table.who), table.model, table.unit, table.window, table.amount)
        if limits.get(limit) != limit.amount:
            target = f"{limit.unit} a {limit.window} for {limit.subject.label}"
            changes.append((Change(limit), Entry(place, person, "limit set", target, "", str(limit.amount))))
    return changes


def _scopes(layout: Layout, place: Place) -> Iterator[tuple[Scope, Table]]:
    workspace = Scope(place.platform, place.workspace)
    yield workspace, layout.workspace
    for channel, table in layout.channels.items():
        yield Scope(place.platform, place.workspace, channel), table
    for name, table in layout.threads.items():
        channel, _, thread = name.partition("/")
        yield Scope(place.platform, place.workspace, channel, thread), table


def _table(layout: Layout, scope: Scope) -> Table:
    if scope.thread:
        return layout.threads.setdefault(f"{scope.channel}/{scope.thread}", {})
    return layout.channels.setdefault(scope.channel, {}) if scope.channel else layout.workspace


def _plain(value: Value) -> Plain:
    if isinstance(value, tuple):
        return list(value)
    return shown(None) if value is None else value


def _subject(text: str) -> Subject:
    subject = Subject.read(text)
    if subject is None:
        raise UserError(f"Nothing was changed: “{text[:60]}” names nobody. It is everyone, guests, or KIND:ID.")
    return subject


def _verdict(rule: Rule) -> str:
    return "allowed" if rule.allowed else "denied"
