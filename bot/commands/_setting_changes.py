"""At which level a setting is changed, and whether this person may change it there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.administration import platforms, task_preferences
from bot.administration.settings import (
    LEVELS,
    NEVER_OFF,
    PERSONAL,
    Level,
    Value,
    check_commands_off,
    format_value,
    parse,
    setting_levels,
)
from bot.administration.state import scope_of
from bot.interfaces.adapter import Adapter
from bot.interfaces.errors import Denied, Unknown, UserError
from bot.interfaces.messages import Place, Request, Subject
from bot.interfaces.records import AuditedChange, Scope
from bot.services import Services
from bot.tasks.engine.registry import load_tasks
from bot.utils.formatting import quoted

NAMED = {"models": "model", "personas": "persona", "commands": "command", "personal": "setting of that kind"}
"""Names that must exist, by what completes them, and what they are called."""


NOBODY_SETS_HERE = "In a direct message a setting is for yourself (`me`) or for all (`workspace`)."


async def level_for(services: Services, request: Request, key: str, wanted: str) -> tuple[Level, Request]:
    """The level to change a setting at, and the request with the person's rights as they are now.

    Without a wish: here, for administrators; for others themselves. Raises UserError or Denied.
    """
    possible = setting_levels(key).levels
    level = LEVELS[LEVELS.index(wanted)] if wanted else usual(request, possible)  # of the choices: the core made sure
    if level not in possible:
        raise UserError(f"{key} cannot be set for {named(level, request.place)}; it can for: {', '.join(possible)}.")
    if scope_of(level, request.place, request.person) is None:
        raise UserError("This is no thread. Ask in the thread, or set it for the channel.")
    if level in ("channel", "thread") and request.place.direct:
        raise UserError(NOBODY_SETS_HERE)
    if level == "me" and key not in services.settings(request).personal:
        whom = services.administration.contact_sentence(request.place)
        raise Denied(f"{key} is the same for everybody here. {whom}")
    return level, request if level == "me" else await services.rights.require_administrator(request)


def usual(request: Request, possible: tuple[Level, ...]) -> Level:
    """Where people mean who do not say it."""
    nearest: tuple[Level, ...] = ("channel", "workspace")
    wishes: tuple[Level, ...] = ("me", "workspace") if request.place.direct else nearest
    if not request.person.administrator and "me" in possible:
        wishes = ("me",)
    return next((level for level in wishes if level in possible), possible[0])


async def put(services: Services, request: Request, key: str, text: str, wanted: str) -> str:
    """Set one setting and say so. Raises UserError or Denied."""
    value = known(services, request, key, parse(key, text))
    level, request = await level_for(services, request, key, wanted)
    if setting_levels(key).completion == "channels" and value:
        await must_be_read_by(services.adapters, request, str(value))
    administration, scope, before = services.administration, scope_in(level, request), ""

    def decision() -> Sequence[AuditedChange]:
        nonlocal before
        before = format_value(administration.values_in(scope).get(key, ""))
        return [administration.setting(key, value, scope, request.place, request.person)]

    await administration.decide(decision)
    was = f" (it was {quoted(before)})" if before else ""
    return f"**{key}** is {quoted_value(key, value)} for {named(level, request.place)} from now on{was}."


async def take_back(services: Services, request: Request, key: str, wanted: str) -> str:
    """End one setting, so that the next level counts again, and say so. Raises UserError or Denied."""
    level, request = await level_for(services, request, key, wanted)
    administration, place, person = services.administration, request.place, request.person

    def decision() -> Sequence[AuditedChange]:
        if key not in administration.values_at(level, place, person):
            raise UserError(f"{key} is not set for {named(level, place)}. `/config show` says where it comes from.")
        return [administration.setting(key, None, scope_in(level, request), place, person, reset=True)]

    await administration.decide(decision)
    now = quoted_value(key, getattr(administration.settings(place, person), key))
    return f"**{key}** is no longer set for {named(level, place)}: {now} is in force."


async def must_be_read_by(adapters: Mapping[str, Adapter], request: Request, channel: str) -> None:
    """A channel that is to be told of this workspace is one of it, and who chose it reads it. Raises UserError."""
    subject = Subject.read(channel)
    assert subject is not None, "known() made sure of it"
    adapter = adapters[request.place.platform]
    place = Place(request.place.platform, request.place.workspace, subject.id)
    if await platforms.audience(adapter, place) == "none":
        raise UserError(f"{subject.label} is not a channel of this workspace that I can see. Add me to it first.")
    if place not in await platforms.readable(adapter, request, [place]):
        raise UserError(f"You may not read {subject.label}, so changes are not announced there.")


def scope_in(level: Level, request: Request) -> Scope:
    """The scope of a level that is known to exist here."""
    scope = scope_of(level, request.place, request.person)
    assert scope is not None
    return scope


def known(services: Services, request: Request, key: str, value: Value) -> Value:
    """A value whose names exist. Raises UserError that lists them."""
    kind = setting_levels(key).completion
    if kind == "commands" and isinstance(value, tuple):
        value = tuple(name.removeprefix("/") for name in value)
        check_commands_off(value)
    if kind == "tasks" and isinstance(value, tuple):
        task_preferences.check_preferences(value, load_tasks(), services.models.available(request).names)
    if kind == "personas" and (persona := services.administration.persona(request.place, str(value))):
        value = persona.name
    names = offered(services, request, key)
    given = value if isinstance(value, tuple) else (value,) if value else ()
    missing = next((name for name in given if kind in NAMED and name not in names), None)
    if kind == "models" and missing in services.backends:
        services.models.chat_model(request, str(missing))  # says why it is not to be had
    if missing is not None:
        there = f"There are: {', '.join(names)}." if names else "There are none yet."
        raise Unknown(f"There is no {NAMED[kind]} “{str(missing)[:60]}” here. {there}")
    return _channel(request.place, str(value)) if kind == "channels" and value else value


def _channel(place: Place, text: str) -> str:
    if text.lower() == "here":
        return str(Subject("channel", place.channel, place.name.lstrip("#").partition(" in ")[0]))
    subject = Subject.read(text)
    if subject is None or subject.kind != "channel":
        raise UserError("Name a channel with /audit channel, or write `here` in it.")
    return str(subject)


def offered(services: Services, request: Request, key: str) -> list[str]:
    """What a setting's value may be completed to."""
    match setting_levels(key).completion:
        case "models":
            available = services.models.available(request)
            return list(available.chat if key == "model" else available.names)
        case "tasks":
            return task_preferences.preference_values(load_tasks(), services.models.available(request).names)
        case "personas":
            return list(services.administration.personas(request.place))
        case "commands":
            return [one.name for one in services.commands if not one.unrestricted and one.name != NEVER_OFF]
        case "personal":
            return list(PERSONAL)
        case "channels":
            return ["here"]
        case _:
            return []


def named(level: Level, place: Place) -> str:
    """A level as people say it."""
    match level:
        case "workspace":
            return "everybody here" if place.direct else "the whole workspace"
        case "channel":
            return place.name or "this channel"
        case "thread":
            return "this thread"
        case "me":
            return "you"


def quoted_value(key: str, value: Value) -> str:
    """A setting's value within a sentence."""
    text = format_value(value)
    channel = Subject.read(text) if setting_levels(key).completion == "channels" else None
    return channel.label if channel else quoted(text) if text else "empty"
