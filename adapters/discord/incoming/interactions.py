"""Slash commands, pressed buttons, picked entries of menus and sent forms as requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import discord

from adapters.discord.application_commands import CHANNEL, FILE, MENTIONABLE, ON_MESSAGE, SUBCOMMAND
from adapters.discord.incoming.message_content import files as held
from adapters.discord.incoming.message_content import mentioned, words
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
    """What an interaction asks for; None for what this version of the bot does not know. `commands` are by path."""
    if interaction.channel is None:
        return None
    data = _data_of(interaction)
    meaning, pointed = _meaning(interaction, data), _pointed(data)
    if pointed:
        path = next((path for path, command in commands.items() if command.shortcut == meaning.command), "")
        meaning = ControlAction(path, {"text": words(pointed, mentioned(pointed), marked=False)})
    command = commands.get(meaning.command)
    if command is None:
        return None
    place = place_of(interaction.channel, interaction.guild)
    seen_by_one = interaction.message is not None and interaction.message.flags.ephemeral
    target = DiscordReplyTarget(
        channel=str(interaction.channel.id),
        reply=meaning.reply,
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
        command=meaning.command,
        arguments=meaning.arguments,
        attachments=_files(data, pointed),
        replies_to=pointed.get("id", ""),
        private=command.quiet or "private" in meaning.arguments or seen_by_one,
        reply_target=target,
    )


def _data_of(interaction: Interaction) -> InteractionData:
    return INTERACTION.validate_python(interaction.data or {}, strict=True)


def _pointed(data: InteractionData) -> DiscordMessage:
    """The message that a shortcut was chosen for; empty for anything else."""
    messages = _resolved(data).get("messages", {}) if data.get("type") == ON_MESSAGE else {}
    return messages.get(data.get("target_id", ""), DiscordMessage())


def _files(data: InteractionData, pointed: DiscordMessage) -> tuple[Attachment, ...]:
    """Files that were given to a slash command, or those of the message that was pointed at."""
    given = [option for option in _chosen(data)[1] if option.get("type") == FILE]
    there = _resolved(data).get("attachments", {})
    files = [there.get(str(option.get("value")), DiscordFile()) for option in given]
    return (*map(attachment_of, files), *held(pointed))


def focused_option(interaction: Interaction) -> tuple[str, str]:
    """The option that is being filled in, and what is there so far; both "" when there is none."""
    for option in _chosen(_data_of(interaction))[1]:
        if option.get("focused"):
            return option["name"], str(option["value"])
    return "", ""


def _meaning(interaction: Interaction, data: InteractionData) -> ControlAction:
    if interaction.type in (discord.InteractionType.component, discord.InteractionType.modal_submit):
        meaning = ControlAction.read(data.get("custom_id", ""))
        given = form_values(data)
        if meaning.option and "values" in data:
            given = {meaning.option: ",".join(data["values"])}
        return ControlAction(meaning.command, {**meaning.arguments, **given}, meaning.reply)
    path, options = _chosen(data)
    guild = str(interaction.guild_id or "")
    options = [option for option in options if not option.get("focused") and option.get("type") != FILE]
    said = {option["name"]: _value(option, data, guild) for option in options}
    return ControlAction(path, {name: value for name, value in said.items() if value})


def _chosen(data: InteractionData) -> tuple[str, Sequence[DiscordOption]]:
    """The path of a slash command, and its options as far as they are filled in."""
    path, options = data.get("name", ""), data.get("options", [])
    if options and options[0].get("type") == SUBCOMMAND:
        return f"{path} {options[0]['name']}", options[0].get("options", [])
    return path, options


def _value(option: DiscordOption, data: InteractionData, guild: str) -> str:
    """As the core reads it; "" for a flag that is not set."""
    value = option.get("value")
    if isinstance(value, bool):
        return "yes" if value else ""
    if option.get("type") in (MENTIONABLE, CHANNEL):
        return str(_subject(str(value), data, guild))
    return str(value)


def _subject(key: str, data: InteractionData, guild: str) -> Subject:
    """Whom an id means; the role that everybody has bears the guild's own id."""
    if key == guild:
        return Subject("everyone")
    known = _resolved(data)
    if role := known.get("roles", {}).get(key):
        return Subject("role", key, role.get("name", ""))
    if channel := known.get("channels", {}).get(key):
        return Subject("channel", key, channel.get("name", ""))
    user, member = known.get("users", {}).get(key, User()), known.get("members", {}).get(key, Member())
    return Subject("person", key, member.get("nick") or display_name(user))


def _resolved(data: InteractionData) -> Resolved:
    """What Discord says of the ids in an interaction."""
    return data.get("resolved", Resolved())
