"""The declared commands as Discord's application commands."""

from __future__ import annotations

from collections.abc import Sequence

from discord.http import Route

from adapters.discord.rest import Json, Rest
from bot.types import Command, Option

KINDS = {"text": 3, "flag": 5}
IN_SERVERS, IN_DIRECT_MESSAGES = 0, 1


def payload(commands: Sequence[Command]) -> list[Json]:
    """What Discord is told; it wants required options first."""
    return [
        {
            "name": command.name,
            "type": 1,
            "description": command.summary[:100],
            "options": [_option(option) for option in sorted(command.options, key=lambda option: not option.required)],
            "contexts": [IN_SERVERS, IN_DIRECT_MESSAGES],
            "integration_types": [0],
        }
        for command in commands
        if not command.hidden
    ]


def _option(option: Option) -> Json:
    made: Json = {"name": option.name, "type": KINDS[option.kind], "description": option.summary[:100]}
    if option.required:
        made["required"] = True
    if option.choices:
        made["choices"] = [{"name": choice, "value": choice} for choice in option.choices]
    elif option.suggested:
        made["autocomplete"] = True
    return made


async def sync(rest: Rest, application: str, commands: Sequence[Command]) -> bool:
    """Tell Discord the commands if it knows others; whether it did. Raises PlatformError."""
    path = "/applications/{application_id}/commands"
    known = await rest.call(Route("GET", path, application_id=application))
    wanted = payload(commands)
    if isinstance(known, list) and _shape(known) == _shape(wanted):
        return False
    await rest.call(Route("PUT", path, application_id=application), wanted)
    return True


def _shape(commands: Sequence[Json]) -> dict[str, object]:
    """What tells two sets of commands apart, without the fields that Discord adds."""
    return {str(command["name"]): {key: _bare(command.get(key) or None) for key in COMPARED} for command in commands}


COMPARED = ("type", "description", "options", "contexts", "integration_types")


def _bare(value: object) -> object:
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items() if item not in (None, False, [])}
    return value
