"""Change a setting at a level, if this person may."""

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

NAME_KINDS = {"models": "model", "personas": "persona", "commands": "command", "personal": "personal setting"}
"""The noun for a value that must be an existing name, by the kind of names."""


NOT_IN_DIRECT_MESSAGES = (
    "A direct message does not have settings of its own. Set it for yourself (`me`) or for everybody (`workspace`)."
)


async def level_for(services: Services, request: Request, key: str, level_name: str) -> tuple[Level, Request]:
    """Return the level at which to change a setting, and the request with the person's present rights.

    Without a `level_name`, administrators change the channel and others themselves. Raises UserError or Denied.
    """
    possible = setting_levels(key).levels
    level = (
        LEVELS[LEVELS.index(level_name)] if level_name else default_level(request, possible)
    )  # the core has checked the choice
    if level not in possible:
        raise UserError(
            f"{key} cannot be set for {level_label(level, request.place)}. Its levels are: {', '.join(possible)}."
        )
    if scope_of(level, request.place, request.person) is None:
        raise UserError("This is not a thread. Ask in a thread, or set it for the channel.")
    if level in ("channel", "thread") and request.place.direct:
        raise UserError(NOT_IN_DIRECT_MESSAGES)
    if level == "me" and key not in services.settings(request).personal:
        contact = services.administration.contact_sentence(request.place)
        raise Denied(f"{key} is the same for everybody here. {contact}")
    return level, request if level == "me" else await services.rights.require_administrator(request)


def default_level(request: Request, possible: tuple[Level, ...]) -> Level:
    """Return the level of a request that names none."""
    preferred: tuple[Level, ...] = ("me", "workspace") if request.place.direct else ("channel", "workspace")
    if not request.person.administrator and "me" in possible:
        preferred = ("me",)
    return next((level for level in preferred if level in possible), possible[0])


async def set_setting(services: Services, request: Request, key: str, text: str, level_name: str) -> str:
    """Set one setting and return the confirmation. Raises UserError or Denied."""
    value = checked_value(services, request, key, parse(key, text))
    level, request = await level_for(services, request, key, level_name)
    if setting_levels(key).completion == "channels" and value:
        await require_readable_channel(services.adapters, request, str(value))
    administration, scope, before = services.administration, existing_scope(level, request), ""

    def decision() -> Sequence[AuditedChange]:
        nonlocal before
        before = format_value(administration.values_in(scope).get(key, ""))
        return [administration.setting(key, value, scope, request.place, request.person)]

    await administration.decide(decision)
    was = f" (it was {quoted(before)})" if before else ""
    return f"**{key}** is {quoted_value(key, value)} for {level_label(level, request.place)} from now on{was}."


async def reset_setting(services: Services, request: Request, key: str, level_name: str) -> str:
    """Reset one setting, so that the next level applies, and return the confirmation. Raises UserError or Denied."""
    level, request = await level_for(services, request, key, level_name)
    administration, place, person = services.administration, request.place, request.person

    def decision() -> Sequence[AuditedChange]:
        if key not in administration.values_at(level, place, person):
            raise UserError(
                f"{key} is not set for {level_label(level, place)}. `/config show` lists the source of each value."
            )
        return [administration.setting(key, None, existing_scope(level, request), place, person, reset=True)]

    await administration.decide(decision)
    now = quoted_value(key, getattr(administration.settings(place, person), key))
    return f"**{key}** is no longer set for {level_label(level, place)}: {now} is in force."


async def require_readable_channel(adapters: Mapping[str, Adapter], request: Request, channel: str) -> None:
    """Raise UserError unless the channel belongs to this workspace and the asking person may read it."""
    subject = Subject.read(channel)
    assert subject is not None, "checked_value() has checked it"
    adapter = adapters[request.place.platform]
    place = Place(request.place.platform, request.place.workspace, subject.id)
    if await platforms.audience(adapter, place) == "none":
        raise UserError(f"{subject.label} is not a channel of this workspace that I can see. Add me to it first.")
    if place not in await platforms.readable(adapter, request, [place]):
        raise UserError(
            f"You may not read {subject.label}, so I cannot announce changes there. Choose a channel that you can read."
        )


def existing_scope(level: Level, request: Request) -> Scope:
    """Return the scope of a level that exists here."""
    scope = scope_of(level, request.place, request.person)
    assert scope is not None
    return scope


def checked_value(services: Services, request: Request, key: str, value: Value) -> Value:
    """Return the value with its names as the catalogue spells them. Raises UserError with the possible names."""
    kind = setting_levels(key).completion
    if kind == "commands" and isinstance(value, tuple):
        value = tuple(name.removeprefix("/") for name in value)
        check_commands_off(value)
    if kind == "tasks" and isinstance(value, tuple):
        task_preferences.check_preferences(value, load_tasks(), services.models.available(request).names)
    if kind == "personas" and (persona := services.administration.persona(request.place, str(value))):
        value = persona.name
    names = possible_values(services, request, key)
    entries = value if isinstance(value, tuple) else (value,) if value else ()
    missing = next((name for name in entries if kind in NAME_KINDS and name not in names), None)
    if kind == "models" and missing in services.backends:
        services.models.chat_model(request, str(missing))  # raises with the reason why it is not available
    if missing is not None:
        existing = f"There are: {', '.join(names)}." if names else "There are none yet."
        raise Unknown(f"There is no {NAME_KINDS[kind]} “{str(missing)[:60]}” here. {existing}")
    return _channel(request.place, str(value)) if kind == "channels" and value else value


def _channel(place: Place, text: str) -> str:
    if text.lower() == "here":
        return str(Subject("channel", place.channel, place.name.lstrip("#").partition(" in ")[0]))
    subject = Subject.read(text)
    if subject is None or subject.kind != "channel":
        raise UserError("The value is not a channel. Use `/audit channel`, or write `here` in that channel.")
    return str(subject)


def possible_values(services: Services, request: Request, key: str) -> list[str]:
    """Return the possible values of a setting that takes names."""
    match setting_levels(key).completion:
        case "models":
            available = services.models.available(request)
            return list(available.chat if key == "model" else available.names)
        case "tasks":
            return task_preferences.preference_values(load_tasks(), services.models.available(request).names)
        case "personas":
            return list(services.administration.personas(request.place))
        case "commands":
            return [
                command.name for command in services.commands if not command.unrestricted and command.name != NEVER_OFF
            ]
        case "personal":
            return list(PERSONAL)
        case "channels":
            return ["here"]
        case _:
            return []


def level_label(level: Level, place: Place) -> str:
    """Return the name that people read for a level."""
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
    """Return a setting's value for use in a sentence."""
    text = format_value(value)
    channel = Subject.read(text) if setting_levels(key).completion == "channels" else None
    return channel.label if channel else quoted(text) if text else "empty"
