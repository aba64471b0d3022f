"""Slack's status that an agent is working, with its own Stop button."""

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
    """Return the title of the session that a request begins: its first words."""
    words = " ".join(request.text[: 4 * LONGEST_TITLE].split()) or f"/{request.command}"
    return words if len(words) <= LONGEST_TITLE else f"{words[: LONGEST_TITLE - 1].rstrip()}…"


class TypingStatus:
    """The status of one thread. `shown`: Slack may show it; a `title` names the session in Slack's list.

    Nothing here raises: an answer does not need its status.
    """

    def __init__(self, rest: SlackApi, channel: str, person: str, *, shown: bool, title: str = "") -> None:
        self.shown = shown
        self._title = title
        self._rest = rest
        self._channel = channel
        self._person = person
        self._end_acquired = False
        self._updates: asyncio.Task[None] | None = None

    def begin(self, thread: Callable[[], Awaitable[str]]) -> None:
        """Show the status from now on, within the rate limits."""
        if self._updates is None and self._rest.is_available(STATUS):
            self._updates = asyncio.create_task(self._update(thread))

    async def pause(self) -> None:
        """Stop updating the status, but leave it."""
        if self._updates is not None:
            self._updates.cancel()
            await asyncio.wait([self._updates])
            self._updates = None

    async def end(self, thread: str) -> None:
        """End the status."""
        await self.pause()
        if self.shown and thread and self._rest.is_available(STATUS):
            await self._set(thread, "active", acquired=self._end_acquired)
        elif self._end_acquired:
            self._rest.limiter.refund((STATUS,))
        self.shown = self._end_acquired = False

    async def _update(self, thread: Callable[[], Awaitable[str]]) -> None:
        await self._rest.limiter.acquire((STATUS,), begins=True)
        self._end_acquired = True  # the call that ends the status
        while self._rest.is_available(STATUS):
            await self._rest.limiter.acquire((STATUS,))
            self.shown = True
            try:
                await self._set(await thread(), "processing", acquired=True)
            except PlatformError as error:
                log.info("A status has no thread: %s", error)
            await asyncio.sleep(self._rest.timeouts.status)

    async def _set(self, thread: str, state: str, *, acquired: bool) -> None:
        body: Json = {"channel_id": self._channel, "thread_ts": thread, "status": state}
        if state == "processing":
            body["initiator_user_id"] = self._person
            body |= {"title": self._title} if self._title else {}
        try:
            await self._rest.write(STATUS, body, acquired=acquired)
        except SlackRefused as error:
            self._rest.mark_unavailable(STATUS, error)
        except PlatformError as error:
            log.debug("A status is not shown: %s", error)
