"""Discord's events as requests."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import discord

from adapters.discord.handle import Handle, read_custom_id
from adapters.discord.text import readable
from bot.types import Act, Attachment, Command, Person, Place, Request

Author = discord.User | discord.Member

SAID = (discord.MessageType.default, discord.MessageType.reply)
_COMMAND = re.compile(r"/([a-z0-9-]{1,32})(?:\s+(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads events as the bot `me`; `commands` by name. `content` says whether Discord shows it every message."""

    me: int
    commands: Mapping[str, Command]
    content: bool

    def blank(self, message: discord.Message) -> bool:
        """Whether Discord hid what a message says, because the message-content intent is missing."""
        return not (self.content or message.guild is None or self._mentioned_as(message))

    def missed(self, message: discord.Message) -> bool:
        """Whether a message may have been for the bot, but is blank."""
        for_us = isinstance(message.channel, discord.Thread) or _replied_to(message) == self.me
        return for_us and not message.author.bot and message.type in SAID and self.blank(message)

    def message(self, message: discord.Message, place: Place | None = None) -> Request | None:
        """A message that is, or may be, for the bot; `place` where it is known better than from the message."""
        if message.author.bot or message.webhook_id or message.type not in SAID or self.blank(message):
            return None
        place = place or place_of(message.channel, message.guild)
        addressed = place.direct or bool(self._mentioned_as(message)) or _replied_to(message) == self.me
        if not addressed and (not place.thread or self._is_for_others(message)):
            return None
        text = readable(message.content, _names(message), self._mentioned_as(message))
        command, arguments = self._command(text) if addressed else ("chat", {"text": text})
        reference = message.reference
        return Request(
            act=Act(str(message.id), message.id),
            place=place,
            person=person_of(message.author),
            command=command,
            arguments=arguments,
            attachments=tuple(_attachment(file) for file in message.attachments),
            message=str(message.id),
            replies_to=str(reference.message_id or "") if reference else "",
            addressed=addressed,
            handle=Handle(str(message.channel.id), reply=str(message.id)).dump(),
        )

    def interaction(self, interaction: discord.Interaction[discord.Client]) -> Request | None:
        """A slash command or a pressed button; None for what this version of the bot does not know."""
        if interaction.channel is None:
            return None
        data: Mapping[str, object] = interaction.data or {}
        if interaction.type is discord.InteractionType.component:
            name, arguments, reply = read_custom_id(str(data.get("custom_id", "")))
        else:
            name, arguments, reply = str(data.get("name", "")), _arguments(options(data)), ""
        command = self.commands.get(name)
        if command is None:
            return None
        place = place_of(interaction.channel, interaction.guild)
        seen_by_one = interaction.message is not None and interaction.message.flags.ephemeral
        private = command.quiet or "private" in arguments or seen_by_one
        handle = Handle(
            channel=str(interaction.channel.id),
            reply=reply,
            interaction=str(interaction.id),
            application=str(interaction.application_id),
            token=interaction.token,
            original=interaction.type is discord.InteractionType.application_command,
            hidden=private and not place.direct,
        )
        person = person_of(interaction.user, administrator=interaction.permissions.manage_guild and not place.direct)
        act = Act(str(interaction.id), interaction.id)
        return Request(act, place, person, name, arguments, private=private, handle=handle.dump())

    def joined(self, guild: discord.Guild) -> Request | None:
        """The bot was added to a guild; None where it may write nowhere."""
        channel = _first_writable(guild)
        if channel is None:
            return None
        since = guild.me.joined_at or discord.utils.utcnow()
        act = Act(f"join:{guild.id}:{since.isoformat()}", discord.utils.time_snowflake(since))
        person = Person(str(guild.owner_id or guild.id), guild.name)
        return Request(act, place_of(channel, guild), person, "welcome", handle=Handle(str(channel.id)).dump())

    def _command(self, text: str) -> tuple[str, Mapping[str, str]]:
        """`/name rest` as that command, its first text option being the rest; anything else is talk."""
        found = _COMMAND.fullmatch(text)
        command = self.commands.get(found[1]) if found else None
        if found is None or command is None or command.hidden:
            return "chat", {"text": text}
        option = next((option.name for option in command.options if option.kind == "text"), None)
        return command.name, {option: found[2]} if option and found[2] else {}

    def _mentioned_as(self, message: discord.Message) -> Collection[str]:
        """The ids in a message that mean the bot: its own and that of the role that Discord made for it."""
        users = [user.id for user in message.mentions if user.id == self.me]
        roles = [role.id for role in message.role_mentions if role.tags and role.tags.bot_id == self.me]
        return {str(key) for key in (*users, *roles)}

    def _is_for_others(self, message: discord.Message) -> bool:
        """Whether people clearly talk to each other."""
        others = [user for user in message.mentions if user.id not in (self.me, message.author.id)]
        replied = _replied_to(message)
        to_other = replied is not None and replied not in (self.me, message.author.id)
        return bool(others or message.role_mentions or message.mention_everyone or to_other)


def person_of(author: Author, *, administrator: bool | None = None) -> Person:
    """Who wrote. In a guild an administrator is who may manage it."""
    member = author if isinstance(author, discord.Member) else None
    if administrator is None:
        administrator = member is not None and member.guild_permissions.manage_guild
    roles = tuple(str(role.id) for role in member.roles if not role.is_default()) if member else ()
    return Person(str(author.id), author.display_name, roles, administrator, author.bot)


def place_of(channel: discord.abc.Snowflake, guild: discord.Guild | None) -> Place:
    """Where something was said; a thread belongs to its channel."""
    if guild is None:
        return Place("discord", "@me", str(channel.id), direct=True, name="a direct message")
    name = getattr(channel, "name", None)
    where = f"#{name} in {guild.name}" if isinstance(name, str) else guild.name
    if isinstance(channel, discord.Thread):
        return Place("discord", str(guild.id), str(channel.parent_id), str(channel.id), name=where)
    return Place("discord", str(guild.id), str(channel.id), name=where)


def _replied_to(message: discord.Message) -> int | None:
    """The author of the message replied to, where Discord says so."""
    target = message.reference.resolved if message.reference else None
    return target.author.id if isinstance(target, discord.Message) else None


def _names(message: discord.Message) -> Mapping[str, str]:
    named: Sequence[tuple[int, str]] = (
        *((user.id, user.display_name) for user in message.mentions),
        *((role.id, role.name) for role in message.role_mentions),
        *((channel.id, channel.name) for channel in message.channel_mentions),
    )
    return {str(key): name for key, name in named}


def _attachment(file: discord.Attachment) -> Attachment:
    return Attachment(file.filename, file.content_type or "", file.size, file.url)


def options(data: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    """What was filled in, or begun, of a slash command."""
    given = data.get("options")
    return [option for option in given if isinstance(option, dict)] if isinstance(given, list) else []


def _arguments(given: Sequence[Mapping[str, object]]) -> Mapping[str, str]:
    """A flag that is not set is absent."""
    said = ((str(option["name"]), option.get("value")) for option in given)
    return {name: "yes" if value is True else str(value) for name, value in said if value is not False}


def _first_writable(guild: discord.Guild) -> discord.TextChannel | None:
    system = guild.system_channel
    channels = [system, *guild.text_channels] if system else guild.text_channels
    for channel in channels:
        rights = channel.permissions_for(guild.me)
        if rights.view_channel and rights.send_messages:
            return channel
    return None
