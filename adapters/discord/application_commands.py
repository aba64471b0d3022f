"""The declared commands as Discord's application commands."""

from __future__ import annotations

from collections.abc import Sequence

from discord.http import Route

from adapters.discord.rest_api import DiscordApi, Json
from bot.interfaces.command import Command, Option

CHAT_INPUT, ON_MESSAGE, SUBCOMMAND, TEXT, FLAG, CHANNEL, MENTIONABLE, FILE = 1, 3, 1, 3, 5, 7, 9, 11
KINDS = {"text": TEXT, "flag": FLAG, "who": MENTIONABLE, "channel": CHANNEL, "file": FILE}
IN_SERVERS, IN_DIRECT_MESSAGES = 0, 1
EVERYWHERE: Json = {"contexts": [IN_SERVERS, IN_DIRECT_MESSAGES], "integration_types": [0]}
MANAGE_SERVER = "32"
LONGEST_DESCRIPTION = 100

ENTRY_POINT = 4
"""The type of the command that starts an application's Activity: Discord makes it, and refuses lists without it."""

KEPT = ("id", "type", "name", "name_localizations", "description", "description_localizations", "handler", "contexts",
        "integration_types", "default_member_permissions", "nsfw")  # fmt: skip


def payload(commands: Sequence[Command]) -> list[Json]:
    """What Discord is told: slash commands, and the shortcuts in the menu of every message."""
    offered = [command for command in commands if not command.hidden]
    return [
        *map(_command, offered),
        *({"name": command.shortcut, "type": ON_MESSAGE} | EVERYWHERE for command in offered if command.shortcut),
    ]


def _command(command: Command) -> Json:
    made = _described(command) | {"type": CHAT_INPUT} | EVERYWHERE
    below = [subcommand for subcommand in command.subcommands if not subcommand.hidden]
    if below:
        made["options"] = [_described(subcommand) | {"type": SUBCOMMAND} for subcommand in below]
    if all(asked.administrative for asked in below or (command,)):
        made["default_member_permissions"] = MANAGE_SERVER
    return made


def _described(command: Command) -> Json:
    """Discord wants required options first."""
    return {
        "name": command.name,
        "description": command.summary[:LONGEST_DESCRIPTION],
        "options": [_option(option) for option in sorted(command.options, key=lambda option: not option.required)],
    }


def _option(option: Option) -> Json:
    description = option.summary[:LONGEST_DESCRIPTION]
    made: Json = {"name": option.name, "type": KINDS[option.kind], "description": description}
    if option.required:
        made["required"] = True
    if option.choices:
        made["choices"] = [{"name": choice, "value": choice} for choice in option.choices]
    elif option.suggested:
        made["autocomplete"] = True
    return made


async def sync_commands(rest: DiscordApi, application: str, commands: Sequence[Command]) -> bool:
    """Tell Discord the commands if it knows others; whether it did. Raises PlatformError."""
    path = "/applications/{application_id}/commands"
    answer = await rest.call(Route("GET", path, application_id=application))
    known = [command for command in answer if isinstance(command, dict)] if isinstance(answer, list) else []
    entry = [command for command in known if command.get("type") == ENTRY_POINT]
    wanted = payload(commands)
    if _shape([command for command in known if command not in entry]) == _shape(wanted):
        return False
    kept = [{key: command[key] for key in KEPT if command.get(key) is not None} for command in entry]
    await rest.call(Route("PUT", path, application_id=application), [*wanted, *kept])
    return True


def _shape(commands: Sequence[Json]) -> dict[str, object]:
    """What tells two sets of commands apart, without the fields that Discord adds."""
    return {
        f"{command.get('type')} {command['name']}": {key: _bare(command.get(key) or None) for key in COMPARED}
        for command in commands
    }


COMPARED = ("type", "description", "options", "contexts", "integration_types", "default_member_permissions")


def _bare(value: object) -> object:
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items() if item not in (None, False, [])}
    return value
