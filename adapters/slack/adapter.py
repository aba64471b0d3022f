"""The Slack adapter: what `shoulders run` starts, and where the core's drafts come from."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from time import time

from adapters.pacer import Pacer
from adapters.slack import SlackSettings
from adapters.slack.connection import Connection
from adapters.slack.directory import Directory
from adapters.slack.draft import HiddenDraft, ThreadDraft
from adapters.slack.handle import Handle, Json, ts_of
from adapters.slack.hidden import HiddenSurface
from adapters.slack.messages import MOST_PAGES
from adapters.slack.requests import Reader
from adapters.slack.rest import Rest, budget_for
from adapters.slack.surface import ThreadSurface
from adapters.slack.text import mentioned, readable
from bot.errors import Forbidden, Gone
from bot.ports import Draft, DraftLog, Intake
from bot.types import Message, Request


class SlackAdapter:
    """A bot.ports.Adapter."""

    name = "slack"

    def __init__(
        self, settings: SlackSettings, bot_token: str, app_token: str, clock: Callable[[], float] = time
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._pacer = Pacer(partial(budget_for, settings.pace))
        self._rest = Rest(bot_token, app_token, settings.api_url, self._pacer)
        self._directory = Directory(self._rest)
        self._connection: Connection | None = None

    async def run(self, intake: Intake, connected: Callable[[str], None]) -> None:
        """Connect and serve until cancelled."""
        await self._rest.sign_in()
        commands = {command.name: command for command in intake.commands}
        reader = Reader(self._rest.me, self._rest.team, commands, self._directory, self._settings.ask_command)
        self._connection = Connection(self._rest, reader, intake, connected, self._clock)
        try:
            await self._connection.serve()
        finally:
            self._connection = None

    async def stop_intake(self) -> None:
        """Take no new requests."""
        if self._connection is not None:
            self._connection.taking = False

    def draft(self, request: Request, draft_log: DraftLog) -> Draft:
        """A draft of the answer."""
        handle = Handle.load(request.handle)
        hidden = HiddenDraft(HiddenSurface(self._rest, request, handle, self._clock), draft_log, self._pacer)
        if handle.hidden:
            return hidden
        surface = ThreadSurface(self._rest, request, handle, draft_log)
        instead = hidden if handle.response_url else None
        return ThreadDraft(surface, draft_log, self._pacer, handle.pressed, instead)

    async def context(self, request: Request, limit: int) -> Sequence[Message]:
        """What was said before in the thread. Slack lists a thread from its beginning, so the last are kept."""
        place, newest = request.place, deque[Json](maxlen=limit)
        if not place.thread or place.thread == request.message:
            return ()
        where = {"channel": place.channel, "ts": place.thread, "latest": ts_of(request.act.order)}
        try:
            async for page in self._rest.pages("conversations.replies", MOST_PAGES, where):
                newest.extend(said for said in page if said.get("ts") != request.message and said.get("text"))
        except (Forbidden, Gone):
            return ()
        return [await self._read(said) for said in newest]

    async def check(self) -> str:
        """Try both tokens and say as whom."""
        await self._rest.sign_in()
        await self._rest.socket_url()
        return f"Slack accepts the tokens of {self._rest.name} in {self._rest.team_name}"

    async def aclose(self) -> None:
        """Close the connection."""
        self._directory.close()
        await self._rest.aclose()

    async def _read(self, said: Json) -> Message:
        text, author = str(said["text"]), str(said.get("user", ""))
        names = await self._directory.names([author, *mentioned(text)])
        mine = author == self._rest.me
        name = names.get(author) or str(said.get("username") or "a bot")
        return Message(str(said["ts"]), name, readable(text, names, self._rest.me), mine)
