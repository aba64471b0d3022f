"""Requests from slash commands, pressed buttons, picked entries and sent forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import discord

from adapters.discord.application_commands import CHANNEL, FILE, MENTIONABLE, ON_MESSAGE, SUBCOMMAND
from adapters.discord.incoming.message_content import files as message_files
from adapters.discord.incoming.message_content import mentioned, text_of
from adapters.discord.outgoing.components import form_values
from adapters.discord.payloads import (
    INTERACTION,
    DiscordFile,
    DiscordMessage,
    DiscordOption,
    InteractionData,
    Member,
    Resolved,
    User,
)
from adapters.discord.people.people import attachment_of, display_name, person_of, place_of
from adapters.discord.reply_target import ControlAction, DiscordReplyTarget
from bot.interfaces.command import Command
from bot.interfaces.messages import Act, Attachment, Request, Subject

Interaction = discord.Interaction[discord.Client]


def request_of(interaction: Interaction, commands: Mapping[str, Command]) -> Request | None:
    """Return the request of an interaction; None where this version does not have its command.

    `commands` are by path.
    """
    if interaction.channel is None:
        return None
    data = _data_of(interaction)
    action, target_message = _action(interaction, data), _target_message(data)
    if target_message:
        path = next((path for path, command in commands.items() if command.shortcut == action.command), "")
        action = ControlAction(path, {"text": text_of(target_message, mentioned(target_message), marked=False)})
    command = commands.get(action.command)
    if command is None:
        return None
    place = place_of(interaction.channel, interaction.guild)
    is_ephemeral = interaction.message is not None and interaction.message.flags.ephemeral
    target = DiscordReplyTarget(
        channel=str(interaction.channel.id),
        reply=action.reply,
        interaction=str(interaction.id),
        application=str(interaction.application_id),
        token=interaction.token,
        original=interaction.type is not discord.InteractionType.component,
        reads=place.direct or interaction.permissions.read_message_history,
        largest=interaction.filesize_limit,
    )
    return Request(
        act=Act(str(interaction.id), interaction.id),
        place=place,
        person=person_of(interaction.user, administrator=interaction.permissions.manage_guild and not place.direct),
        command=action.command,
        arguments=action.arguments,
        attachments=_files(data, target_message),
        replies_to=target_message.get("id", ""),
        private=command.quiet or "private" in action.arguments or is_ephemeral,
        reply_target=target,
    )


def _data_of(interaction: Interaction) -> InteractionData:
    return INTERACTION.validate_python(interaction.data or {}, strict=True)


def _target_message(data: InteractionData) -> DiscordMessage:
    """Return the message of a shortcut; empty for other interactions."""
    messages = _resolved(data).get("messages", {}) if data.get("type") == ON_MESSAGE else {}
    return messages.get(data.get("target_id", ""), DiscordMessage())


def _files(data: InteractionData, target_message: DiscordMessage) -> tuple[Attachment, ...]:
    """Return the files of a slash command, or those of a shortcut's message."""
    file_options = [option for option in _options_of(data)[1] if option.get("type") == FILE]
    attachments = _resolved(data).get("attachments", {})
    files = [attachments.get(str(option.get("value")), DiscordFile()) for option in file_options]
    return (*map(attachment_of, files), *message_files(target_message))


def focused_option(interaction: Interaction) -> tuple[str, str]:
    """Return the option being typed and its text; both "" for none."""
    for option in _options_of(_data_of(interaction))[1]:
        if option.get("focused"):
            return option["name"], str(option["value"])
    return "", ""


def _action(interaction: Interaction, data: InteractionData) -> ControlAction:
    if interaction.type in (discord.InteractionType.component, discord.InteractionType.modal_submit):
        action = ControlAction.read(data.get("custom_id", ""))
        values = form_values(data)
        if action.option and "values" in data:
            values = {action.option: ",".join(data["values"])}
        return ControlAction(action.command, {**action.arguments, **values}, action.reply)
    path, options = _options_of(data)
    guild = str(interaction.guild_id or "")
    options = [option for option in options if not option.get("focused") and option.get("type") != FILE]
    values = {option["name"]: _value(option, data, guild) for option in options}
    return ControlAction(path, {name: value for name, value in values.items() if value})


def _options_of(data: InteractionData) -> tuple[str, Sequence[DiscordOption]]:
    """Return the path of a slash command, and its options with values."""
    path, options = data.get("name", ""), data.get("options", [])
    if options and options[0].get("type") == SUBCOMMAND:
        return f"{path} {options[0]['name']}", options[0].get("options", [])
    return path, options


def _value(option: DiscordOption, data: InteractionData, guild: str) -> str:
    """Return a value as the core reads it; "" for a flag that is off."""
    value = option.get("value")
    if isinstance(value, bool):
        return "yes" if value else ""
    if option.get("type") in (MENTIONABLE, CHANNEL):
        return str(_subject(str(value), data, guild))
    return str(value)


def _subject(key: str, data: InteractionData, guild: str) -> Subject:
    """Return the subject of an id; the guild's own id is the role of everyone."""
    if key == guild:
        return Subject("everyone")
    resolved = _resolved(data)
    if role := resolved.get("roles", {}).get(key):
        return Subject("role", key, role.get("name", ""))
    if channel := resolved.get("channels", {}).get(key):
        return Subject("channel", key, channel.get("name", ""))
    user, member = resolved.get("users", {}).get(key, User()), resolved.get("members", {}).get(key, Member())
    return Subject("person", key, member.get("nick") or display_name(user))


def _resolved(data: InteractionData) -> Resolved:
    """Return the objects of an interaction's ids."""
    return data.get("resolved", Resolved())
