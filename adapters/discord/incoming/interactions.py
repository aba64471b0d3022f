"""Slash commands, pressed buttons, picked entries of menus and sent forms as requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import discord

from adapters.discord.application_commands import CHANNEL, FILE, MENTIONABLE, ON_MESSAGE, SUBCOMMAND
from adapters.discord.incoming.message_content import files as held
from adapters.discord.incoming.message_content import mentioned, words
from adapters.discord.outgoing.components import form_values
from adapters.discord.people.people import attachment_of, person_of, place_of
from adapters.discord.reply_target import ControlAction, DiscordReplyTarget
from adapters.discord.rest_api import Json, listed
from bot.interfaces.command import Command
from bot.interfaces.messages import Act, Attachment, Request, Subject

Interaction = discord.Interaction[discord.Client]
Data = Mapping[str, object]


def request_of(interaction: Interaction, commands: Mapping[str, Command]) -> Request | None:
    """What an interaction asks for; None for what this version of the bot does not know. `commands` are by path."""
    if interaction.channel is None:
        return None
    meaning, pointed = _meaning(interaction), _pointed(interaction)
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
        attachments=_files(interaction.data or {}, pointed),
        replies_to=str(pointed.get("id", "")),
        private=command.quiet or "private" in meaning.arguments or seen_by_one,
        reply_target=target,
    )


def _pointed(interaction: Interaction) -> Json:
    """The message that a shortcut was chosen for; empty for anything else."""
    data: Data = interaction.data or {}
    return _entry(_resolved(data), "messages", str(data.get("target_id"))) if data.get("type") == ON_MESSAGE else {}


def _files(data: Data, pointed: Json) -> tuple[Attachment, ...]:
    """Files that were given to a slash command, or those of the message that was pointed at."""
    given = [option for option in _chosen(data)[1] if option.get("type") == FILE]
    files = [_entry(_resolved(data), "attachments", str(option.get("value"))) for option in given]
    return (*map(attachment_of, files), *held(pointed))


def focused_option(interaction: Interaction) -> tuple[str, str]:
    """The option that is being filled in, and what is there so far; both "" when there is none."""
    for option in _chosen(interaction.data or {})[1]:
        if option.get("focused"):
            return str(option["name"]), str(option["value"])
    return "", ""


def _meaning(interaction: Interaction) -> ControlAction:
    data: Data = interaction.data or {}
    if interaction.type in (discord.InteractionType.component, discord.InteractionType.modal_submit):
        meaning = ControlAction.read(str(data.get("custom_id", "")))
        given = form_values(data)
        picked = data.get("values")
        if meaning.option and isinstance(picked, list):
            given = {meaning.option: ",".join(map(str, picked))}
        return ControlAction(meaning.command, {**meaning.arguments, **given}, meaning.reply)
    path, options = _chosen(data)
    guild = str(interaction.guild_id or "")
    options = [option for option in options if not option.get("focused") and option.get("type") != FILE]
    said = {str(option["name"]): _value(option, data, guild) for option in options}
    return ControlAction(path, {name: value for name, value in said.items() if value})


def _chosen(data: Data) -> tuple[str, Sequence[Json]]:
    """The path of a slash command, and its options as far as they are filled in."""
    path, options = str(data.get("name", "")), listed(data.get("options"))
    if options and options[0].get("type") == SUBCOMMAND:
        return f"{path} {options[0]['name']}", listed(options[0].get("options"))
    return path, options


def _value(option: Json, data: Data, guild: str) -> str:
    """As the core reads it; "" for a flag that is not set."""
    value = option.get("value")
    if isinstance(value, bool):
        return "yes" if value else ""
    if option.get("type") in (MENTIONABLE, CHANNEL):
        return str(_subject(str(value), data, guild))
    return str(value)


def _subject(key: str, data: Data, guild: str) -> Subject:
    """Whom an id means; the role that everybody has bears the guild's own id."""
    if key == guild:
        return Subject("everyone")
    known = _resolved(data)
    if found := _entry(known, "roles", key):
        return Subject("role", key, str(found.get("name", "")))
    if found := _entry(known, "channels", key):
        return Subject("channel", key, str(found.get("name", "")))
    user, member = _entry(known, "users", key), _entry(known, "members", key)
    return Subject("person", key, str(member.get("nick") or user.get("global_name") or user.get("username") or ""))


def _resolved(data: Data) -> Mapping[str, object]:
    """What Discord says of the ids in an interaction."""
    resolved = data.get("resolved")
    return resolved if isinstance(resolved, dict) else {}


def _entry(resolved: Mapping[str, object], kind: str, key: str) -> Json:
    entries = resolved.get(kind)
    found = entries.get(key) if isinstance(entries, dict) else None
    return found if isinstance(found, dict) else {}
