"""Slack's sign that an agent is at work, with its own Stop button."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from adapters.slack.errors import SlackRefused
from adapters.slack.reply_target import Json
from adapters.slack.web_api import SlackApi
from bot.interfaces.errors import PlatformError
from bot.interfaces.messages import Request

log = logging.getLogger(__name__)

STATUS = "agents.sessions.setStatus"

LONGEST_TITLE = 80


def title_of(request: Request) -> str:
    """The title of the session that a request begins: its first words."""
    words = " ".join(request.text[: 4 * LONGEST_TITLE].split()) or f"/{request.command}"
    return words if len(words) <= LONGEST_TITLE else f"{words[: LONGEST_TITLE - 1].rstrip()}…"


class TypingStatus:
    """One thread's. `shown` says that Slack may show it; a `title` names it in Slack's list.

    Nothing here raises: it is but a sign.
    """

    def __init__(self, rest: SlackApi, channel: str, person: str, *, shown: bool, title: str = "") -> None:
        self.shown = shown
        self._title = title
        self._rest = rest
        self._channel = channel
        self._person = person
        self._paid = False
        self._working: asyncio.Task[None] | None = None

    def begin(self, thread: Callable[[], Awaitable[str]]) -> None:
        """Show it from now on, as far as the rates allow."""
        if self._working is None and self._rest.serves(STATUS):
            self._working = asyncio.create_task(self._work(thread))

    async def pause(self) -> None:
        """Show it no further, but leave it."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait([self._working])
            self._working = None

    async def end(self, thread: str) -> None:
        """Take it away."""
        await self.pause()
        if self.shown and thread and self._rest.serves(STATUS):
            await self._set(thread, "active", paid=self._paid)
        elif self._paid:
            self._rest.limiter.refund((STATUS,))
        self.shown = self._paid = False

    async def _work(self, thread: Callable[[], Awaitable[str]]) -> None:
        await self._rest.limiter.acquire((STATUS,), begins=True)
        self._paid = True  # its end is paid for first
        while self._rest.serves(STATUS):
            await self._rest.limiter.acquire((STATUS,))
            self.shown = True
            try:
                await self._set(await thread(), "processing", paid=True)
            except PlatformError as error:
                log.info("There is no thread to be at work in: %s", error)
            await asyncio.sleep(self._rest.timeouts.status)

    async def _set(self, thread: str, state: str, *, paid: bool) -> None:
        body: Json = {"channel_id": self._channel, "thread_ts": thread, "status": state}
        if state == "processing":
            body["initiator_user_id"] = self._person
            body |= {"title": self._title} if self._title else {}
        try:
            await self._rest.write(STATUS, body, paced=paid)
        except SlackRefused as error:
            self._rest.withhold(STATUS, error)
        except PlatformError as error:
            log.debug("No status: %s", error)
