"""The sockets to Slack: every event that may be for the bot is offered to the core, and acknowledged once that is kept.

Bolt acknowledges when its middleware returns. So everything happens in one middleware, and an answer other than 200
makes Slack send the event again. There are two sockets, because Slack refreshes each of them now and then, and a press
that finds no socket is lost.
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
"""Slack allows 10 to an app."""

CROWDED_SECONDS = 60.0
"""Until another connection is tried after Slack took no more."""

TAKEN, NOT_TAKEN = 200, 503


class Crowded(PlatformError):
    """The app has as many connections as it may."""


class SocketConnection:
    """One run of the bot on Slack. `taking` False: nothing is accepted, and Slack keeps it for the next run."""

    def __init__(
        self,
        rest: SlackApi,
        reader: SlackMessageReader,
        arrivals: EventRouter,
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
        self._sockets: set[Socket] = set()
        self._catching: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Serve until cancelled. Raises ConfigError or PlatformError when it cannot go on."""
        app = AsyncApp(
            client=self._rest.web,
            name="shoulders",
            logger=library_log,
            before_authorize=self._receive,
            request_verification_enabled=False,
            ssl_check_enabled=False,
        )
        app.error(_raise_again)
        after = self._rest.timeouts.stagger
        keeping = [asyncio.create_task(self._keep_open(app, number * after)) for number in range(SOCKETS)]
        try:
            done, _ = await asyncio.wait(keeping, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            tasks = [task for task in (*keeping, self._catching) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_open(self, app: AsyncApp, after: float) -> None:
        """Keep one socket open. Raises ConfigError, and PlatformError while there is no other socket."""
        await asyncio.sleep(after)
        while True:
            socket = Socket(app, self._rest, self._said_hello, self._crowded)
            self._sockets.add(socket)
            try:
                await socket.serve()
            except Crowded:
                await asyncio.sleep(CROWDED_SECONDS)
            except PlatformError as error:
                if not await self._others_open(socket):
                    raise
                log.warning("Slack: one of %d connections is away, the other serves: %s", SOCKETS, error.message)
            finally:
                self._sockets.discard(socket)

    async def _others_open(self, socket: Socket) -> bool:
        return any([await other.is_open() for other in self._sockets if other is not socket])

    async def _said_hello(self, socket: Socket) -> None:
        """After a time without any socket: read what was missed, then say that the bot is there."""
        if await self._others_open(socket):
            return
        if self._catching is not None:
            self._catching.cancel()
        self._catching = asyncio.create_task(self._catch_up(socket))

    async def _crowded(self, socket: Socket) -> None:
        """The only socket tries again at once; another waits until there may be room."""
        log.warning("Slack takes no more connections of this app: 10 at most. Do other copies of the bot run?")
        if await self._others_open(socket):
            socket.end(Crowded("Slack takes no more connections of this app."))

    async def _catch_up(self, socket: Socket) -> None:
        try:
            self._reader.directory.groups.changed()
            for event in await missed_messages(
                self._rest, self._reader.hears, await self._intake.recent_places("slack")
            ):
                await self._arrivals.said(event)
        except ShouldersError as error:
            socket.end(error)
            return
        self._connected(f"Slack: {self._rest.name}, in {self._rest.team_name}")

    async def _receive(self, body: Json) -> BoltResponse:
        """Take one envelope; it is acknowledged when this returns TAKEN."""
        if not self.taking:
            return BoltResponse(status=NOT_TAKEN)
        try:
            told = await self._arrivals.take(body)
        except (PlatformError, StoreError) as error:
            log.error("Not accepted: %s", error.message)
            return BoltResponse(status=NOT_TAKEN)
        return BoltResponse(status=TAKEN, body={"response_type": "ephemeral", "text": told} if told else "")


async def _raise_again(error: Exception) -> None:
    """Leave errors to the socket: Bolt would log a traceback and answer 500."""
    raise error
