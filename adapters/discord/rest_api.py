"""Calls to Discord's HTTP API, with discord.py's rate limiting and our errors.

It outlives the gateway's client: answers can be written while the gateway is away.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from io import BytesIO
from typing import TypeAlias, TypeVar

import aiohttp
import discord
from discord.http import Route
from pydantic import TypeAdapter, ValidationError

from adapters.discord import payloads
from adapters.discord.http_client import Http, not_again
from adapters.discord.reply_target import DiscordReplyTarget
from adapters.discord.timeouts import DEFAULT, DiscordTimeouts
from adapters.shared.rate_limiter import RateLimiter
from bot.interfaces.connector import NOWHERE, Connector, meant_secure, why
from bot.interfaces.errors import ConfigError, Forbidden, Gone, PlatformError
from bot.interfaces.network import DIRECT, Network
from bot.interfaces.replies import File

Json: TypeAlias = dict[str, object]
T = TypeVar("T")

DISCORD = "https://discord.com/api/v10"
EPHEMERAL = 1 << 6
ALL = "all"
"""The limiter's budget that every call spends, but those with an interaction's token."""

EXPLAINED, SILENCED = "explained", "silenced"
"""The budgets of what is explained to single people who write a command wrongly, and of saying that it no longer is."""

CALL_SECONDS = 60.0
DELETIONS_KEPT = 1_000
LONGEST_RATE_LIMIT = 30.0
"""Seconds that discord.py may wait out a rate limit inside one call; above, the call fails and is made again later."""

ERRORS: Mapping[int, tuple[type[PlatformError], str]] = {
    400: (Forbidden, "Discord refuses what was sent"),
    403: (Forbidden, "The bot may not do this there"),
    404: (Gone, "The channel or message no longer exists"),
    413: (Forbidden, "Discord takes no files that large"),
}
EXPIRED, CLOSED_TO_US, HAS_THREAD, NO_REPLIES, ARCHIVED, LOCKED = 50027, 50007, 160004, 160002, 50083, 160005
"""Discord's codes: an interaction's token is older than 15 minutes; a person takes no direct messages from the bot; the
message has a thread already; who may not read the history may not reply; a thread is archived; it is locked."""

REFUSALS: Mapping[int, str] = {
    CLOSED_TO_US: "You take no direct messages from this server: allow them in its privacy settings and ask again.",
    LOCKED: "The thread is locked: only who may manage threads can write in it.",
}
WRONG_TOKEN = "Discord does not accept DISCORD_TOKEN. Copy it anew: developer portal, Bot, Reset Token."  # noqa: S105


def error_of(error: Exception) -> PlatformError | ConfigError:
    """Ours for one of discord.py's."""
    if isinstance(error, discord.LoginFailure):
        return ConfigError(WRONG_TOKEN)
    if isinstance(error, discord.HTTPException):
        kind, sentence = ERRORS.get(error.status, (PlatformError, "Discord failed"))
        if error.code == EXPIRED:
            kind = Gone
        if error.code in REFUSALS:
            return Forbidden(REFUSALS[error.code])
        return kind(f"{sentence} ({error.status}, {error.code}: {error.text}).")
    if isinstance(error, discord.RateLimited):
        return PlatformError(f"Discord asks for {error.retry_after:.0f} s of patience.")
    return PlatformError(why(error, "Discord"))


def code_of(error: PlatformError) -> int:
    """Discord's own code for an error, 0 for none."""
    return error.__cause__.code if isinstance(error.__cause__, discord.HTTPException) else 0


FAILURES = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError)
"""What discord.py's calls raise."""


class TokenFilter(logging.Filter):
    """Takes the tokens of interactions out of the addresses that discord.py logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record."""
        record.msg, record.args = _TOKEN.sub(r"\1…", record.getMessage()), ()
        return True


_TOKEN = re.compile(r"(/(?:webhooks|interactions)/\d+/)[^/?\s]+")
logging.getLogger("discord.http").addFilter(TokenFilter())


