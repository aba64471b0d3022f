"""The sockets to Slack, whose events the bot offers to the core and acknowledges once they are stored.

Bolt acknowledges an event when its middleware returns. So one middleware does everything, and a response other than 200
makes Slack send the event again. There are two sockets, because Slack refreshes each of them now and then, and drops a
button press without a socket.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse

from adapters.slack.incoming.backfill import missed_messages
from adapters.slack.incoming.events import EventRouter
from adapters.slack.incoming.messages import SlackMessageReader
from adapters.slack.incoming.socket import Socket
from adapters.slack.reply_target import Json
from adapters.slack.web_api import SlackApi, library_log
from bot.interfaces.adapter import Intake
from bot.interfaces.errors import PlatformError, ShouldersError, StoreError

log = logging.getLogger(__name__)

SOCKETS = 2
"""Slack allows 10 for an app."""

RETRY_SECONDS = 60.0
"""The seconds before another connection after Slack accepted no more."""

TAKEN, NOT_TAKEN = 200, 503


class TooManySockets(PlatformError):
    """An error: the app has as many connections as Slack allows."""


class SocketConnection:
    """One run of the bot on Slack. While `taking` is False, it refuses events, and Slack sends them to the next run."""

    def __init__(
        self,
        rest: SlackApi,
        reader: SlackMessageReader,
        events: EventRouter,
        intake: Intake,
        connected: Callable[[str], None],
    ) -> None:
        self.taking = True
        self._served = False
        self._rest = rest
        self._reader = reader
        self._events = events
        self._intake = intake
        self._connected = connected
        self._sockets: set[Socket] = set()
        self._backfill: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Serve until cancelled. Raises ConfigError or PlatformError when both sockets fail."""
        app = AsyncApp(
            client=self._rest.web,
            name="shoulders",
            logger=library_log,
            before_authorize=self._receive,
            request_verification_enabled=False,
            ssl_check_enabled=False,
        )
        app.error(_raise_again)
        delay = self._rest.timeouts.stagger
        sockets = [asyncio.create_task(self._keep_open(app, number * delay)) for number in range(SOCKETS)]
        try:
            done, _ = await asyncio.wait(sockets, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            tasks = [task for task in (*sockets, self._backfill) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_open(self, app: AsyncApp, delay: float) -> None:
        """Keep one socket open. Raises ConfigError, and PlatformError while there is no other socket."""
        await asyncio.sleep(delay)
        while True:
            socket = Socket(app, self._rest, self._on_hello, self._on_crowded)
            self._sockets.add(socket)
            try:
                await socket.serve()
            except TooManySockets:
                await asyncio.sleep(RETRY_SECONDS)
            except PlatformError as error:
                if not await self._others_open(socket):
                    raise
                log.warning("Slack: one of %d connections is closed, the other works: %s", SOCKETS, error.message)
            finally:
                self._sockets.discard(socket)

    async def _others_open(self, socket: Socket) -> bool:
        return any([await other.is_open() for other in self._sockets if other is not socket])

    async def _on_hello(self, socket: Socket) -> None:
        """Read missed messages after a time without any socket, then report the connection."""
        if await self._others_open(socket):
            return
        if self._backfill is not None:
            self._backfill.cancel()
        self._backfill = asyncio.create_task(self._read_missed(socket))

    async def _on_crowded(self, socket: Socket) -> None:
        """Close this socket for a while if another one is open; the only socket tries again at once."""
        log.warning("Slack accepts at most 10 connections of this app. Check that no other copies of the bot run")
        if await self._others_open(socket):
            socket.end(TooManySockets("Slack accepts no more connections of this app."))

    async def _read_missed(self, socket: Socket) -> None:
        try:
            self._reader.directory.groups.changed()
            for event in await missed_messages(
                self._rest, self._reader.relevance_of, await self._intake.recent_places("slack")
            ):
                await self._events.take_message(event)
        except ShouldersError as error:
            socket.end(error)
            return
        self._connected(f"Slack: {self._rest.name}, in {self._rest.team_name}")

    async def _receive(self, body: Json) -> BoltResponse:
        """Take one envelope; the response TAKEN acknowledges it."""
        if not self.taking:
            return BoltResponse(status=NOT_TAKEN)
        try:
            text = await self._events.take(body)
        except (PlatformError, StoreError) as error:
            log.error("An event is not accepted: %s", error.message)
            return BoltResponse(status=NOT_TAKEN)
        return BoltResponse(status=TAKEN, body={"response_type": "ephemeral", "text": text} if text else "")


async def _raise_again(error: Exception) -> None:
    """Raise an error again for the socket: Bolt would log a traceback and return 500."""
    raise error
