"""The messages that people wrote while the bot was away, from places where it took part lately."""

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

BACKFILL_SECONDS = 20.0
MOST_PLACES = 100
MOST_MESSAGES = 100
PLACES_AT_ONCE = 5


async def missed_messages(
    client: discord.Client, rest: DiscordApi, reader: DiscordMessageReader, seen: Sequence[tuple[Place, int]]
) -> list[IncomingMessage]:
    """Return messages newer than the seen acts, oldest first, as far as the time allows."""
    newest = sorted(seen, key=lambda entry: entry[1], reverse=True)[:MOST_PLACES]
    slots = asyncio.Semaphore(PLACES_AT_ONCE)

    async def read(place: Place, after: int) -> list[IncomingMessage]:
        async with slots:
            return await _missed_in(client, rest, reader, place, after)

    tasks = [asyncio.create_task(read(*entry)) for entry in newest]
    if not tasks:
        return []
    done, late = await asyncio.wait(tasks, timeout=BACKFILL_SECONDS)
    if late:
        log.warning("Discord: missed messages in %d places are not read: the time is over", len(late))
    for task in late:
        task.cancel()
    return sorted(
        (message for task in done for message in task.result()), key=lambda message: message.request.act.order
    )


async def _missed_in(
    client: discord.Client, rest: DiscordApi, reader: DiscordMessageReader, place: Place, after: int
) -> list[IncomingMessage]:
    guild = None if place.direct else int(place.workspace)
    channel = client.get_partial_messageable(int(place.thread or place.channel), guild_id=guild)
    found: list[IncomingMessage] = []
    await rest.acquire()
    try:
        async for message in channel.history(limit=MOST_MESSAGES, after=discord.Object(after)):
            if reader.readable(message):
                found += _read(reader, message, place, await _author(rest, message))
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        log.info("Missed messages in %s cannot be read: %s", place.name, error)
    return found


def _read(
    reader: DiscordMessageReader, message: discord.Message, place: Place, author: Author
) -> list[IncomingMessage]:
    try:
        incoming = reader.message(message, place, author)
    except UserError as error:
        log.info("A missed command of %s cannot be read: %s", message.author.id, error)
        return []
    return [incoming] if incoming and (incoming.for_bot or incoming.kept) else []


async def _author(rest: DiscordApi, message: discord.Message) -> Author:
    """Return the author as a member of the guild: the history has only users, without rights."""
    if isinstance(message.author, discord.User) and message.guild is not None:
        await rest.acquire()
        try:
            return await message.guild.fetch_member(message.author.id)
        except discord.HTTPException:
            log.info("%s is no longer a member", message.author.id)
    return message.author