class DiscordApi:
    """Signs in with the first call. Every call raises PlatformError, or ConfigError when the token is wrong.

    Sending and editing are paced by drafts; whatever else counts for Discord's limit of calls in all waits here.
    """

    def __init__(
        self,
        token: str,
        api_url: str,
        limiter: RateLimiter,
        network: Network = DIRECT,
        settings: Mapping[str, str] = NOWHERE,
        timeouts: DiscordTimeouts = DEFAULT,
    ) -> None:
        Route.BASE = api_url or DISCORD  # discord.py knows one address for the whole process
        self._token = token
        self.limiter = limiter
        self.timeouts = timeouts
        self._network = network
        self._settings = settings
        self._http: Http | None = None
        self._signing_in = asyncio.Lock()
        self._calls: set[asyncio.Task[object]] = set()
        self.me = ""
        self.name = ""
        self.deleted = deque[str](maxlen=DELETIONS_KEPT)
        """Messages that the bot itself deleted lately."""

    def connector(self) -> Connector:
        """A way to connect, for one session."""
        return Connector(self._network, self._settings, limit=0)  # as discord.py does: it keeps count itself

    async def sign_in(self) -> Http:
        """The signed-in connection; sets `me` and `name`, the bot's own."""
        async with self._signing_in:
            if self._http is None:
                await self._network.prepare()
                http = Http(asyncio.get_running_loop(), self.connector(), max_ratelimit_timeout=LONGEST_RATE_LIMIT)
                try:
                    user = await http.static_login(self._token)
                except FAILURES as error:
                    await http.end()
                    trouble = await meant_secure(error, Route.BASE, self._network, self._settings)
                    raise (PlatformError(str(trouble)) if trouble else _outside(error)) from error
                except ConfigError:
                    await http.end()
                    raise
                self.me, self.name = str(user["id"]), user["username"]
                self._http = http
        return self._http

    async def call(
        self,
        route: Route,
        body: object = None,
        query: Mapping[str, str] | None = None,
        files: Sequence[File] = (),
        *,
        once: bool = False,
    ) -> object:
        """One call; what the API answers. Made only `once`, it is not repeated after failures of Discord's.

        It goes on when its caller is cancelled: in the wrong moment, discord.py would keep the next one waiting for it.
        """
        task = asyncio.create_task(self._call(route, body, query or {}, files, not_again if once else None))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return await asyncio.shield(task)

    async def _call(
        self,
        route: Route,
        body: object,
        params: Mapping[str, str],
        files: Sequence[File],
        check: Callable[[aiohttp.ClientResponse], Awaitable[None]] | None,
    ) -> object:
        http = self._http or await self.sign_in()
        sent = [discord.File(BytesIO(file.content), file.name, description=file.summary) for file in files]
        try:
            async with asyncio.timeout(CALL_SECONDS):
                if sent:
                    answer: object = await http.request(route, params=params, files=sent, form=_form(body, sent))
                elif body is None:
                    answer = await http.request(route, params=params)
                else:
                    answer = await http.request(route, params=params, json=body, raise_for_status=check)
        except FAILURES as error:
            raise error_of(error) from error
        return answer

    async def turn(self, *, urgent: bool = False) -> None:
        """Wait until one more call may be made."""
        await self.limiter.turn((ALL,), urgent=urgent)

    async def aclose(self) -> None:
        """Close the connection, and end what nobody waits for any more."""
        for call in self._calls:
            call.cancel()
        if self._calls:
            await asyncio.wait(self._calls)
        if self._http is not None:
            await self._http.end()
            self._http = None

    async def send(self, channel: str, body: Json, reply: str = "") -> str:
        """Post a message, as a reply where the bot may reply; its id."""
        route = Route("POST", "/channels/{channel_id}/messages", channel_id=channel)
        if reply:
            reference: Json = {"message_id": reply, "fail_if_not_exists": False}
            try:
                return _id(await self.call(route, body | {"message_reference": reference}))
            except Forbidden as error:
                if code_of(error) != NO_REPLIES:
                    raise
        return _id(await self.call(route, body))

    async def edit(self, channel: str, message: str, body: Json, files: Sequence[File] = ()) -> None:
        """Change a message of ours."""
        await self._change(channel, _message("PATCH", channel, message), body, files)

    async def _change(self, channel: str, route: Route, body: Json, files: Sequence[File]) -> object:
        """Change a message of ours in a channel; an archived thread is opened for that, as a new message opens it."""
        try:
            return await self.call(route, body, files=files)
        except Forbidden as error:
            if code_of(error) != ARCHIVED:
                raise
        await self.turn(urgent=True)
        try:
            await self.call(Route("PATCH", "/channels/{channel_id}", channel_id=channel), {"archived": False})
        except Forbidden as error:
            raise Forbidden(REFUSALS[LOCKED]) from error
        return await self.call(route, body, files=files)

    async def delete(self, channel: str, message: str) -> None:
        """Delete a message of ours; one that is gone already is no error."""
        self.deleted.append(message)
        await self.turn(urgent=True)
        try:
            await self.call(_message("DELETE", channel, message))
        except Gone:
            return

    async def message(self, channel: str, message: str) -> payloads.DiscordMessage:
        """One message."""
        await self.turn(urgent=True)
        return _read(payloads.MESSAGE, await self.call(_message("GET", channel, message)))

    async def messages(self, channel: str, **query: str) -> Sequence[payloads.DiscordMessage]:
        """Up to 100 messages, newest first; `query` is `after` or `before` an id, and `limit`."""
        await self.turn(urgent=True)
        route = Route("GET", "/channels/{channel_id}/messages", channel_id=channel)
        return _read(payloads.MESSAGES, await self.call(route, query={"limit": "100", **query}))

    async def open_thread(self, channel: str, message: str, title: str) -> None:
        """Make a thread out of a message, with the message's id; one that is there already is no error."""
        await self.turn(urgent=True)
        path = "/channels/{channel_id}/messages/{message_id}/threads"
        try:
            await self.call(Route("POST", path, channel_id=channel, message_id=message), {"name": title})
        except Forbidden as error:
            if code_of(error) != HAS_THREAD:
                raise

    async def channel(self, channel: str) -> payloads.Channel:
        """One channel or thread."""
        await self.turn()
        return _read(payloads.CHANNEL, await self.call(Route("GET", "/channels/{channel_id}", channel_id=channel)))

    async def channels(self, guild: str) -> Sequence[payloads.Channel]:
        """A guild's channels, without threads.

        Discord's documents do not say whether those are among them that the bot does not see; what is not listed
        counts as not readable.
        """
        await self.turn(urgent=True)
        return _read(payloads.CHANNELS, await self.call(Route("GET", "/guilds/{guild_id}/channels", guild_id=guild)))

    async def is_in_thread(self, thread: str, person: str) -> bool:
        """Whether a person is in a thread."""
        await self.turn()
        path = "/channels/{channel_id}/thread-members/{member_id}"
        try:
            await self.call(Route("GET", path, channel_id=thread, member_id=person))
        except (Forbidden, Gone):
            return False
        return True

    async def guild(self, guild: str) -> payloads.Guild:
        """One guild, with its owner and roles."""
        await self.turn(urgent=True)
        return _read(payloads.GUILD, await self.call(Route("GET", "/guilds/{guild_id}", guild_id=guild)))

    async def member(self, guild: str, person: str) -> payloads.Member:
        """What a person is in a guild; {} for nobody there."""
        await self.turn(urgent=True)
        route = Route("GET", "/guilds/{guild_id}/members/{member_id}", guild_id=guild, member_id=person)
        try:
            return _read(payloads.MEMBER, await self.call(route))
        except Gone:
            return {}

    async def typing(self, channel: str) -> None:
        """Show for 10 seconds that the bot is typing."""
        await self.turn()
        await self.call(Route("POST", "/channels/{channel_id}/typing", channel_id=channel))

    async def direct_channel(self, person: str) -> str:
        """The channel of the direct messages with a person."""
        await self.turn(urgent=True)
        return _id(await self.call(Route("POST", "/users/@me/channels"), {"recipient_id": person}))

    async def gateway(self) -> payloads.Gateway:
        """What GET /gateway/bot says: `url`, `shards`, `session_start_limit`."""
        try:
            return _read(payloads.GATEWAY, await self.call(Route("GET", "/gateway/bot")))
        except PlatformError as error:
            if isinstance(error.__cause__, discord.HTTPException):
                raise _outside(error.__cause__) from error
            raise

    async def acknowledge(self, interaction: str, token: str, kind: int, data: Json) -> None:
        """Answer an interaction; must happen within 3 seconds of it."""
        path = "/interactions/{webhook_id}/{webhook_token}/callback"  # these names keep rate limits apart
        await self.call(Route("POST", path, webhook_id=interaction, webhook_token=token), {"type": kind, "data": data})

    async def follow_up(self, application: str, token: str, body: Json) -> tuple[str, bool]:
        """Post another answer to an interaction; its id, and whether it is ephemeral.

        Discord knows no nonce there, so it is sent only once.
        """
        route = Route("POST", "/webhooks/{webhook_id}/{webhook_token}", webhook_id=application, webhook_token=token)
        made = _read(payloads.MESSAGE, await self.call(route, body, {"wait": "true"}, once=True))
        return made["id"], bool(made.get("flags", 0) & EPHEMERAL)

    async def edit_answer(
        self, target: DiscordReplyTarget, message: str, body: Json, files: Sequence[File] = ()
    ) -> str:
        """Change an answer to an interaction, "@original" for the first; its id."""
        route = _answer("PATCH", target.application, target.token, message)
        return _id(await self._change(target.channel, route, body, files))

    async def delete_answer(self, application: str, token: str, message: str) -> None:
        """Delete an answer to an interaction; one that is gone already is no error."""
        self.deleted.append(message)
        try:
            await self.call(_answer("DELETE", application, token, message))
        except Gone:
            return


