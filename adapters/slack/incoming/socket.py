"""One socket to Slack, by the library's client, which gets itself a new connection whenever Slack refreshes it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import aiohttp
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from adapters.shared.malformed import MALFORMED, cause
from adapters.slack.reply_target import Json
from adapters.slack.web_api import SlackApi
from bot.interfaces.errors import PlatformError, ShouldersError
from bot.interfaces.network import Trouble

log = logging.getLogger(__name__)

CROWDED, LONGEST_FAREWELL = "too_many_websockets", 1_000

Told: TypeAlias = Callable[["Socket"], Awaitable[None]]


class Handler(AsyncSocketModeHandler):
    """Acknowledges what cannot be read, after one line in the log: Slack would only send the same again."""

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]  # as there
        """Take one envelope, whatever is in it."""
        try:
            await super().handle(client, req)
        except MALFORMED as error:
            log.error("Slack sent something that cannot be read; it is ignored: %s", cause(error))
            await client.send_socket_mode_response(SocketModeResponse(envelope_id=req.envelope_id))


class Socket:
    """Tells `said_hello` of each new connection, and `crowded` when Slack has no room for one more."""

    def __init__(self, app: AsyncApp, rest: SlackApi, said_hello: Told, crowded: Told) -> None:
        self._app = app
        self._rest = rest
        self._said_hello = said_hello
        self._crowded = crowded
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._client: SocketModeClient | None = None
        self._greeted: object = None

    async def serve(self) -> None:
        """Serve until cancelled. Raises ConfigError or PlatformError when it cannot go on."""
        first_url = await self._rest.socket_url()
        handler = Handler(self._app, self._rest.app_token, ping_interval=self._rest.timeouts.ping)
        client = handler.client
        client.issue_new_wss_url = self._next_url  # type: ignore[method-assign]  # its own would try a bad token for ever
        client.message_listeners.append(self._frame)
        client.on_message_listeners.append(self._raw)
        client.wss_uri, self._client = first_url, client
        await client.aiohttp_client_session.close()
        client.aiohttp_client_session = aiohttp.ClientSession(connector=self._rest.connector(self._unreachable))
        connecting = asyncio.create_task(client.connect())  # type: ignore[no-untyped-call]  # the library types it half
        watching = asyncio.create_task(self._watch(client))
        try:
            await self._over
        finally:
            for task in (connecting, watching):
                task.cancel()
            await client.close()  # type: ignore[no-untyped-call]  # the library types it half

    async def is_open(self) -> bool:
        """Whether Slack reaches the bot by it."""
        client = self._client
        greeted = client is not None and client.current_session is self._greeted
        return client is not None and greeted and not self._over.done() and await client.is_connected()

    def end(self, error: ShouldersError) -> None:
        """Give it up."""
        if not self._over.done():
            self._over.set_exception(error)

    def _unreachable(self, trouble: Trouble) -> None:
        """End where the first connection is not made: the library would try for ever without a word."""
        if self._greeted is None:
            self.end(PlatformError(str(trouble)))

    async def _next_url(self) -> str:
        if self._over.done():
            raise PlatformError("This connection to Slack was given up.")
        try:
            return await self._rest.socket_url()
        except ShouldersError as error:
            self.end(error)
            raise

    async def _watch(self, client: AsyncBaseSocketModeClient) -> None:
        """The library goes on trying with an address that works once only: do not wait for it for ever."""
        while True:
            away = 0.0
            while not await client.is_connected():
                if away >= self._rest.timeouts.dead:
                    self.end(PlatformError("The connection to Slack ended."))
                await asyncio.sleep(self._rest.timeouts.ping)
                away += self._rest.timeouts.ping
            await asyncio.sleep(self._rest.timeouts.ping)

    async def _frame(self, client: AsyncBaseSocketModeClient, frame: Json, raw: str | None) -> None:
        if frame.get("type") == "hello":
            about = frame.get("connection_info")
            self._rest.app = str(about.get("app_id") or "") if isinstance(about, dict) else ""
            self._greeted = self._client.current_session if self._client else None
            await self._said_hello(self)

    async def _raw(self, message: object) -> None:
        """The library keeps to itself why Slack ends a connection."""
        data = getattr(message, "data", None)
        if isinstance(data, str) and CROWDED in data[:LONGEST_FAREWELL]:
            frame: object = json.loads(data)
            if isinstance(frame, dict) and (frame.get("type"), frame.get("reason")) == ("disconnect", CROWDED):
                await self._crowded(self)
