"""What was said while the bot was away, read in the places where it took part lately."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import aiohttp
import discord

from adapters.discord.incoming.messages import DiscordMessageReader, IncomingMessage
from adapters.discord.people.people import Author
from adapters.discord.rest_api import DiscordApi
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Place

log = logging.getLogger(__name__)

CATCH_UP_SECONDS = 20.0
CATCH_UP_PLACES = 100
CATCH_UP_MESSAGES = 100
CATCH_UP_AT_ONCE = 5


async def missed_messages(
    client: discord.Client, rest: DiscordApi, reader: DiscordMessageReader, seen: Sequence[tuple[Place, int]]
) -> list[IncomingMessage]:
    """What people said after what was seen, oldest first, as far as there is time."""
    newest = sorted(seen, key=lambda entry: entry[1], reverse=True)[:CATCH_UP_PLACES]
    free = asyncio.Semaphore(CATCH_UP_AT_ONCE)

    async def read(place: Place, after: int) -> list[IncomingMessage]:
        async with free:
            return await _missed_in(client, rest, reader, place, after)

    reading = [asyncio.create_task(read(*entry)) for entry in newest]
    if not reading:
        return []
    done, late = await asyncio.wait(reading, timeout=CATCH_UP_SECONDS)
    if late:
        log.warning("Discord: there was no time to read what was missed in %d places", len(late))
    for task in late:
        task.cancel()
    return sorted((heard for task in done for heard in task.result()), key=lambda heard: heard.request.act.order)


async def _missed_in(
    client: discord.Client, rest: DiscordApi, reader: DiscordMessageReader, place: Place, after: int
) -> list[IncomingMessage]:
    guild = None if place.direct else int(place.workspace)
    channel = client.get_partial_messageable(int(place.thread or place.channel), guild_id=guild)
    found: list[IncomingMessage] = []
    await rest.turn()
    try:
        async for message in channel.history(limit=CATCH_UP_MESSAGES, after=discord.Object(after)):
            if reader.readable(message):
                found += _read(reader, message, place, await _author(rest, message))
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        log.info("What was said in %s meanwhile cannot be read: %s", place.name, error)
    return found


def _read(
    reader: DiscordMessageReader, message: discord.Message, place: Place, author: Author
) -> list[IncomingMessage]:
    try:
        heard = reader.message(message, place, author)
    except UserError as error:
        log.info("What %s asked for meanwhile is not understood: %s", message.author.id, error)
        return []
    return [heard] if heard and (heard.wanted or heard.kept) else []


async def _author(rest: DiscordApi, message: discord.Message) -> Author:
    """Return the author as a member of the guild, if they still are: history does not say their rights."""
    if isinstance(message.author, discord.User) and message.guild is not None:
        await rest.turn()
        try:
            return await message.guild.fetch_member(message.author.id)
        except discord.HTTPException:
            log.info("%s is no member any more", message.author.id)
    return message.author
