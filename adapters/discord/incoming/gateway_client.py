"""The connection to Discord's gateway: every event that may be for the bot is offered to the core at once."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import replace

import discord

from adapters.discord.application_commands import sync_commands
from adapters.discord.http_client import Http
from adapters.discord.incoming.backfill import missed_messages
from adapters.discord.incoming.gateway_limits import GatewayLimits, IdentifySpacing
from adapters.discord.incoming.interactions import Interaction, focused_option, request_of
from adapters.discord.incoming.messages import DiscordMessageReader, IncomingMessage
from adapters.discord.outgoing.channel_surface import text_body
from adapters.discord.outgoing.components import modal
from adapters.discord.people.people import place_of
from adapters.discord.reply_target import DiscordReplyTarget, with_privacy
from adapters.discord.rest_api import EPHEMERAL, EXPLAINED, SILENCED, DiscordApi, Json
from adapters.shared.malformed import MALFORMED, cause
from bot.interfaces.adapter import Intake
from bot.interfaces.command import by_path
from bot.interfaces.connector import OneLine, UnreachableError
from bot.interfaces.errors import ConfigError, PlatformError, ShouldersError, StoreError, UserError
from bot.interfaces.messages import Place, Request

log = logging.getLogger(__name__)

MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, COMPLETIONS, MODAL = 4, 5, 6, 8, 9

HANDSHAKE = {"READY", "RESUMED"}
"""Without these there is no connection: where they cannot be read, it is made anew."""

UNREADABLE = "Discord sent something that cannot be read; it is ignored: %s, %s"

LONGEST_COMPLETION = 100

logging.getLogger("discord.client").addFilter(OneLine())
logging.getLogger("discord.shard").addFilter(OneLine())

discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # no voice here, and no warnings that it lacks


def lenient(name: str, parse: Callable[[Json], None]) -> Callable[[Json], None]:
    """Wrap a parser of discord.py's: what it cannot read is ignored, and does not end the connection."""

    def parsed(data: Json) -> None:
        try:
            parse(data)
        except MALFORMED as error:
            log.error(UNREADABLE, name, cause(error))

    return parsed


