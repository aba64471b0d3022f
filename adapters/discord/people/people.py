"""People and places from discord.py's events and Discord's payloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import discord

from adapters.discord.payloads import DiscordFile, Guild, Member, User
from bot.interfaces.messages import Attachment, Person, Place

Author = discord.User | discord.Member

ADMINISTRATOR, MANAGE_GUILD = 1 << 3, 1 << 5


def person_of(author: Author, *, administrator: bool | None = None, guild: bool = False) -> Person:
    """Return an author, in a `guild` or not; an administrator is a person who may manage the guild."""
    member = author if isinstance(author, discord.Member) else None
    if administrator is None:
        administrator = member is not None and member.guild_permissions.manage_guild
    roles = tuple(str(role.id) for role in member.roles if not role.is_default()) if member else ()
    unsaid: Literal["", "roles"] = "roles" if guild and member is None else ""
    return Person(str(author.id), author.display_name, roles, administrator, author.bot, unsaid=unsaid)


def person_now(person: Person, guild: Guild, member: Member) -> Person:
    """Return a person with the current rights of their membership."""
    manages = rights_in(guild, member, person.id) & (ADMINISTRATOR | MANAGE_GUILD)
    return Person(person.id, person.name, roles_of(member), bool(manages), person.bot)


def rights_in(guild: Guild, member: Member, person: str) -> int:
    """Return a member's rights in a guild, before a channel's exceptions; its owner has all rights."""
    if guild["owner_id"] == person:
        return ADMINISTRATOR
    role_ids, rights = {*roles_of(member), guild["id"]}, 0
    for role in guild.get("roles", ()):
        rights |= int(role["permissions"]) if role["id"] in role_ids else 0
    return rights


def roles_of(member: Member) -> tuple[str, ...]:
    """Return the ids of a member's roles."""
    return tuple(member.get("roles", ()))


def place_of(channel: discord.abc.Snowflake, guild: discord.Guild | None) -> Place:
    """Return the place of a channel or thread; a thread belongs to its channel."""
    if guild is None:
        return Place("discord", "@me", str(channel.id), direct=True, name="a direct message")
    parent = channel.parent if isinstance(channel, discord.Thread) else channel  # a thread's name is its question
    name = getattr(parent, "name", None)
    where = f"#{name} in {guild.name}" if isinstance(name, str) else guild.name
    if isinstance(channel, discord.Thread):
        return Place("discord", str(guild.id), str(channel.parent_id), str(channel.id), name=where)
    return Place("discord", str(guild.id), str(channel.id), name=where)


def display_name(user: User) -> str:
    """Return a person's name."""
    return user.get("global_name") or user.get("username", "")


def attachment_of(file: DiscordFile) -> Attachment:
    """Return a file of a payload."""
    return Attachment(file.get("filename", ""), file.get("content_type", ""), file.get("size", 0), file.get("url", ""))


def may_open_threads(place: Place, guild: discord.Guild) -> bool:
    """Return whether the bot can open a thread at a message there, and write in it."""
    channel = guild.get_channel(int(place.channel))
    if place.thread or not isinstance(channel, discord.TextChannel):
        return False
    rights = channel.permissions_for(guild.me)
    return rights.create_public_threads and rights.send_messages_in_threads


def may_read_back(author: Author, guild: discord.Guild | None, place: Place) -> bool:
    """Return whether an author may read the messages before theirs; False where that is unknown."""
    if place.direct:
        return True
    channel = guild.get_channel(int(place.channel)) if guild else None
    if channel is None or not isinstance(author, discord.Member):
        return False
    return channel.permissions_for(author).read_message_history


def first_writable(guild: discord.Guild) -> discord.TextChannel | None:
    """Return the first channel in which the bot may write, the system channel if possible."""
    system = guild.system_channel
    channels = [system, *guild.text_channels] if system else guild.text_channels
    for channel in channels:
        rights = channel.permissions_for(guild.me)
        if rights.view_channel and rights.send_messages:
            return channel
    return None


def names_in(message: discord.Message) -> Mapping[str, str]:
    """Return the names of mentioned people, roles and channels, by id."""
    named: Sequence[tuple[int, str]] = (
        *((user.id, user.display_name) for user in message.mentions),
        *((role.id, role.name) for role in message.role_mentions),
        *((channel.id, channel.name) for channel in message.channel_mentions),
    )
    return {str(key): name for key, name in named}
