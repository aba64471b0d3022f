"""The channels and threads that a member of a guild may read now."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping

from adapters.discord.payloads import Channel, Member
from adapters.discord.people.people import ADMINISTRATOR, rights_in, roles_of
from adapters.discord.rest_api import DiscordApi
from bot.interfaces.adapter import Audience
from bot.interfaces.errors import Forbidden, Gone
from bot.interfaces.messages import Place

VIEW_CHANNEL, READ_MESSAGE_HISTORY, MANAGE_THREADS = 1 << 10, 1 << 16, 1 << 34
READING = VIEW_CHANNEL | READ_MESSAGE_HISTORY
PRIVATE_THREAD = 12


async def readable_places(rest: DiscordApi, guild: str, person: str, places: Collection[Place]) -> Collection[Place]:
    """Return the places of a guild that a person may read. Raises PlatformError.

    Readers of a channel read its threads; of a private thread, only its members and those who manage threads.
    """
    if not places:
        return ()
    guild_info, member, channels = await asyncio.gather(
        rest.guild(guild), rest.member(guild, person), rest.channels(guild)
    )
    if not member:
        return ()
    guild_rights = rights_in(guild_info, member, person)
    if guild_rights & ADMINISTRATOR:
        return places
    levels = {guild: 0, **dict.fromkeys(roles_of(member), 1), person: 2}
    rights = {channel["id"]: rights_there(guild_rights, channel, levels) for channel in channels}
    open_places = [place for place in places if rights.get(place.channel, 0) & READING == READING]
    may = await asyncio.gather(
        *(_may_read_thread(rest, place.thread, person, rights[place.channel]) for place in open_places)
    )
    return [place for place, allowed in zip(open_places, may, strict=True) if allowed]


async def audience(rest: DiscordApi, place: Place) -> Audience:
    """Return the audience of a channel or thread of a guild. Raises PlatformError."""
    if not place.workspace.isdecimal():
        return "none"
    try:
        guild, channels = await asyncio.gather(rest.guild(place.workspace), rest.channels(place.workspace))
        thread = await rest.channel(place.thread) if place.thread else Channel()
    except (Forbidden, Gone):
        return "none"
    channel = next((one for one in channels if one["id"] == place.channel), None)
    if channel is None or (place.thread and thread.get("parent_id") != place.channel):
        return "none"
    guild_rights = rights_in(guild, Member(), "")
    rights = rights_there(guild_rights, channel, {place.workspace: 0})
    is_public = guild_rights & ADMINISTRATOR or rights & READING == READING
    return "everybody" if is_public and thread.get("type") != PRIVATE_THREAD else "some"


def rights_there(guild_rights: int, channel: Channel, levels: Mapping[str, int]) -> int:
    """Return the rights in a channel: the guild's, changed by the exceptions for everyone, roles, and the person.

    `levels` are their ids with that order. Exceptions of one level count together, and allowed rights overrule denied
    ones.
    """
    overwrites = [one for one in channel.get("permission_overwrites", ()) if one["id"] in levels]
    for level in sorted(set(levels.values())):
        at_level = [one for one in overwrites if levels[one["id"]] == level]
        denied, allowed = _union(one["deny"] for one in at_level), _union(one["allow"] for one in at_level)
        guild_rights = guild_rights & ~denied | allowed
    return guild_rights


def _union(rights: Iterable[str]) -> int:
    union = 0
    for one in rights:
        union |= int(one)
    return union


async def _may_read_thread(rest: DiscordApi, thread: str, person: str, rights: int) -> bool:
    """Return whether a person with these rights in a channel may read its thread; "" is the channel itself."""
    if not thread:
        return True
    try:
        found = await rest.channel(thread)
    except (Forbidden, Gone):
        return False
    private = found["type"] == PRIVATE_THREAD and not rights & MANAGE_THREADS
    return not private or await rest.is_in_thread(thread, person)
