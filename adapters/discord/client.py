"""The connection to Discord's gateway: every event that may be for the bot is offered to the core at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket

from adapters.discord.commands import sync
from adapters.discord.handle import Handle
from adapters.discord.requests import Reader, options
from adapters.discord.rest import Json, Rest
from adapters.discord.surface import EPHEMERAL
from bot.errors import PlatformError, ShouldersError, StoreError
from bot.ports import Intake
from bot.types import Place, Request

log = logging.getLogger(__name__)

DEFERRED_MESSAGE, DEFERRED_UPDATE, COMPLETIONS = 5, 6, 8
IDENTIFY_SECONDS = 5.0
"""Discord allows one identify in this time, and 1,000 a day; above that it resets the token."""

STARTS_KEPT = 20
"""Identifies left for the operator when the bot gives up for the day."""

GUILDS_SECONDS = 0.1
"""How long no further guild may arrive until the list counts as complete."""

HEARTBEAT_SECONDS = 60.0
"""A connection that says nothing for so long is dead."""

CATCH_UP_SECONDS = 20.0
CATCH_UP_PLACES = 100
CATCH_UP_MESSAGES = 100
CATCH_UP_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where to connect and how often that is still allowed. `fixed` is an address that overrides all others."""

    url: str
    fixed: str
    shards: int
    starts: int
    reset_seconds: float

    @classmethod
    def read(cls, said: Json, fixed: str) -> Gateway:
        """From what GET /gateway/bot says."""
        limit = said["session_start_limit"]
        assert isinstance(limit, dict)
        shards = int(str(said["shards"]))
        return cls(str(said["url"]), fixed, shards, int(limit["remaining"]), int(limit["reset_after"]) / 1000)

    def must_have_starts(self) -> None:
        """Raise PlatformError when connecting once more would come near the limit."""
        if self.starts < self.shards + STARTS_KEPT:
            minutes = self.reset_seconds / 60
            raise PlatformError(f"Discord allows {self.starts} more connections; the next in {minutes:.0f} minutes.")

    def address(self, wanted: str) -> str:
        """Where to go instead of `wanted`: discord.py's default is not what GET /gateway/bot said."""
        url = yarl.URL(wanted)
        if not self.fixed and url.host != DiscordWebSocket.DEFAULT_GATEWAY.host:
            return wanted
        return str(yarl.URL(self.fixed or self.url).with_query(url.query))


discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # no voice here, and no warnings that it lacks


