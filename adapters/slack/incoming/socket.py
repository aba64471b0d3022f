"""One socket to Slack by slack_sdk's client, which connects again whenever Slack refreshes the connection."""

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

SocketCallback: TypeAlias = Callable[["Socket"], Awaitable[None]]


class Handler(AsyncSocketModeHandler):
    """A handler that acknowledges an unreadable event after one line in the log: Slack would send the same again."""

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]  # as in Bolt
        """Take one envelope with any content."""
        try:
            await super().handle(client, req)
        except MALFORMED as error:
            log.error("An event of Slack cannot be read and is ignored: %s", cause(error))
            await client.send_socket_mode_response(SocketModeResponse(envelope_id=req.envelope_id))


class Socket:
    """One socket. `on_hello` is called for each new connection, `on_crowded` when Slack accepts no more connections."""

    def __init__(self, app: AsyncApp, rest: SlackApi, on_hello: SocketCallback, on_crowded: SocketCallback) -> None:
        self._app = app
        self._rest = rest
        self._on_hello = on_hello
        self._on_crowded = on_crowded
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._client: SocketModeClient | None = None
        self._open_session: object = None

    async def serve(self) -> None:
        """Serve until cancelled. Raises ConfigError or PlatformError when it cannot connect again."""
        first_url = await self._rest.socket_url()
        handler = Handler(self._app, self._rest.app_token, ping_interval=self._rest.timeouts.ping)
        client = handler.client
        client.issue_new_wss_url = self._next_url  # type: ignore[method-assign]  # its own retries a bad token forever
        client.message_listeners.append(self._on_frame)
        client.on_message_listeners.append(self._on_text)
        client.wss_uri, self._client = first_url, client
        await client.aiohttp_client_session.close()
        client.aiohttp_client_session = aiohttp.ClientSession(connector=self._rest.connector(self._unreachable))
        connecting = asyncio.create_task(client.connect())  # type: ignore[no-untyped-call]  # partly typed
        watching = asyncio.create_task(self._watch(client))
        try:
            await self._closed
        finally:
            for task in (connecting, watching):
                task.cancel()
            await client.close()  # type: ignore[no-untyped-call]  # partly typed

    async def is_open(self) -> bool:
        """Return whether Slack can send events through the socket."""
        client = self._client
        is_current = client is not None and client.current_session is self._open_session
        return client is not None and is_current and not self._closed.done() and await client.is_connected()

    def end(self, error: ShouldersError) -> None:
        """Close the socket with an error."""
        if not self._closed.done():
            self._closed.set_exception(error)

    def _unreachable(self, trouble: Trouble) -> None:
        """Close the socket when the first connection fails: slack_sdk would retry forever without a log line."""
        if self._open_session is None:
            self.end(PlatformError(str(trouble)))

    async def _next_url(self) -> str:
        if self._closed.done():
            raise PlatformError("This connection to Slack is closed.")
        try:
            return await self._rest.socket_url()
        except ShouldersError as error:
            self.end(error)
            raise

    async def _watch(self, client: AsyncBaseSocketModeClient) -> None:
        """Close the socket after a long absence: slack_sdk retries an address that works only once."""
        while True:
            away = 0.0
            while not await client.is_connected():
                if away >= self._rest.timeouts.dead:
                    self.end(PlatformError("The connection to Slack ended."))
                await asyncio.sleep(self._rest.timeouts.ping)
                away += self._rest.timeouts.ping
            await asyncio.sleep(self._rest.timeouts.ping)

    async def _on_frame(self, client: AsyncBaseSocketModeClient, frame: Json, raw: str | None) -> None:
        if frame.get("type") == "hello":
            info = frame.get("connection_info")
            self._rest.app = str(info.get("app_id") or "") if isinstance(info, dict) else ""
            self._open_session = self._client.current_session if self._client else None
            await self._on_hello(self)

    async def _on_text(self, message: object) -> None:
        """Read the reason for a disconnection, which slack_sdk does not report."""
        data = getattr(message, "data", None)
        if isinstance(data, str) and CROWDED in data[:LONGEST_FAREWELL]:
            frame: object = json.loads(data)
            if isinstance(frame, dict) and (frame.get("type"), frame.get("reason")) == ("disconnect", CROWDED):
                await self._on_crowded(self)
