"""Which channels and threads a member of a guild may read, as Discord says now."""

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
    """Those of a guild's places that a person may read. Raises PlatformError.

    A thread is read by who may read its channel; a private one, of these, by who is in it or manages threads.
    """
    if not places:
        return ()
    known, member, channels = await asyncio.gather(rest.guild(guild), rest.member(guild, person), rest.channels(guild))
    if not member:
        return ()
    held = rights_in(known, member, person)
    if held & ADMINISTRATOR:
        return places
    mine = {guild: 0, **dict.fromkeys(roles_of(member), 1), person: 2}
    rights = {channel["id"]: rights_there(held, channel, mine) for channel in channels}
    open_places = [place for place in places if rights.get(place.channel, 0) & READING == READING]
    may = await asyncio.gather(
        *(_may_read_thread(rest, place.thread, person, rights[place.channel]) for place in open_places)
    )
    return [place for place, allowed in zip(open_places, may, strict=True) if allowed]


async def audience(rest: DiscordApi, place: Place) -> Audience:
    """Who reads a channel or thread of a guild. Raises PlatformError."""
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
    held = rights_in(guild, Member(), "")
    rights = rights_there(held, channel, {place.workspace: 0})
    shown = held & ADMINISTRATOR or rights & READING == READING
    return "everybody" if shown and thread.get("type") != PRIVATE_THREAD else "some"


def rights_there(held: int, channel: Channel, mine: Mapping[str, int]) -> int:
    """What is left in a channel of the rights in its guild: everyone's exceptions count, then roles', then one's own.

    `mine` are the ids of these with their turn. Exceptions of one turn count together, and what they allow after that.
    """
    overwrites = [one for one in channel.get("permission_overwrites", ()) if one["id"] in mine]
    for turn in sorted(set(mine.values())):
        now = [one for one in overwrites if mine[one["id"]] == turn]
        denied, allowed = _union(one["deny"] for one in now), _union(one["allow"] for one in now)
        held = held & ~denied | allowed
    return held


def _union(rights: Iterable[str]) -> int:
    union = 0
    for one in rights:
        union |= int(one)
    return union


async def _may_read_thread(rest: DiscordApi, thread: str, person: str, rights: int) -> bool:
    """Whether who has these rights in a channel may read a thread of it; "" is the channel itself."""
    if not thread:
        return True
    try:
        found = await rest.channel(thread)
    except (Forbidden, Gone):
        return False
    private = found["type"] == PRIVATE_THREAD and not rights & MANAGE_THREADS
    return not private or await rest.is_in_thread(thread, person)
