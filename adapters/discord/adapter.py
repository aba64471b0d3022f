"""The Discord adapter: it runs the gateway's client and makes the drafts."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import discord

from adapters.discord.incoming.gateway_client import GatewayClient
from adapters.discord.incoming.gateway_limits import GatewayLimits, IdentifySpacing
from adapters.discord.incoming.message_content import files, mentioned, replied_to, text_of
from adapters.discord.outgoing.channel_surface import LONGEST, ChannelSurface, DirectSurface, DiscordDraft, text_body
from adapters.discord.outgoing.interaction_surface import InteractionSurface
from adapters.discord.payloads import DiscordMessage
from adapters.discord.people import channel_access
from adapters.discord.people.people import display_name, person_now
from adapters.discord.reply_target import DiscordReplyTarget
from adapters.discord.rest_api import (
    ALL,
    EXPLANATIONS,
    FAILURES,
    SILENCES,
    WRONG_TOKEN,
    DiscordApi,
    error_of,
)
from adapters.discord.settings import DiscordSettings
from adapters.discord.timeouts import DEFAULT, DiscordTimeouts
from adapters.shared.attachments import Source, fetch, origin_of
from adapters.shared.message_split import split
from adapters.shared.private_draft import HiddenDraft, PrivateDraft
from adapters.shared.rate_limiter import RateLimit, RateLimiter
from bot.interfaces.adapter import (
    Adapter,
    Audience,
    Draft,
    DraftLog,
    HistoryAdapter,
    Intake,
    PeopleAdapter,
    PostAdapter,
)
from bot.interfaces.connector import written
from bot.interfaces.errors import ConfigError, Forbidden, Gone, PlatformError
from bot.interfaces.messages import Attachment, Message, Person, Place, Request
from bot.interfaces.network import DIRECT, Network

log = logging.getLogger(__name__)

MOST_REPLIES = 5
"""The most messages in the chain of replies before a request."""

INTENT_MISSING = (
    "Discord hides messages from me that do not mention me. The person who runs me can turn on the Message Content "
    "Intent (developer portal, Bot). "
)
MESSAGE_HIDDEN = f"{INTENT_MISSING}Until then, choose a task in the message's menu, under Apps, or copy its text."
CONTEXT_HIDDEN = f"{INTENT_MISSING}Until then, I answer without the earlier messages here."

FILE_ORIGINS = ("https://cdn.discordapp.com", "https://media.discordapp.net")
THREAD_STARTER = 21
TEXT_TYPES = (0, 19, 20, THREAD_STARTER, 23)
"""The types of messages with text: messages, replies, answers to commands of both kinds, beginnings of threads."""

CREATE_BURST = 3
CALL_BURST = 5
EXPLANATIONS_A_MINUTE = 5

CLOSED: Mapping[int, str] = {
    4004: WRONG_TOKEN,
    4014: "Discord refuses the bot's intents, even without message content. Check them: developer portal, Bot.",
}


class DiscordAdapter(Adapter, HistoryAdapter, PeopleAdapter, PostAdapter):
    """The adapter of one Discord bot."""

    name = "discord"

    def __init__(
        self,
        settings: DiscordSettings,
        token: str,
        clock: Callable[[], float] = time.time,
        network: Network = DIRECT,
        timeouts: DiscordTimeouts = DEFAULT,
    ) -> None:
        self._settings = settings
        self._network = network
        self._token = token
        self._clock = clock
        self._limiter = RateLimiter(self.rate_limit)
        settings_of = written("discord", api_url=settings.api_url, gateway_url=settings.gateway_url)
        self._rest = DiscordApi(token, settings.api_url, self._limiter, network, settings_of, timeouts)
        self._content = settings.message_content
        self._acknowledging: dict[str, asyncio.Future[None]] = {}
        self._identify_spacing = IdentifySpacing()
        self._client: GatewayClient | None = None

    async def run(self, intake: Intake, connected: Callable[[str], None]) -> None:
        while True:
            try:
                await self._serve(intake, connected)
            except discord.PrivilegedIntentsRequired as error:
                if not self._content:
                    raise PlatformError(CLOSED[4014]) from error
                self._content = False
                log.warning(
                    "Discord refuses the message-content intent. The bot reads only direct messages, mentions and "
                    "replies that ping it. Turn the intent on: developer portal, Bot, Message Content Intent."
                )
                continue
            except discord.ConnectionClosed as error:
                if error.code == 4004:
                    raise ConfigError(WRONG_TOKEN) from error
                raise PlatformError(f"Discord closed the connection with code {error.code}.") from error
            except FAILURES as error:
                raise error_of(error) from error
            raise PlatformError("The connection to Discord ended.")

    async def _serve(self, intake: Intake, connected: Callable[[str], None]) -> None:
        http = await self._rest.sign_in()
        gateway = GatewayLimits.read(await self._rest.gateway(), self._settings.gateway_url)
        gateway.must_have_starts()
        client = GatewayClient(
            self._rest,
            http,
            intake,
            connected,
            gateway,
            self._identify_spacing,
            self._acknowledging,
            content=self._content,
        )
        async with client:
            self._client = client
            try:
                await client.serve(self._token)
            finally:
                self._client = None

    async def stop_intake(self) -> None:
        if self._client is not None:
            self._client.taking = False

    def draft(self, request: Request, draft_log: DraftLog) -> Draft:
        target = DiscordReplyTarget.of(request)
        surface = ChannelSurface(self._rest, request, target)
        if target.token and (target.original or target.hidden):
            surface = self._interaction_surface(request, target)
        public = DiscordDraft(surface, draft_log, self._limiter, self._rest.timeouts.retries)
        if request.place.direct or (target.token and target.hidden):
            return public

        def hidden_draft(hidden_log: DraftLog) -> Draft:
            private: ChannelSurface = DirectSurface(self._rest, request, target)
            if target.token:
                private = self._interaction_surface(request, replace(target, original=False, hidden=True))
            return DiscordDraft(private, hidden_log, self._limiter, self._rest.timeouts.retries)

        return PrivateDraft(public, HiddenDraft(hidden_draft, draft_log), private=target.hidden, explain_refusal=True)

    async def context(self, request: Request, limit: int) -> Sequence[Message]:
        """Return the messages before the request in its thread, or in the chain of replies that ends with it."""
        place = request.place
        if not DiscordReplyTarget.of(request).reads:
            return ()
        try:
            if place.thread not in ("", request.message):
                before, most = str(request.act.order), str(min(limit, 100))
                found = await self._rest.messages(place.thread, before=before, limit=most)
                return [self._read(message, place) for message in reversed(found)]
            return await self._chain(place, request.replies_to, min(limit, MOST_REPLIES))
        except (Forbidden, Gone) as error:
            log.info("Earlier messages cannot be read: %s", error)
            return ()

    async def pointed(self, request: Request) -> Message | None:
        if not request.replies_to:
            return None
        _must_read(request)
        found = await self._rest.message(_channel_of(request), request.replies_to)
        read = self._read(found, request.place, marked=False)
        if read.withheld:
            raise Forbidden(MESSAGE_HIDDEN)
        return read

    async def history(self, request: Request, limit: int, since_ms: int) -> Sequence[Message]:
        """Return the last messages of people and bots, in as many calls as needed.

        Raises Forbidden without the right to them.
        """
        place = request.place
        _must_read(request)
        channel, found, before = place.thread or place.channel, list[Message](), dict[str, str]()
        oldest = max(0, since_ms - discord.utils.DISCORD_EPOCH) << 22
        while len(found) < limit:
            page = await self._rest.messages(channel, limit=str(min(limit, 100)), **before)
            recent = [one for one in page if int(one["id"]) >= oldest]
            found += [self._read(one, place) for one in recent if one["type"] in TEXT_TYPES]
            if len(recent) < len(page) or len(page) < min(limit, 100):
                break
            before = {"before": page[-1]["id"]}
        if hidden := sum(bool(message.withheld) for message in found[:limit]):
            count = "1 message" if hidden == 1 else f"{hidden} messages"
            raise Forbidden(f"I can't read {count} here. {MESSAGE_HIDDEN}")
        return found[:limit][::-1]

    async def fetch(self, request: Request, attachment: Attachment, limit: int) -> bytes:
        """Download an attachment.

        Its address is signed and expires after a day; a fresh one comes with the message.
        """
        api_origin = (origin_of(self._settings.api_url),) if self._settings.api_url else ()
        source = Source((*FILE_ORIGINS, *api_origin))
        try:
            return await fetch(attachment, limit, source, network=self._network)
        except Gone:
            fresh = await self._fresh_attachment(request, attachment)
            if fresh is None:
                raise
            return await fetch(fresh, limit, source, network=self._network)

    async def whois(self, request: Request) -> Person:
        """Return the asking person with their current rights in the guild; in direct messages they have none."""
        person, place = request.person, request.place
        if place.direct:
            return replace(person, roles=(), administrator=False)
        guild, member = await asyncio.gather(
            self._rest.guild(place.workspace), self._rest.member(place.workspace, person.id)
        )
        return person_now(person, guild, member)

    async def readable(self, request: Request, places: Collection[Place]) -> Collection[Place]:
        return await channel_access.readable_places(self._rest, request.place.workspace, request.person.id, places)

    async def audience(self, place: Place) -> Audience:
        return await channel_access.audience(self._rest, place)

    async def post(self, place: Place, text: str, key: str) -> None:
        """Send a message that is not an answer; Discord accepts the same key only once within minutes."""
        channel = place.thread or place.channel
        for number, part in enumerate(split(text, LONGEST)):
            await self._rest.acquire()
            await self._rest.send(channel, text_body(part) | {"nonce": f"{key}-{number}", "enforce_nonce": True})

    async def check(self) -> str:
        """Sign in; return one line with the bot's name."""
        await self._rest.sign_in()
        return f"Discord accepts the token of {self._rest.name}"

    async def aclose(self) -> None:
        await self._rest.aclose()

    def rate_limit(self, name: str) -> RateLimit:
        """Return the rate limit of a bucket, below Discord's own.

        Discord allows 50 calls a second in all, and 5 of a kind in 5 seconds in a channel.
        """
        edits = self._settings.edits_per_second
        if name == ALL:
            return RateLimit(self._settings.requests_per_second, CALL_BURST)
        if name.startswith(f"{EXPLANATIONS}:"):
            return RateLimit(EXPLANATIONS_A_MINUTE / 60, EXPLANATIONS_A_MINUTE)
        if name.startswith(f"{SILENCES}:"):
            return RateLimit(1 / 60)
        return RateLimit(edits) if name.startswith("edit:") else RateLimit(edits / 2, CREATE_BURST)

    async def _fresh_attachment(self, request: Request, attachment: Attachment) -> Attachment | None:
        """Return the attachment with a fresh address, from the request's message or the one that it replies to.

        Else None.
        """
        path = urlsplit(attachment.url).path
        for message in filter(None, (request.message, request.replies_to)):
            try:
                found = files(await self._rest.message(_channel_of(request), message))
            except (Forbidden, Gone):
                continue
            if fresh := next((file for file in found if urlsplit(file.url).path == path), None):
                return fresh
        return None

    def _interaction_surface(self, request: Request, target: DiscordReplyTarget) -> ChannelSurface:
        return InteractionSurface(self._rest, request, target, self._acknowledged, self._clock)

    async def _chain(self, place: Place, message: str, limit: int) -> Sequence[Message]:
        chain: list[Message] = []
        while message and len(chain) < limit:
            found = await self._rest.message(place.channel, message)
            chain.append(self._read(found, place))
            message = replied_to(found)
        return chain[::-1]

    def _read(self, message: DiscordMessage, place: Place, *, marked: bool = True) -> Message:
        if message["type"] == THREAD_STARTER:
            message = message.get("referenced_message", message)
        author = message.get("author", {})
        is_own = author.get("id") == self._rest.me
        text = text_of(message, mentioned(message), {self._rest.me}, marked=marked)
        key, channel = message["id"], message.get("channel_id") or place.channel
        link = f"https://discord.com/channels/{place.workspace}/{channel}/{key}"
        hidden = not (self._content or place.direct or is_own or text or files(message))
        withheld = CONTEXT_HIDDEN if hidden else ""
        return Message(key, display_name(author), text, is_own, files(message), link, withheld)

    async def _acknowledged(self, interaction: str) -> None:
        """Wait until the interaction is acknowledged: Discord refuses answers before that."""
        if interaction in self._acknowledging:
            await asyncio.shield(self._acknowledging[interaction])


def _channel_of(request: Request) -> str:
    """Return the channel or thread of the question, not the thread that its answer opens."""
    place = request.place
    return place.thread if place.thread not in ("", request.message) else place.channel


def _must_read(request: Request) -> None:
    """Raise Forbidden where the asking person may not read earlier messages."""
    if not DiscordReplyTarget.of(request).reads:
        raise Forbidden("You may not read the earlier messages here, so I do not read them for you.")