def _outside(error: Exception) -> PlatformError | ConfigError:
    """What keeps the bot from signing in or finding the gateway: no channel or message is to blame."""
    if not isinstance(error, discord.HTTPException) or error.status == 429 or error.status >= 500:
        return error_of(error)
    if error.status == 401:
        return ConfigError(WRONG_TOKEN)
    hint = "" if Route.BASE == DISCORD else f" Is {Route.BASE} Discord's API?"
    return PlatformError(f"Discord does not let the bot in ({error.status}, {error.code}: {error.text}).{hint}")


def _form(body: object, files: Sequence[discord.File]) -> list[Json]:
    """A body together with files, as the parts of a form."""
    parts: list[Json] = [{"name": "payload_json", "value": json.dumps(body)}]
    for number, file in enumerate(files):
        parts.append({"name": f"files[{number}]", "value": file.fp, "filename": file.filename})
    return parts


def _message(method: str, channel: str, message: str) -> Route:
    return Route(method, "/channels/{channel_id}/messages/{message_id}", channel_id=channel, message_id=message)


def _answer(method: str, application: str, token: str, message: str) -> Route:
    path = "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}"
    return Route(method, path, webhook_id=application, webhook_token=token, message_id=message)


def _read(kind: TypeAdapter[T], answer: object) -> T:
    """Return an answer of a kind. Raises PlatformError where it is another."""
    try:
        return kind.validate_python(answer, strict=True)
    except ValidationError as error:
        raise PlatformError("Discord's answer is not understood.") from error


def _id(answer: object) -> str:
    return _read(payloads.MESSAGE, answer)["id"]
