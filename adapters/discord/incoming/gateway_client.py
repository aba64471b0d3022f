"""The client of Discord's gateway, which offers every event for the bot to the core at once."""

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
from adapters.discord.rest_api import EPHEMERAL, EXPLANATIONS, SILENCES, DiscordApi, Json
from adapters.shared.malformed import MALFORMED, cause
from bot.interfaces.adapter import Intake
from bot.interfaces.command import by_path
from bot.interfaces.connector import OneLine, UnreachableError
from bot.interfaces.errors import ConfigError, PlatformError, ShouldersError, StoreError, UserError
from bot.interfaces.messages import Place, Request

log = logging.getLogger(__name__)

MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, COMPLETIONS, MODAL = 4, 5, 6, 8, 9

CONNECTING_EVENTS = {"READY", "RESUMED"}
"""The events that begin a connection; after one that cannot be read, the client connects again."""

INTENT_MISSING = (
    "Discord hides messages that do not mention the bot: the message-content intent is missing. Turn it on: developer "
    "portal, Bot, Message Content Intent"
)

UNREADABLE = "An event of Discord cannot be read and is ignored: %s, %s"

LONGEST_COMPLETION = 100

logging.getLogger("discord.client").addFilter(OneLine())
logging.getLogger("discord.shard").addFilter(OneLine())

discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # no warnings about libraries for voice


def skip_unreadable(name: str, parse: Callable[[Json], None]) -> Callable[[Json], None]:
    """Wrap a parser of discord.py so that an unreadable event is ignored and the connection stays."""

    def parsed(data: Json) -> None:
        try:
            parse(data)
        except MALFORMED as error:
            log.error(UNREADABLE, name, cause(error))

    return parsed