class GatewayClient(discord.AutoShardedClient):
    """Keeps no messages and no members. `taking` False: no new requests are taken."""

    def __init__(
        self,
        rest: DiscordApi,
        http: Http,
        intake: Intake,
        connected: Callable[[str], None],
        gateway: GatewayLimits,
        spacing: IdentifySpacing,
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
            guild_ready_timeout=rest.timeouts.guilds,
            heartbeat_timeout=rest.timeouts.heartbeat,
        )
        self.taking = True
        self._served = False
        self._unreachable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rest = rest
        self._intake = intake
        self._connected = connected
        self._gateway = gateway
        self._acknowledging = acknowledging
        self._told_of_blank = content
        self._commands = by_path(intake.commands)
        self._reader = DiscordMessageReader(int(rest.me or 0), intake.commands, content, intake.manner)
        self._spacing = spacing
        self._seen: dict[int, Sequence[tuple[Place, int]]] = {}
        http.route_gateway(gateway.address, self._refused)
        self.http = self._connection.http = http
        parsers = self._connection.parsers
        parsers.update({name: lenient(name, parsers[name]) for name in set(parsers) - HANDSHAKE})

    async def serve(self, token: str) -> None:
        """Connect and serve until cancelled.

        Raises PlatformError or ConfigError where the first connection is not made: discord.py would try for ever.
        """
        serving = asyncio.create_task(self.start(token))
        try:
            await asyncio.wait({serving, self._unreachable}, return_when=asyncio.FIRST_COMPLETED)
            await (self._unreachable if self._unreachable.done() else serving)
        finally:
            serving.cancel()
            await asyncio.wait({serving})

    def _refused(self, error: UnreachableError | ConfigError) -> None:
        """End the first attempt to connect; whatever else is raised, discord.py tries again, and for ever."""
        if self._served:
            return
        if not self._unreachable.done():
            self._unreachable.set_exception(error if isinstance(error, ConfigError) else PlatformError(str(error)))
        raise asyncio.CancelledError from error

    async def setup_hook(self) -> None:
        """Tell Discord the commands; where it refuses, those that it knows stay until the next connection."""
        try:
            if await sync_commands(self._rest, str(self.application_id), self._intake.commands):
                log.info("Discord was told the commands")
        except PlatformError as error:
            log.error("Discord was not told the commands, and offers those of before: %s", error.message)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Keep the distance that Discord asks for, and stop before its limit.

        What was seen so far is remembered here, before the new session brings newer acts: catching up begins there.
        """
        self._seen[shard_id or 0] = await self._intake.recent_places("discord")
        await self._spacing.keep(self._rest.timeouts.identify)
        if not initial:
            GatewayLimits.read(await self._rest.gateway(), "").must_have_starts()

    async def on_shard_ready(self, shard_id: int) -> None:
        """A fresh session: read what was missed, then say so."""
        self._served = True
        try:
            seen = [entry for entry in self._seen[shard_id] if self._shard_of(entry[0]) == shard_id]
            for heard in await missed_messages(self, self._rest, self._reader, seen):
                await self._take(heard)
        except ShouldersError as error:
            log.error("Discord: what was missed is not known: %s", error.message)
        count = len(self.guilds)
        self._connected(f"Discord: {self._rest.name}, in {count} server{'' if count == 1 else 's'}")

    async def on_ready(self) -> None:
        """All shards are there: whichever guild is not, the bot was removed from it while it was away.

        One that knows none of the guilds is another bot, and was never in them.
        """
        guilds = {str(guild.id) for guild in self.guilds}
        await self._keep(self._intake.installed("discord", guilds))
        kept = {workspace for workspace in await self._intake.workspaces("discord") if workspace.isdecimal()}
        if kept & guilds:
            for workspace in sorted(kept - guilds):
                await self._keep(self._intake.uninstalled("discord", workspace))

    async def on_shard_resumed(self, shard_id: int) -> None:
        """The old session goes on; Discord sends what was missed."""
        self._connected(f"Discord: {self._rest.name}, connected again")

    async def on_error(self, event_method: str, /, *args: object, **kwargs: object) -> None:
        """Log what was raised while an event was handled; what could not be read is one line."""
        error = sys.exc_info()[1]
        if isinstance(error, MALFORMED):
            log.error(UNREADABLE, event_method, cause(error))
        else:
            await super().on_error(event_method, *args, **kwargs)

    # What people say --------------------------------------------------------------------------------------------------

    async def on_message(self, message: discord.Message) -> None:
        """A message anywhere."""
        if not self.taking:
            return
        try:
            heard = self._reader.message(message)
        except UserError as error:
            await self._explain(message, error)
            return
        if heard is not None:
            await self._take(heard)
        elif not self._told_of_blank and self._reader.missed(message):
            self._told_of_blank = True
            log.warning("Discord hides what is said without mentioning the bot: the message-content intent is missing")

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """A message changed; where Discord only added a preview, it was never edited."""
        message = payload.message
        if message.edited_at is None or not self._reader.readable(message):
            return
        for place in await self._places(message.channel.id, payload.guild_id, message.id):
            await self._keep(self._intake.edited(place, str(message.id), self._reader.text(message)))

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """A message is gone."""
        await self._deleted(payload.channel_id, payload.guild_id, [payload.message_id])

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Many messages are gone at once."""
        await self._deleted(payload.channel_id, payload.guild_id, sorted(payload.message_ids))

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """A channel is gone, and its threads with it."""
        await self._keep(self._intake.place_deleted(place_of(channel, channel.guild)))

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """A thread is gone, whether Discord still listed it or not."""
        place = Place("discord", str(payload.guild_id), str(payload.parent_id), str(payload.thread_id))
        await self._keep(self._intake.place_deleted(place))

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """The bot was added to a guild."""
        await self._keep(self._intake.installed("discord", (str(guild.id),)))
        request = self._reader.joined(guild) if self.taking else None
        if request is not None:
            await self._offer(with_privacy(self._intake.settle(request)))

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was removed from a guild, or the guild is gone."""
        await self._keep(self._intake.uninstalled("discord", str(guild.id)))

    async def _take(self, heard: IncomingMessage) -> None:
        """Offer what is wanted; keep what is not for the bot where that is the manner."""
        offered = heard.wanted and await self._offer(with_privacy(self._intake.settle(heard.request)))
        if heard.kept and not offered:
            await self._keep(self._intake.overhear(heard.request))

    async def _offer(self, request: Request) -> bool:
        """Take the request's place in line before anything is awaited."""
        try:
            return await self._intake.offer(request)
        except StoreError as error:
            log.error("Not accepted: %s", error.message)
            return False

    async def _keep(self, work: Awaitable[None]) -> None:
        try:
            await work
        except StoreError as error:
            log.error("Not kept: %s", error.message)

    async def _explain(self, message: discord.Message, error: UserError) -> None:
        """Reply to a command that was written wrongly, a few times a minute."""
        if not self._rest.limiter.spare((f"{EXPLAINED}:{message.author.id}",)):
            if self._rest.limiter.spare((f"{SILENCED}:{message.author.id}",)):
                log.warning("What %s writes wrongly again and again is not explained", message.author.id)
            return
        body = text_body(error.message) | {"nonce": str(message.id), "enforce_nonce": True}
        await self._rest.turn(urgent=True)
        try:
            await self._rest.send(str(message.channel.id), body, str(message.id))
        except PlatformError as failure:
            log.warning("“%s” could not be said: %s", error.message, failure)

    async def _deleted(self, channel: int, guild: int | None, messages: Sequence[int]) -> None:
        """What the bot itself took away was no more than a part of a draft."""
        theirs = [str(message) for message in messages if str(message) not in self._rest.deleted]
        if not theirs:
            return
        for place in await self._places(channel, guild, *map(int, theirs)):
            gone = theirs if place.thread in ("", str(channel)) else [place.thread]
            await self._keep(self._intake.deleted(place, gone))

    async def _places(self, channel: int, guild: int | None, *messages: int) -> Sequence[Place]:
        """Where messages were said: the place, and the threads that may have grown out of them."""
        if guild is None:
            return [place_of(discord.Object(channel), None)]
        found = self.get_guild(guild)
        if found is None:
            return []
        where = found.get_channel_or_thread(channel)
        if where is None:  # a thread that is archived, or a channel that is gone
            try:
                said_so = await self._rest.channel(str(channel))
            except PlatformError as error:
                log.info("Channel %s is not known: %s", channel, error)
                return []
            return [Place("discord", str(guild), said_so.get("parent_id", ""), str(channel))]
        place = place_of(where, found)
        grown = () if place.thread else (replace(place, thread=str(message)) for message in messages)
        return [place, *grown]

    # What they press, pick and fill in --------------------------------------------------------------------------------

    async def on_interaction(self, interaction: Interaction) -> None:
        """A slash command, a pressed button, a picked entry, a sent form, or an option being typed."""
        request = request_of(interaction, self._commands)
        if request is None:
            return
        if interaction.type is discord.InteractionType.autocomplete:
            await self._complete(interaction, request)
        elif self.taking:
            request = with_privacy(self._intake.settle(request))
            sent = interaction.type is discord.InteractionType.modal_submit
            if sent or not self._commands[request.command].dialog or not await self._open(interaction, request):
                await self._accept(interaction, request)

    async def _accept(self, interaction: Interaction, request: Request) -> None:
        """Offer a request, and acknowledge it once it is kept."""
        done = self._acknowledging[request.act.id] = asyncio.get_running_loop().create_future()
        try:
            if await self._offer(request):
                target = DiscordReplyTarget.of(request)
                data: Json = {"flags": EPHEMERAL} if target.original and target.hidden else {}
                await self._respond(interaction, DEFERRED_MESSAGE if target.original else DEFERRED_UPDATE, data)
        finally:
            self._acknowledging.pop(request.act.id, None)  # a redelivery may have taken it away
            done.set_result(None)

    async def _open(self, interaction: Interaction, request: Request) -> bool:
        """Show the form that a request has, or why it may not; whether there was one."""
        try:
            form = await self._intake.dialog(request)
            shown = modal(form, DiscordReplyTarget.of(request).reply) if form else None
        except (UserError, PlatformError) as error:
            body = text_body(error.message)
            await self._respond(interaction, MESSAGE, body | {"flags": int(str(body["flags"])) | EPHEMERAL})
            return True
        if shown is not None:
            await self._respond(interaction, MODAL, shown)
        return shown is not None

    async def _complete(self, interaction: Interaction, request: Request) -> None:
        option, typed = focused_option(interaction)
        if not option:
            return
        found = await self._intake.suggest(
            request.command, option, typed, request.place, request.person, request.arguments
        )
        choices = [{"name": text[:LONGEST_COMPLETION], "value": text[:LONGEST_COMPLETION]} for text in found]
        await self._respond(interaction, COMPLETIONS, {"choices": choices})

    async def _respond(self, interaction: Interaction, kind: int, data: Json) -> None:
        try:
            await self._rest.acknowledge(str(interaction.id), interaction.token, kind, data)
        except PlatformError as error:
            log.warning("Interaction %s could not be answered: %s", interaction.id, error)

    def _shard_of(self, place: Place) -> int:
        return 0 if place.direct else (int(place.workspace) >> 22) % self._gateway.shards
