"""The bot's commands as Discord's application commands."""

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
"""The type of the command that starts an application's Activity. Discord makes it and refuses lists without it."""

KEPT = ("id", "type", "name", "name_localizations", "description", "description_localizations", "handler", "contexts",
        "integration_types", "default_member_permissions", "nsfw")  # fmt: skip


def payload(commands: Sequence[Command]) -> list[Json]:
    """Return slash commands, and shortcuts in the menu of every message."""
    visible = [command for command in commands if not command.hidden]
    return [
        *map(_command, visible),
        *({"name": command.shortcut, "type": ON_MESSAGE} | EVERYWHERE for command in visible if command.shortcut),
    ]


def _command(command: Command) -> Json:
    fields = _description(command) | {"type": CHAT_INPUT} | EVERYWHERE
    subcommands = [subcommand for subcommand in command.subcommands if not subcommand.hidden]
    if subcommands:
        fields["options"] = [_description(subcommand) | {"type": SUBCOMMAND} for subcommand in subcommands]
    if all(one.administrative for one in subcommands or (command,)):
        fields["default_member_permissions"] = MANAGE_SERVER
    return fields


def _description(command: Command) -> Json:
    """Return name, description and options; Discord requires that required options come first."""
    return {
        "name": command.name,
        "description": command.summary[:LONGEST_DESCRIPTION],
        "options": [_option(option) for option in sorted(command.options, key=lambda option: not option.required)],
    }


def _option(option: Option) -> Json:
    description = option.summary[:LONGEST_DESCRIPTION]
    fields: Json = {"name": option.name, "type": KINDS[option.kind], "description": description}
    if option.required:
        fields["required"] = True
    if option.choices:
        fields["choices"] = [{"name": choice, "value": choice} for choice in option.choices]
    elif option.suggested:
        fields["autocomplete"] = True
    return fields


async def sync_commands(rest: DiscordApi, application: str, commands: Sequence[Command]) -> bool:
    """Send the commands to Discord if it has others; return whether they were sent. Raises PlatformError."""
    path = "/applications/{application_id}/commands"
    answer = await rest.call(Route("GET", path, application_id=application))
    registered = [command for command in answer if isinstance(command, dict)] if isinstance(answer, list) else []
    entry_points = [command for command in registered if command.get("type") == ENTRY_POINT]
    current = payload(commands)
    if _shape([command for command in registered if command not in entry_points]) == _shape(current):
        return False
    kept = [{key: command[key] for key in KEPT if command.get(key) is not None} for command in entry_points]
    await rest.call(Route("PUT", path, application_id=application), [*current, *kept])
    return True


def _shape(commands: Sequence[Json]) -> dict[str, object]:
    """Return the properties by which two sets of commands differ, without the fields that Discord adds."""
    return {
        f"{command.get('type')} {command['name']}": {
            key: _without_defaults(command.get(key) or None) for key in COMPARED
        }
        for command in commands
    }


COMPARED = ("type", "description", "options", "contexts", "integration_types", "default_member_permissions")


def _without_defaults(value: object) -> object:
    if isinstance(value, list):
        return [_without_defaults(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_defaults(item) for key, item in value.items() if item not in (None, False, [])}
    return value
