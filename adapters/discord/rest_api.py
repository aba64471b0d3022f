"""Calls to Discord's HTTP API, with discord.py's rate limiting and the bot's errors.

It stays open without the gateway's client: answers are written while the gateway is away.
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
from adapters.discord.http_client import Http, raise_on_server_error
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
"""The bucket of every call except those with an interaction's token."""

EXPLANATIONS, SILENCES = "explained", "silenced"
"""The buckets of explanations for one person's wrong commands, and of log lines about further ones."""

CALL_SECONDS = 60.0
MOST_DELETIONS = 1_000
LONGEST_RATE_LIMIT = 30.0
"""The longest rate limit in seconds for which discord.py waits in one call; longer ones make the call fail."""

ERRORS: Mapping[int, tuple[type[PlatformError], str]] = {
    400: (Forbidden, "Discord refuses the message"),
    403: (Forbidden, "I may not do this there"),
    404: (Gone, "The channel or message no longer exists"),
    413: (Forbidden, "Discord does not take files of this size"),
}
EXPIRED, NO_DIRECT_MESSAGES, HAS_THREAD, NO_REPLIES, ARCHIVED, LOCKED = 50027, 50007, 160004, 160002, 50083, 160005
"""Discord's error codes.

The interaction's token is older than 15 minutes; the person takes no direct messages from the bot; the message has a
thread; the bot may not reply because it may not read the history; the thread is archived; it is locked.
"""

REFUSALS: Mapping[int, str] = {
    NO_DIRECT_MESSAGES: "You block direct messages from this server. Allow them in its privacy settings and ask again.",
    LOCKED: "The thread is locked. Only people who manage threads can write in it.",
}
WRONG_TOKEN = "Discord does not accept DISCORD_TOKEN. Copy it again: developer portal, Bot, Reset Token."  # noqa: S105


def error_of(error: Exception) -> PlatformError | ConfigError:
    """Return the bot's error for one of discord.py's."""
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
        return PlatformError(f"Discord's rate limit is reached. Try again in {error.retry_after:.0f} s.")
    return PlatformError(why(error, "Discord"))


def code_of(error: PlatformError) -> int:
    """Return Discord's code of an error, 0 for none."""
    return error.__cause__.code if isinstance(error.__cause__, discord.HTTPException) else 0


FAILURES = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError)
"""The errors that discord.py's calls raise."""


class TokenFilter(logging.Filter):
    """A filter that removes interactions' tokens from the addresses in discord.py's log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; keep it in the log."""
        record.msg, record.args = _TOKEN.sub(r"\1…", record.getMessage()), ()
        return True


_TOKEN = re.compile(r"(/(?:webhooks|interactions)/\d+/)[^/?\s]+")
logging.getLogger("discord.http").addFilter(TokenFilter())


