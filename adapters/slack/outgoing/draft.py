"""Drafts on Slack: what the shared engine does not know of its streams, statuses and private answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeGuard

from adapters.shared.paced_draft import PacedDraft
from adapters.shared.private_draft import EMPTY_ANSWER
from adapters.shared.rate_limiter import RateLimiter
from adapters.slack.outgoing.thread_surface import ThreadSurface
from bot.interfaces.adapter import Draft, DraftLog
from bot.interfaces.errors import Forbidden, Gone, PlatformError
from bot.interfaces.replies import Answer, Choices, Chunk, Status, Text

log = logging.getLogger(__name__)


class SlackPrivateDraft(PacedDraft):
    """Shows only the finished answer, and says where its files are: those cannot be ephemeral."""

    def write(self, chunk: Chunk) -> None:
        """Nothing is drawn before the end."""

    def _within_limits(self, answer: Answer) -> Answer:
        answer = super()._within_limits(answer)
        if not answer.files:
            return answer
        names = ", ".join(file.name for file in answer.files)
        return replace(answer, notes=(*answer.notes, f"In our direct messages you find {names}."))


class ThreadDraft(PacedDraft):
    """Ends its streams and its status; takes away the buttons of the message that it was asked from.

    `instead` serves where the bot may not write: the person who used a command is answered privately.
    """

    def __init__(
        self,
        surface: ThreadSurface,
        draft_log: DraftLog,
        limiter: RateLimiter,
        retries: Sequence[float],
        pressed: str,
        instead: Draft | None,
    ) -> None:
        super().__init__(surface, draft_log, limiter, retries)
        self._slack = surface
        self._pressed = pressed
        self._instead = instead
        self._cleaning: asyncio.Task[None] | None = None
        self._choosing: asyncio.Task[None] | None = None
        self._held: list[Text | Status] = []

    def write(self, chunk: Chunk) -> None:
        """Take a chunk; what is drawn as text is held back until Slack's rates leave room to draw it.

        A place in the queue or a long wait is shown as text, which a stream could not take back. The first sign of an
        answer means that a press was rightful: its buttons go.
        """
        if not self._slack.chosen and (isinstance(chunk, Text) or _is_drawn(chunk)):
            if self._held and isinstance(chunk, Status) and isinstance(self._held[-1], Status):
                self._held.pop()
            self._held.append(chunk)
            if isinstance(chunk, Status):
                super().write(Status(chunk.text))
            if self._choosing is None:
                self._choosing = asyncio.create_task(self._choose(stream=isinstance(chunk, Text)))
        else:
            super().write(chunk)
        if self._pressed and (isinstance(chunk, Text) or (isinstance(chunk, Choices) and chunk.choices)):
            self._cleaning = asyncio.create_task(self._clean(self._pressed))
            self._pressed = ""

    async def finish(self, answer: Answer) -> None:
        await self.abandon()
        self._slack.finishing = True
        try:
            await super().finish(answer)
            if answer == EMPTY_ANSWER:
                await self._slack.opening.take_back()
        except (Forbidden, Gone) as error:
            if self._instead is None or answer == EMPTY_ANSWER:
                raise
            log.info("Answered privately instead: %s", error)
            await self._instead.finish(replace(answer, notes=(*answer.notes, f"Only you see this: {error.message}")))
        await self._slack.end()

    async def abandon(self) -> None:
        if self._choosing is not None:
            self._choosing.cancel()
            await asyncio.wait([self._choosing])
        await super().abandon()
        await self._slack.pause()
        if self._cleaning is not None:
            await asyncio.wait([self._cleaning])

    async def _choose(self, *, stream: bool) -> None:
        await self._slack.choose(stream=stream)
        for held in self._held:
            super().write(held)
        self._held.clear()

    async def _clean(self, message: str) -> None:
        try:
            await self._slack.take_buttons(message)
        except PlatformError as error:
            log.info("Pressed buttons stay: %s", error)


def _is_drawn(chunk: Chunk) -> TypeGuard[Status]:
    """Whether it is a status that is shown in words."""
    return isinstance(chunk, Status) and bool(chunk.position or chunk.long)
