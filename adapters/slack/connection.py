"""The socket to Slack: every event that may be for the bot is offered to the core, and acknowledged once that is kept.

Bolt acknowledges when its middleware returns. So everything happens in one middleware, and an answer other than 200
makes Slack send the event again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import aiohttp
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient

from adapters.slack.arrivals import Arrivals
from adapters.slack.catchup import missed
from adapters.slack.handle import Json
from adapters.slack.requests import Reader
from adapters.slack.rest import Rest, library_log
from bot.errors import PlatformError, ShouldersError, StoreError
from bot.network import Trouble
from bot.ports import Intake

log = logging.getLogger(__name__)

PING_SECONDS = 5.0
DEAD_SECONDS = 20.0
"""How long the socket may be away before everything is started afresh."""

TAKEN, NOT_TAKEN = 200, 503


class Connection:
    """One run of the bot on Slack. `taking` False: nothing is accepted, and Slack keeps it for the next run."""

    def __init__(
        self,
        rest: Rest,
        reader: Reader,
        arrivals: Arrivals,
        intake: Intake,
        connected: Callable[[str], None],
    ) -> None:
        self.taking = True
        self._served = False
        self._rest = rest
        self._reader = reader
        self._arrivals = arrivals
        self._intake = intake
        self._connected = connected
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._catching: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Serve until cancelled. Raises ConfigError or PlatformError when it cannot go on."""
        first_url = await self._rest.socket_url()
        app = AsyncApp(
            client=self._rest.web,
            name="shoulders",
            logger=library_log,
            before_authorize=self._receive,
            request_verification_enabled=False,
            ssl_check_enabled=False,
        )
        handler = AsyncSocketModeHandler(app, self._rest.app_token, ping_interval=PING_SECONDS)
        client = handler.client
        client.issue_new_wss_url = self._next_url  # type: ignore[method-assign]  # its own would try a bad token for ever
        client.message_listeners.append(self._frame)
        client.wss_uri = first_url
        await client.aiohttp_client_session.close()
        client.aiohttp_client_session = aiohttp.ClientSession(connector=self._rest.connector(self._unreachable))
        connecting = asyncio.create_task(client.connect())  # type: ignore[no-untyped-call]  # the library types it half
        watching = asyncio.create_task(self._watch(client))
        try:
            await self._over
        finally:
            for task in (connecting, watching, self._catching):
                if task is not None:
                    task.cancel()
            await client.close()  # type: ignore[no-untyped-call]  # the library types it half

    async def _next_url(self) -> str:
        try:
            return await self._rest.socket_url()
        except ShouldersError as error:
            self._end(error)
            raise

    async def _watch(self, client: AsyncBaseSocketModeClient) -> None:
        """The library goes on trying with an address that works once only: do not wait for it for ever."""
        while True:
            away = 0.0
            while not await client.is_connected():
                if away >= DEAD_SECONDS:
                    self._end(PlatformError("The connection to Slack ended."))
                await asyncio.sleep(PING_SECONDS)
                away += PING_SECONDS
            await asyncio.sleep(PING_SECONDS)

    def _unreachable(self, trouble: Trouble) -> None:
        """No first connection: the library would try for ever without a word. Later ones it may well make again."""
        if not self._served:
            self._end(PlatformError(str(trouble)))

    def _end(self, error: ShouldersError) -> None:
        if not self._over.done():
            self._over.set_exception(error)

    async def _frame(self, client: AsyncBaseSocketModeClient, frame: Json, raw: str | None) -> None:
        """Each new socket says hello: read what was missed, then say so."""
        if frame.get("type") == "hello":
            self._served = True
            if self._catching is not None:
                self._catching.cancel()
            self._catching = asyncio.create_task(self._catch_up())

    async def _catch_up(self) -> None:
        try:
            self._reader.directory.groups.changed()
            for event in await missed(self._rest, self._reader.hears, await self._intake.seen("slack")):
                await self._arrivals.said(event)
        except ShouldersError as error:
            self._end(error)
            return
        self._connected(f"Slack: {self._rest.name}, in {self._rest.team_name}")

    async def _receive(self, body: Json) -> BoltResponse:
        """Take one envelope; it is acknowledged when this returns TAKEN."""
        if not self.taking:
            return BoltResponse(status=NOT_TAKEN)
        try:
            told = await self._arrivals.take(body)
        except StoreError as error:
            log.error("Not accepted: %s", error.message)
            return BoltResponse(status=NOT_TAKEN)
        return BoltResponse(status=TAKEN, body={"response_type": "ephemeral", "text": told} if told else "")