class Spacing:
    """Keeps the distance of identifies that Discord asks for, over every connection of this process."""

    def __init__(self) -> None:
        self._last = float("-inf")

    async def keep(self) -> None:
        """Wait until the next identify may be sent."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._last + IDENTIFY_SECONDS - loop.time()))
        self._last = loop.time()


class Client(discord.AutoShardedClient):
    """Keeps no messages and no members. `taking` False: events are ignored."""

    def __init__(
        self,
        rest: Rest,
        intake: Intake,
        connected: Callable[[str], None],
        gateway: Gateway,
        spacing: Spacing,
        acknowledging: MutableMapping[str, asyncio.Future[None]],
        *,
        content: bool,
    ) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=content),
            allowed_mentions=discord.AllowedMentions.none(),
            shard_count=gateway.shards,
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=GUILDS_SECONDS,
            heartbeat_timeout=HEARTBEAT_SECONDS,
        )
        self.taking = True
        self._rest = rest
        self._intake = intake
        self._connected = connected
        self._gateway = gateway
        self._acknowledging = acknowledging
        self._told_of_blank = content
        self._commands = {command.name: command for command in intake.commands}
        self._reader = Reader(int(rest.me or 0), self._commands, content)
        self._spacing = spacing
        self._seen: dict[int, Sequence[tuple[Place, int]]] = {}
        self._open_socket = self.http.ws_connect
        self.http.ws_connect = self._connect_elsewhere  # type: ignore[method-assign]  # the one way to every gateway

    async def _connect_elsewhere(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        return await self._open_socket(self._gateway.address(url), compress=compress)

    async def setup_hook(self) -> None:
        """Tell Discord the commands."""
        if await sync(self._rest, str(self.application_id), list(self._commands.values())):
            log.info("Discord was told the commands")

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Keep the distance that Discord asks for, and stop before its limit.

        What was seen so far is remembered here, before the new session brings newer acts: catching up begins there.
        """
        self._seen[shard_id or 0] = await self._intake.seen("discord")
        await self._spacing.keep()
        if not initial:
            Gateway.read(await self._rest.gateway(), "").must_have_starts()

    async def on_message(self, message: discord.Message) -> None:
        """A message anywhere."""
        if not self.taking:
            return
        request = self._reader.message(message)
        if request is not None:
            await self._offer(request)
        elif not self._told_of_blank and self._reader.missed(message):
            self._told_of_blank = True
            log.warning("Discord hides what is said without mentioning the bot: the message-content intent is missing")

    async def on_interaction(self, interaction: discord.Interaction[discord.Client]) -> None:
        """A slash command, a pressed button, or an option being typed."""
        if interaction.type is discord.InteractionType.autocomplete:
            await self._complete(interaction)
            return
        request = self._reader.interaction(interaction)
        if request is None or not self.taking:
            return
        done = self._acknowledging[request.act.id] = asyncio.get_running_loop().create_future()
        try:
            if await self._offer(request):
                handle = Handle.load(request.handle)
                data: Json = {"flags": EPHEMERAL} if handle.original and handle.hidden else {}
                kind = DEFERRED_MESSAGE if handle.original else DEFERRED_UPDATE
                await self._rest.acknowledge(str(interaction.id), interaction.token, kind, data)
        except PlatformError as error:
            log.warning("Interaction %s could not be acknowledged: %s", interaction.id, error)
        finally:
            self._acknowledging.pop(request.act.id, None)  # a redelivery may have taken it away
            done.set_result(None)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """The bot was added to a guild."""
        request = self._reader.joined(guild) if self.taking else None
        if request is not None:
            await self._offer(request)

    async def on_shard_ready(self, shard_id: int) -> None:
        """A fresh session: read what was missed, then say so."""
        try:
            await self._catch_up(shard_id)
        except ShouldersError as error:
            log.error("Discord: what was missed is not known: %s", error.message)
        count = len(self.guilds)
        self._connected(f"Discord: {self._rest.name}, in {count} server{'' if count == 1 else 's'}")

    async def on_shard_resumed(self, shard_id: int) -> None:
        """The old session goes on; Discord sends what was missed."""
        self._connected(f"Discord: {self._rest.name}, connected again")

    async def _offer(self, request: Request) -> bool:
        """Take the request's place in line before anything is awaited."""
        try:
            return await self._intake.offer(request)
        except StoreError as error:
            log.error("Not accepted: %s", error.message)
            return False

    async def _complete(self, interaction: discord.Interaction[discord.Client]) -> None:
        request = self._reader.interaction(interaction)
        given = options(interaction.data or {})
        option = next((option for option in given if option.get("focused")), None)
        if request is None or option is None:
            return
        asked = (request.command, str(option["name"]), str(option["value"]), request.place, request.person)
        choices = [{"name": text[:100], "value": text[:100]} for text in await self._intake.suggest(*asked)]
        try:
            await self._rest.acknowledge(str(interaction.id), interaction.token, COMPLETIONS, {"choices": choices})
        except PlatformError as error:
            log.info("Completions came too late: %s", error)

    async def _catch_up(self, shard_id: int) -> None:
        """Offer, oldest first, what was said while the bot was away in places where it took part lately."""
        seen = [entry for entry in self._seen[shard_id] if self._shard_of(entry[0]) == shard_id]
        newest = sorted(seen, key=lambda entry: entry[1], reverse=True)[:CATCH_UP_PLACES]
        free = asyncio.Semaphore(CATCH_UP_AT_ONCE)

        async def read(place: Place, after: int) -> list[Request]:
            async with free:
                return await self._missed(place, after)

        reading = [asyncio.create_task(read(*entry)) for entry in newest]
        if not reading:
            return
        done, late = await asyncio.wait(reading, timeout=CATCH_UP_SECONDS)
        if late:
            log.warning("Discord: there was no time to read what was missed in %d places", len(late))
        for task in late:
            task.cancel()
        for request in sorted((r for task in done for r in task.result()), key=lambda request: request.act.order):
            await self._offer(request)

    async def _missed(self, place: Place, after: int) -> list[Request]:
        guild = None if place.direct else int(place.workspace)
        channel = self.get_partial_messageable(int(place.thread or place.channel), guild_id=guild)
        found = []
        await self._rest.turn()
        try:
            async for message in channel.history(limit=CATCH_UP_MESSAGES, after=discord.Object(after)):
                if self._reader.message(message, place) is not None:
                    await self._know_member(message)
                    found.append(self._reader.message(message, place))
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            log.info("What was said in %s meanwhile cannot be read: %s", place.name, error)
        return [request for request in found if request is not None]

    async def _know_member(self, message: discord.Message) -> None:
        """History says who wrote but not with which rights."""
        if isinstance(message.author, discord.User) and message.guild is not None:
            await self._rest.turn()
            try:
                message.author = await message.guild.fetch_member(message.author.id)
            except discord.HTTPException:
                log.info("%s is no member any more", message.author.id)

    def _shard_of(self, place: Place) -> int:
        return 0 if place.direct else (int(place.workspace) >> 22) % self._gateway.shards
