"""Drafts with Slack's streams, statuses and private answers."""

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
    """A draft that shows only the finished answer, and where its files are: files cannot be ephemeral."""

    def write(self, chunk: Chunk) -> None:
        """Ignore the chunk: previews cannot be ephemeral."""

    def _within_limits(self, answer: Answer) -> Answer:
        answer = super()._within_limits(answer)
        if not answer.files:
            return answer
        names = ", ".join(file.name for file in answer.files)
        return replace(answer, notes=(*answer.notes, f"The files are in our direct messages: {names}."))


class ThreadDraft(PacedDraft):
    """A draft that ends its streams and its status, and removes the buttons of the message with the pressed one.

    `fallback` answers a command privately where the bot may not write.
    """

    def __init__(
        self,
        surface: ThreadSurface,
        draft_log: DraftLog,
        limiter: RateLimiter,
        retries: Sequence[float],
        pressed: str,
        fallback: Draft | None,
    ) -> None:
        super().__init__(surface, draft_log, limiter, retries)
        self._thread_surface = surface
        self._pressed = pressed
        self._fallback = fallback
        self._removal: asyncio.Task[None] | None = None
        self._choice: asyncio.Task[None] | None = None
        self._waiting: list[Text | Status] = []

    def write(self, chunk: Chunk) -> None:
        """Add a chunk; text is held back until the rate limits allow previews.

        A queue or a long wait is shown as text, which a stream cannot remove. The first text or choices show that the
        press was permitted: the old buttons are removed.
        """
        if not self._thread_surface.chosen and (isinstance(chunk, Text) or _is_shown_as_text(chunk)):
            if self._waiting and isinstance(chunk, Status) and isinstance(self._waiting[-1], Status):
                self._waiting.pop()
            self._waiting.append(chunk)
            if isinstance(chunk, Status):
                super().write(Status(chunk.text))
            if self._choice is None:
                self._choice = asyncio.create_task(self._choose(stream=isinstance(chunk, Text)))
        else:
            super().write(chunk)
        if self._pressed and (isinstance(chunk, Text) or (isinstance(chunk, Choices) and chunk.choices)):
            self._removal = asyncio.create_task(self._remove_buttons(self._pressed))
            self._pressed = ""

    async def finish(self, answer: Answer) -> None:
        await self.abandon()
        self._thread_surface.finishing = True
        try:
            await super().finish(answer)
            if answer == EMPTY_ANSWER:
                await self._thread_surface.opening.delete()
        except (Forbidden, Gone) as error:
            if self._fallback is None or answer == EMPTY_ANSWER:
                raise
            log.info("An answer is sent privately: %s", error)
            await self._fallback.finish(replace(answer, notes=(*answer.notes, f"Only you see this: {error.message}")))
        await self._thread_surface.end()

    async def abandon(self) -> None:
        if self._choice is not None:
            self._choice.cancel()
            await asyncio.wait([self._choice])
        await super().abandon()
        await self._thread_surface.pause()
        if self._removal is not None:
            await asyncio.wait([self._removal])

    async def _choose(self, *, stream: bool) -> None:
        await self._thread_surface.choose(stream=stream)
        for chunk in self._waiting:
            super().write(chunk)
        self._waiting.clear()

    async def _remove_buttons(self, message: str) -> None:
        try:
            await self._thread_surface.remove_buttons(message)
        except PlatformError as error:
            log.info("The buttons of a message are not removed: %s", error)


def _is_shown_as_text(chunk: Chunk) -> TypeGuard[Status]:
    """Return whether a chunk is a status that is shown as text."""
    return isinstance(chunk, Status) and bool(chunk.position or chunk.long)
