"""The socket to Slack: every event that may be for the bot is offered to the core, and acknowledged once that is kept.

Bolt acknowledges when its middleware returns. So everything happens in one middleware, and an answer other than 200
makes Slack send the event again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient

from adapters.slack.catchup import missed
from adapters.slack.handle import Json
from adapters.slack.requests import Reader
from adapters.slack.rest import Rest, library_log, listed
from bot.errors import PlatformError, ShouldersError, StoreError
from bot.ports import Intake
from bot.types import Request

log = logging.getLogger(__name__)

PING_SECONDS = 5.0
DEAD_SECONDS = 20.0
"""How long the socket may be away before everything is started afresh."""

MESSAGE_SECONDS = 1.0
"""How long a mention waits for the message event of the same post, which says more."""

POSTS_REMEMBERED = 1_000

TAKEN, NOT_TAKEN = 200, 503
ASKING = "Asking; the answer will appear here, for you alone."


class Connection:
    """One run of the bot on Slack. `taking` False: nothing is accepted, and Slack keeps it for the next run."""

    def __init__(
        self,
        rest: Rest,
        reader: Reader,
        intake: Intake,
        connected: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self.taking = True
        self._rest = rest
        self._reader = reader
        self._intake = intake
        self._connected = connected
        self._clock = clock
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns: dict[str, asyncio.Future[None]] = {}
        self._posts: OrderedDict[str, asyncio.Event] = OrderedDict()
        self._catching: asyncio.Task[None] | None = None
        self._kinds: Mapping[str, Callable[[Json], Awaitable[None]]] = {
            "message": self._message,
            "app_mention": self._mention,
            "agent_session_stopped": lambda event: self._event(event, self._reader.stopped),
            "member_joined_channel": self._joined,
        }

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

    def _end(self, error: ShouldersError) -> None:
        if not self._over.done():
            self._over.set_exception(error)

    async def _frame(self, client: AsyncBaseSocketModeClient, frame: Json, raw: str | None) -> None:
        """Each new socket says hello: read what was missed, then say so."""
        if frame.get("type") == "hello":
            if self._catching is not None:
                self._catching.cancel()
            self._catching = asyncio.create_task(self._catch_up())

    async def _catch_up(self) -> None:
        try:
            for event in await missed(self._rest, self._reader, await self._intake.seen("slack")):
                await self._event(event, self._reader.message)
        except ShouldersError as error:
            self._end(error)
            return
        self._connected(f"Slack: {self._rest.name}, in {self._rest.team_name}")

    async def _receive(self, body: Json) -> BoltResponse:
        """Take one envelope; it is acknowledged when this returns TAKEN."""
        if not self.taking:
            return BoltResponse(status=NOT_TAKEN)
        try:
            told = await self._take(body)
        except StoreError as error:
            log.error("Not accepted: %s", error.message)
            return BoltResponse(status=NOT_TAKEN)
        return BoltResponse(status=TAKEN, body={"response_type": "ephemeral", "text": told} if told else "")

    async def _take(self, body: Json) -> str:
        """What to tell a slash command's user at once, "" for nothing."""
        if body.get("type") == "block_actions":
            await self._in_order(_channel(body), self._reader.press(body, self._clock()))
        elif body.get("command"):
            return await self._slash(body)
        elif isinstance(event := body.get("event"), dict) and (take := self._kinds.get(str(event.get("type")))):
            await take(event)
        return ""

    async def _slash(self, payload: Json) -> str:
        told: list[str] = []

        async def read() -> Request | None:
            found = await self._reader.slash(payload, self._clock())
            if isinstance(found, str):
                told.append(found)
                return None
            if found.private and found.command == "ask":
                told.append(ASKING)
            return found

        await self._in_order(str(payload["channel_id"]), read())
        return "".join(told)

    async def _message(self, event: Json) -> None:
        self._post(event).set()
        if self._reader.wants(event):
            await self._event(event, self._reader.message)

    async def _mention(self, event: Json) -> None:
        """The message event of the same post says more: files, and where it was. Without it, ask Slack."""
        try:
            async with asyncio.timeout(MESSAGE_SECONDS):
                await self._post(event).wait()
        except TimeoutError:
            whole = event | await self._refetch(event)
            if self._reader.wants(whole):
                await self._event(whole, self._reader.message)

    def _post(self, event: Json) -> asyncio.Event:
        key = f"{event.get('channel')}:{event.get('ts')}"
        while len(self._posts) >= POSTS_REMEMBERED:
            self._posts.popitem(last=False)
        return self._posts.setdefault(key, asyncio.Event())

    async def _refetch(self, event: Json) -> Json:
        channel, ts = str(event["channel"]), str(event["ts"])
        thread = str(event.get("thread_ts") or ts)
        try:
            where = {"channel": channel, "ts": thread, "oldest": ts, "inclusive": True}
            page = await self._rest.read("conversations.replies", where)
        except PlatformError as error:
            log.info("A mention is taken as it came: %s", error)
            return {}
        return next((found for found in listed(page.get("messages")) if found.get("ts") == ts), {})

    async def _joined(self, event: Json) -> None:
        if event.get("user") == self._rest.me:
            await self._event(event, self._reader.joined)

    async def _event(self, event: Json, read: Callable[[Json], Awaitable[Request | None]]) -> None:
        await self._in_order(str(event["channel"]), read(event))

    async def _in_order(self, channel: str, reading: Awaitable[Request | None]) -> bool:
        """Read what may need look-ups, but offer in the order of arrival in each channel.

        The place in line is taken before the first await: envelopes of one socket reach this point in their order.
        """
        before = self._turns.get(channel)
        mine = self._turns[channel] = asyncio.get_running_loop().create_future()
        try:
            request = await reading
            if before is not None:
                await asyncio.wait([before])
            if request is None:
                return False
            accepted = self._intake.offer(request)
        finally:
            mine.set_result(None)
            if self._turns[channel] is mine:
                del self._turns[channel]
        return await accepted


def _channel(payload: Json) -> str:
    channel = payload.get("channel")
    return str(channel.get("id")) if isinstance(channel, dict) else ""