class GatewayClient(discord.AutoShardedClient):
    """A client that keeps no messages and no members. While `taking` is False, it offers no requests."""

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
        self._reported_hidden = content
        self._commands = by_path(intake.commands)
        self._reader = DiscordMessageReader(int(rest.me or 0), intake.commands, content, intake.manner)
        self._spacing = spacing
        self._seen: dict[int, Sequence[tuple[Place, int]]] = {}
        http.route_gateway(gateway.address, self._on_refused)
        self.http = self._connection.http = http
        parsers = self._connection.parsers
        parsers.update({name: skip_unreadable(name, parsers[name]) for name in set(parsers) - CONNECTING_EVENTS})

    async def serve(self, token: str) -> None:
        """Connect and serve until cancelled.

        Raises PlatformError or ConfigError where the first connection fails: discord.py would try forever.
        """
        serving = asyncio.create_task(self.start(token))
        try:
            await asyncio.wait({serving, self._unreachable}, return_when=asyncio.FIRST_COMPLETED)
            await (self._unreachable if self._unreachable.done() else serving)
        finally:
            serving.cancel()
            await asyncio.wait({serving})

    def _on_refused(self, error: UnreachableError | ConfigError) -> None:
        """End the first attempt to connect; discord.py retries forever after any error but CancelledError."""
        if self._served:
            return
        if not self._unreachable.done():
            self._unreachable.set_exception(error if isinstance(error, ConfigError) else PlatformError(str(error)))
        raise asyncio.CancelledError from error

    async def setup_hook(self) -> None:
        """Send the commands to Discord; after a refusal, the old ones stay until the next connection."""
        try:
            if await sync_commands(self._rest, str(self.application_id), self._intake.commands):
                log.info("Discord has the bot's new commands")
        except PlatformError as error:
            log.error("Discord does not take the bot's new commands and offers the old ones: %s", error.message)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Keep Discord's spacing of identifies, and stop before its daily limit.

        The seen acts are read here, before the new session brings newer ones: the backfill begins there.
        """
        self._seen[shard_id or 0] = await self._intake.recent_places("discord")
        await self._spacing.keep(self._rest.timeouts.identify)
        if not initial:
            GatewayLimits.read(await self._rest.gateway(), "").must_have_starts()

    async def on_shard_ready(self, shard_id: int) -> None:
        """Read missed messages after a new session, then report the connection."""
        self._served = True
        try:
            seen = [entry for entry in self._seen[shard_id] if self._shard_of(entry[0]) == shard_id]
            for incoming in await missed_messages(self, self._rest, self._reader, seen):
                await self._take(incoming)
        except ShouldersError as error:
            log.error("Discord: missed messages are not known: %s", error.message)
        count = len(self.guilds)
        self._connected(f"Discord: {self._rest.name}, in {count} server{'' if count == 1 else 's'}")

    async def on_ready(self) -> None:
        """Report the guilds of all shards, and those that removed the bot while it was away.

        If the bot knows none of the guilds in the store, the store belongs to another bot.
        """
        guilds = {str(guild.id) for guild in self.guilds}
        await self._store(self._intake.installed("discord", guilds))
        kept = {workspace for workspace in await self._intake.workspaces("discord") if workspace.isdecimal()}
        if kept & guilds:
            for workspace in sorted(kept - guilds):
                await self._store(self._intake.uninstalled("discord", workspace))

    async def on_shard_resumed(self, shard_id: int) -> None:
        """Report the connection; Discord sends the missed events."""
        self._connected(f"Discord: {self._rest.name}, connected again")

    async def on_error(self, event_method: str, /, *args: object, **kwargs: object) -> None:
        """Log an error of a handler; an unreadable event is one line."""
        error = sys.exc_info()[1]
        if isinstance(error, MALFORMED):
            log.error(UNREADABLE, event_method, cause(error))
        else:
            await super().on_error(event_method, *args, **kwargs)

    # Messages -----------------------------------------------------------------------------------------------------

    async def on_message(self, message: discord.Message) -> None:
        """Take a message from any place."""
        if not self.taking:
            return
        try:
            incoming = self._reader.message(message)
        except UserError as error:
            await self._explain(message, error)
            return
        if incoming is not None:
            await self._take(incoming)
        elif not self._reported_hidden and self._reader.is_missed(message):
            self._reported_hidden = True
            log.warning(INTENT_MISSING)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Report an edit; an event without an edit time only adds a preview."""
        message = payload.message
        if message.edited_at is None or not self._reader.readable(message):
            return
        for place in await self._places(message.channel.id, payload.guild_id, message.id):
            await self._store(self._intake.edited(place, str(message.id), self._reader.text(message)))

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Report a deleted message."""
        await self._deleted(payload.channel_id, payload.guild_id, [payload.message_id])

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Report messages that were deleted together."""
        await self._deleted(payload.channel_id, payload.guild_id, sorted(payload.message_ids))

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Report a deleted channel, with its threads."""
        await self._store(self._intake.place_deleted(place_of(channel, channel.guild)))

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """Report a deleted thread, also an archived one."""
        place = Place("discord", str(payload.guild_id), str(payload.parent_id), str(payload.thread_id))
        await self._store(self._intake.place_deleted(place))

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Report a guild that the bot was added to, and offer its welcome."""
        await self._store(self._intake.installed("discord", (str(guild.id),)))
        request = self._reader.joined(guild) if self.taking else None
        if request is not None:
            await self._offer(with_privacy(self._intake.settle(request)))

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Report a guild that removed the bot, or was deleted."""
        await self._store(self._intake.uninstalled("discord", str(guild.id)))

    async def _take(self, incoming: IncomingMessage) -> None:
        """Offer a message for the bot; keep one for others where the place keeps them."""
        offered = incoming.for_bot and await self._offer(with_privacy(self._intake.settle(incoming.request)))
        if incoming.kept and not offered:
            await self._store(self._intake.overhear(incoming.request))

    async def _offer(self, request: Request) -> bool:
        """Offer a request, which takes its place in the queue before anything is awaited."""
        try:
            return await self._intake.offer(request)
        except StoreError as error:
            log.error("A request is not accepted: %s", error.message)
            return False

    async def _store(self, work: Awaitable[None]) -> None:
        try:
            await work
        except StoreError as error:
            log.error("An event is not stored: %s", error.message)

    async def _explain(self, message: discord.Message, error: UserError) -> None:
        """Explain a wrong command in a reply, a few times a minute for each person."""
        if not self._rest.limiter.try_acquire((f"{EXPLANATIONS}:{message.author.id}",)):
            if self._rest.limiter.try_acquire((f"{SILENCES}:{message.author.id}",)):
                log.warning("Further wrong commands of %s get no explanation for a minute", message.author.id)
            return
        body = text_body(error.message) | {"nonce": str(message.id), "enforce_nonce": True}
        await self._rest.acquire(urgent=True)
        try:
            await self._rest.send(str(message.channel.id), body, str(message.id))
        except PlatformError as failure:
            log.warning("The explanation “%s” cannot be sent: %s", error.message, failure)

    async def _deleted(self, channel: int, guild: int | None, messages: Sequence[int]) -> None:
        """Report deletions, except of messages that the bot deleted itself."""
        deleted = [str(message) for message in messages if str(message) not in self._rest.deleted]
        if not deleted:
            return
        for place in await self._places(channel, guild, *map(int, deleted)):
            gone = deleted if place.thread in ("", str(channel)) else [place.thread]
            await self._store(self._intake.deleted(place, gone))

    async def _places(self, channel: int, guild: int | None, *messages: int) -> Sequence[Place]:
        """Return the place of messages, and the threads that may have begun at them."""
        if guild is None:
            return [place_of(discord.Object(channel), None)]
        found = self.get_guild(guild)
        if found is None:
            return []
        found_channel = found.get_channel_or_thread(channel)
        if found_channel is None:  # an archived thread, or a deleted channel
            try:
                thread = await self._rest.channel(str(channel))
            except PlatformError as error:
                log.info("Channel %s is not known: %s", channel, error)
                return []
            return [Place("discord", str(guild), thread.get("parent_id", ""), str(channel))]
        place = place_of(found_channel, found)
        threads = () if place.thread else (replace(place, thread=str(message)) for message in messages)
        return [place, *threads]

    # Interactions -------------------------------------------------------------------------------------------------

    async def on_interaction(self, interaction: Interaction) -> None:
        """Take a slash command, a pressed button, a picked entry, a sent form, or an option being typed."""
        request = request_of(interaction, self._commands)
        if request is None:
            return
        if interaction.type is discord.InteractionType.autocomplete:
            await self._complete(interaction, request)
        elif self.taking:
            request = with_privacy(self._intake.settle(request))
            sent = interaction.type is discord.InteractionType.modal_submit
            if sent or not self._commands[request.command].dialog or not await self._open_form(interaction, request):
                await self._accept(interaction, request)

    async def _accept(self, interaction: Interaction, request: Request) -> None:
        """Offer a request, and acknowledge it once it is stored."""
        done = self._acknowledging[request.act.id] = asyncio.get_running_loop().create_future()
        try:
            if await self._offer(request):
                target = DiscordReplyTarget.of(request)
                data: Json = {"flags": EPHEMERAL} if target.original and target.hidden else {}
                await self._respond(interaction, DEFERRED_MESSAGE if target.original else DEFERRED_UPDATE, data)
        finally:
            self._acknowledging.pop(request.act.id, None)  # a redelivery may have removed it
            done.set_result(None)

    async def _open_form(self, interaction: Interaction, request: Request) -> bool:
        """Show the form of a request, or the reason against it; return False where it has no form."""
        try:
            form = await self._intake.dialog(request)
            view = modal(form, DiscordReplyTarget.of(request).reply) if form else None
        except (UserError, PlatformError) as error:
            body = text_body(error.message)
            await self._respond(interaction, MESSAGE, body | {"flags": int(str(body["flags"])) | EPHEMERAL})
            return True
        if view is not None:
            await self._respond(interaction, MODAL, view)
        return view is not None

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
            log.warning("Interaction %s cannot be answered: %s", interaction.id, error)

    def _shard_of(self, place: Place) -> int:
        return 0 if place.direct else (int(place.workspace) >> 22) % self._gateway.shards
