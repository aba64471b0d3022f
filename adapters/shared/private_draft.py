"""Answers that turn out to be for one person alone: another draft takes the place of the one that everybody sees."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from bot.interfaces.adapter import Draft, DraftLog
from bot.interfaces.errors import Forbidden, Gone
from bot.interfaces.replies import Answer, Chunk, Part, Private

log = logging.getLogger(__name__)

HIDDEN = 1_000
"""In the log, what only the person sees are the parts from here on; a draft's own stay far below."""

NOTHING = Answer("")


class PrivateDraftLog(DraftLog):
    """The half of a DraftLog that holds what only the person sees; its parts count from 0 again."""

    def __init__(self, draft_log: DraftLog) -> None:
        self._log = draft_log

    @property
    def request_id(self) -> int:
        return self._log.request_id

    @property
    def resumed(self) -> bool:
        return self._log.resumed

    @property
    def parts(self) -> Sequence[Part]:
        """The hidden parts known so far."""
        known = (part for part in self._log.parts if part.index >= HIDDEN)
        return [Part(part.index - HIDDEN, part.text, part.message) for part in known]

    async def creating(self, index: int, text: str) -> None:
        """Keep that hidden part `index` is about to be sent."""
        await self._log.creating(HIDDEN + index, text)

    async def created(self, index: int, message: str) -> None:
        """Keep its message id."""
        await self._log.created(HIDDEN + index, message)


class HiddenDraft(Draft):
    """A draft for the person alone, made when something is hidden, or where an earlier run hid something."""

    def __init__(self, make: Callable[[DraftLog], Draft], draft_log: DraftLog) -> None:
        self._make = make
        self._log = PrivateDraftLog(draft_log)
        self._draft: Draft | None = None

    def write(self, chunk: Chunk) -> None:
        self._made().write(chunk)

    async def finish(self, answer: Answer) -> None:
        """Show exactly `answer`; nothing needs no draft where nothing was hidden."""
        if answer != NOTHING or self._draft is not None or self._log.parts:
            await self._made().finish(answer)

    async def abandon(self) -> None:
        if self._draft is not None:
            await self._draft.abandon()

    def _made(self) -> Draft:
        if self._draft is None:
            self._draft = self._make(self._log)
        return self._draft


class PrivateDraft(Draft):
    """A draft that everybody sees, and a hidden one for what only the person may see.

    With `private` the answer is for the person from the start. One that becomes private later is drawn at its end,
    after all that everybody saw of it is gone. Where the platform refuses to show it to the person alone, `excuse` says
    so in public: that and why, and nothing of the answer.
    """

    def __init__(self, public: Draft, hidden: HiddenDraft, *, private: bool = False, excuse: bool = False) -> None:
        self._public = public
        self._hidden = hidden
        self._private = private
        self._excuse = excuse
        self._drawn: Draft | None = hidden if private else public

    def write(self, chunk: Chunk) -> None:
        if isinstance(chunk, Private) and not self._private:
            self._private, self._drawn = True, None
        if self._drawn is not None:
            self._drawn.write(chunk)

    async def finish(self, answer: Answer) -> None:
        """Show exactly `answer`, to the person alone or to everybody."""
        if not (self._private or answer.private):
            await self._take_back_hidden()
            await self._public.finish(answer)
            return
        await self._public.finish(NOTHING)  # while anything of it is there, what follows might be shown in its place
        try:
            await self._hidden.finish(answer)
        except Forbidden as error:
            if not self._excuse:
                raise
            await self._public.finish(Answer(f"The answer is for you alone and could not be shown. {error.message}"))

    async def abandon(self) -> None:
        await self._public.abandon()
        await self._hidden.abandon()

    async def _take_back_hidden(self) -> None:
        """An earlier run may have thought that the answer is private."""
        try:
            await self._hidden.finish(NOTHING)
        except (Forbidden, Gone) as error:
            log.info("What only the person saw stays: %s", error)
