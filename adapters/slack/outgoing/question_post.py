"""The message that shows everybody a slash command's question, above the answer."""

from __future__ import annotations

import asyncio

from adapters.slack.outgoing.message_finder import OPENING, MessageFinder, message_body
from adapters.slack.reply_target import SlackReplyTarget, ts_of
from adapters.slack.web_api import POST, SlackApi, rate_limits_of
from bot.interfaces.adapter import DraftLog
from bot.interfaces.replies import Part


class QuestionPost:
    """The post of a question, made when it is first needed. `message` is its ts, "" while that is unknown."""

    def __init__(self, rest: SlackApi, target: SlackReplyTarget, finder: MessageFinder, draft_log: DraftLog) -> None:
        self.message = ""
        self._rest = rest
        self._target = target
        self._finder = finder
        self._log = draft_log
        self._part = next((part for part in draft_log.parts if part.index == OPENING), None)
        self._posting: asyncio.Task[str] | None = None

    async def post(self) -> str:
        """Return the post's ts; post it first if needed. A cancelled caller does not cancel the post."""
        has_failed = self._posting is not None and self._posting.done() and self._posting.exception() is not None
        if self._posting is None or has_failed:
            self._posting = asyncio.create_task(self._post())
        return await asyncio.shield(self._posting)

    async def ts_if_posted(self) -> str:
        """Return the post's ts, "" for none; search for a post that may have been sent."""
        if self.message or self._part is None:
            return self.message
        self.message = self._part.message
        if not self.message:
            since = ts_of(int(self._target.since - 60) * 1_000_000)  # from this machine's clock, not Slack's
            self.message = await self._finder.find(self._target.channel, "", since, self._part)
            if self.message:
                await self._log.created(OPENING, self.message)
        return self.message

    async def delete(self) -> None:
        """Delete the post: only the person may see that they asked."""
        if message := await self.ts_if_posted():
            await self._rest.delete(self._target.channel, message)
            self.message, self._part = "", None

    async def pause(self) -> None:
        """Wait for a post that is under way."""
        if self._posting is not None:
            await asyncio.wait([self._posting])

    async def _post(self) -> str:
        if ts := await self.ts_if_posted():
            return ts
        channel, text = self._target.channel, self._target.opening
        if self._part is None:
            await self._log.creating(OPENING, text)
            self._part = Part(OPENING, text)
        await self._rest.limiter.acquire(rate_limits_of(POST, channel), urgent=True)
        self.message = await self._rest.post(
            channel, message_body(text, (), links=True), self._finder.metadata(OPENING)
        )
        await self._log.created(OPENING, self.message)
        return self.message