class DiscordApi:
    """Calls of one bot, which sign in first. Each raises PlatformError, or ConfigError for a wrong token.

    Drafts wait for the rate limits of sending and editing; all other calls of the bot wait here.
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
        Route.BASE = api_url or DISCORD  # discord.py has one address for the whole process
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
        self.deleted = deque[str](maxlen=MOST_DELETIONS)
        """The last messages that the bot deleted."""

    def connector(self) -> Connector:
        """Return a connector for one session."""
        return Connector(self._network, self._settings, limit=0)  # like discord.py, which limits its connections itself

    async def sign_in(self) -> Http:
        """Sign in once and return the connection; set `me` and `name` of the bot."""
        async with self._signing_in:
            if self._http is None:
                await self._network.prepare()
                http = Http(asyncio.get_running_loop(), self.connector(), max_ratelimit_timeout=LONGEST_RATE_LIMIT)
                try:
                    user = await http.static_login(self._token)
                except FAILURES as error:
                    await http.end()
                    trouble = await meant_secure(error, Route.BASE, self._network, self._settings)
                    raise (PlatformError(str(trouble)) if trouble else _startup_error(error)) from error
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
        """Make one call and return its response. With `once`, it is not repeated after a failure.

        The call continues when its caller is cancelled: discord.py could otherwise keep the next call waiting for it.
        """
        task = asyncio.create_task(self._call(route, body, query or {}, files, raise_on_server_error if once else None))
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
        uploads = [discord.File(BytesIO(file.content), file.name, description=file.summary) for file in files]
        try:
            async with asyncio.timeout(CALL_SECONDS):
                if uploads:
                    answer: object = await http.request(route, params=params, files=uploads, form=_form(body, uploads))
                elif body is None:
                    answer = await http.request(route, params=params)
                else:
                    answer = await http.request(route, params=params, json=body, raise_for_status=check)
        except FAILURES as error:
            raise error_of(error) from error
        return answer

    async def acquire(self, *, urgent: bool = False) -> None:
        """Wait until one more call may be made."""
        await self.limiter.acquire((ALL,), urgent=urgent)

    async def aclose(self) -> None:
        """Cancel the calls under way and close the connection."""
        for call in self._calls:
            call.cancel()
        if self._calls:
            await asyncio.wait(self._calls)
        if self._http is not None:
            await self._http.end()
            self._http = None

    async def send(self, channel: str, body: Json, reply: str = "") -> str:
        """Send a message, as a reply where the bot may reply; return its id."""
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
        """Edit a message of the bot."""
        await self._change(channel, _message("PATCH", channel, message), body, files)

    async def _change(self, channel: str, route: Route, body: Json, files: Sequence[File]) -> object:
        """Edit a message of the bot; open its archived thread first, as a new message would."""
        try:
            return await self.call(route, body, files=files)
        except Forbidden as error:
            if code_of(error) != ARCHIVED:
                raise
        await self.acquire(urgent=True)
        try:
            await self.call(Route("PATCH", "/channels/{channel_id}", channel_id=channel), {"archived": False})
        except Forbidden as error:
            raise Forbidden(REFUSALS[LOCKED]) from error
        return await self.call(route, body, files=files)

    async def delete(self, channel: str, message: str) -> None:
        """Delete a message of the bot; a missing one is not an error."""
        self.deleted.append(message)
        await self.acquire(urgent=True)
        try:
            await self.call(_message("DELETE", channel, message))
        except Gone:
            return

    async def message(self, channel: str, message: str) -> payloads.DiscordMessage:
        """Return one message."""
        await self.acquire(urgent=True)
        return _read(payloads.MESSAGE, await self.call(_message("GET", channel, message)))

    async def messages(self, channel: str, **query: str) -> Sequence[payloads.DiscordMessage]:
        """Return up to 100 messages, newest first; `query` holds an id as `after` or `before`, and `limit`."""
        await self.acquire(urgent=True)
        route = Route("GET", "/channels/{channel_id}/messages", channel_id=channel)
        return _read(payloads.MESSAGES, await self.call(route, query={"limit": "100", **query}))

    async def open_thread(self, channel: str, message: str, title: str) -> None:
        """Open a thread, with the message's id, at a message; an existing one is not an error."""
        await self.acquire(urgent=True)
        path = "/channels/{channel_id}/messages/{message_id}/threads"
        try:
            await self.call(Route("POST", path, channel_id=channel, message_id=message), {"name": title})
        except Forbidden as error:
            if code_of(error) != HAS_THREAD:
                raise

    async def channel(self, channel: str) -> payloads.Channel:
        """Return one channel or thread."""
        await self.acquire()
        return _read(payloads.CHANNEL, await self.call(Route("GET", "/channels/{channel_id}", channel_id=channel)))

    async def channels(self, guild: str) -> Sequence[payloads.Channel]:
        """Return a guild's channels, without threads.

        Discord does not document whether the list has channels that the bot cannot see; a missing channel counts as not
        readable.
        """
        await self.acquire(urgent=True)
        return _read(payloads.CHANNELS, await self.call(Route("GET", "/guilds/{guild_id}/channels", guild_id=guild)))

    async def is_in_thread(self, thread: str, person: str) -> bool:
        """Return whether a person is a member of a thread."""
        await self.acquire()
        path = "/channels/{channel_id}/thread-members/{member_id}"
        try:
            await self.call(Route("GET", path, channel_id=thread, member_id=person))
        except (Forbidden, Gone):
            return False
        return True

    async def guild(self, guild: str) -> payloads.Guild:
        """Return a guild with its owner and roles."""
        await self.acquire(urgent=True)
        return _read(payloads.GUILD, await self.call(Route("GET", "/guilds/{guild_id}", guild_id=guild)))

    async def member(self, guild: str, person: str) -> payloads.Member:
        """Return a person's membership of a guild, {} for none."""
        await self.acquire(urgent=True)
        route = Route("GET", "/guilds/{guild_id}/members/{member_id}", guild_id=guild, member_id=person)
        try:
            return _read(payloads.MEMBER, await self.call(route))
        except Gone:
            return {}

    async def typing(self, channel: str) -> None:
        """Show for 10 seconds that the bot is typing."""
        await self.acquire()
        await self.call(Route("POST", "/channels/{channel_id}/typing", channel_id=channel))

    async def direct_channel(self, person: str) -> str:
        """Return the channel of the direct messages with a person."""
        await self.acquire(urgent=True)
        return _id(await self.call(Route("POST", "/users/@me/channels"), {"recipient_id": person}))

    async def gateway(self) -> payloads.Gateway:
        """Return the response of GET /gateway/bot."""
        try:
            return _read(payloads.GATEWAY, await self.call(Route("GET", "/gateway/bot")))
        except PlatformError as error:
            if isinstance(error.__cause__, discord.HTTPException):
                raise _startup_error(error.__cause__) from error
            raise

    async def acknowledge(self, interaction: str, token: str, kind: int, data: Json) -> None:
        """Respond to an interaction, within 3 seconds of it."""
        path = "/interactions/{webhook_id}/{webhook_token}/callback"  # discord.py separates rate limits by these names
        await self.call(Route("POST", path, webhook_id=interaction, webhook_token=token), {"type": kind, "data": data})

    async def follow_up(self, application: str, token: str, body: Json) -> tuple[str, bool]:
        """Send a further answer to an interaction; return its id, and whether it is ephemeral.

        Discord has no nonce there, so the call is not repeated.
        """
        route = Route("POST", "/webhooks/{webhook_id}/{webhook_token}", webhook_id=application, webhook_token=token)
        message = _read(payloads.MESSAGE, await self.call(route, body, {"wait": "true"}, once=True))
        return message["id"], bool(message.get("flags", 0) & EPHEMERAL)

    async def edit_answer(
        self, target: DiscordReplyTarget, message: str, body: Json, files: Sequence[File] = ()
    ) -> str:
        """Edit an answer to an interaction, "@original" for the first; return its id."""
        route = _answer("PATCH", target.application, target.token, message)
        return _id(await self._change(target.channel, route, body, files))

    async def delete_answer(self, application: str, token: str, message: str) -> None:
        """Delete an answer to an interaction; a missing one is not an error."""
        self.deleted.append(message)
        try:
            await self.call(_answer("DELETE", application, token, message))
        except Gone:
            return


def _startup_error(error: Exception) -> PlatformError | ConfigError:
    """Return the error of signing in or of finding the gateway, which concerns no channel or message."""
    if not isinstance(error, discord.HTTPException) or error.status == 429 or error.status >= 500:
        return error_of(error)
    if error.status == 401:
        return ConfigError(WRONG_TOKEN)
    next_step = "" if Route.BASE == DISCORD else f" Check that {Route.BASE} is Discord's API."
    return PlatformError(f"Discord refuses the bot ({error.status}, {error.code}: {error.text}).{next_step}")


def _form(body: object, files: Sequence[discord.File]) -> list[Json]:
    """Return a body and files as the parts of a form."""
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
    """Return an answer as its type. Raises PlatformError for another type."""
    try:
        return kind.validate_python(answer, strict=True)
    except ValidationError as error:
        raise PlatformError("Discord's response cannot be read. Try again in a minute.") from error


def _id(answer: object) -> str:
    return _read(payloads.MESSAGE, answer)["id"]
