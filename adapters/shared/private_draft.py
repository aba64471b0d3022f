"""Drafts of answers that may become private: a hidden draft replaces the public one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from bot.interfaces.adapter import Draft, DraftLog
from bot.interfaces.errors import Forbidden, Gone
from bot.interfaces.replies import Answer, Chunk, Part, Private

log = logging.getLogger(__name__)

HIDDEN = 1_000
"""The first index of hidden parts in the log; indexes of public parts stay far below."""

EMPTY_ANSWER = Answer("")

NOT_SHOWN = "Only you may see the answer, and I can't show it to you."


class PrivateDraftLog(DraftLog):
    """The part of a DraftLog for the hidden parts, whose indexes begin at 0 here."""

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
        """Return the hidden parts known so far."""
        known = (part for part in self._log.parts if part.index >= HIDDEN)
        return [Part(part.index - HIDDEN, part.text, part.message) for part in known]

    async def creating(self, index: int, text: str) -> None:
        """Store that hidden part `index` is about to be sent."""
        await self._log.creating(HIDDEN + index, text)

    async def created(self, index: int, message: str) -> None:
        """Store the message id of a hidden part."""
        await self._log.created(HIDDEN + index, message)


class HiddenDraft(Draft):
    """A draft that only the person sees; it is made with the first hidden text, or where an earlier run had one."""

    def __init__(self, make: Callable[[DraftLog], Draft], draft_log: DraftLog) -> None:
        self._make = make
        self._log = PrivateDraftLog(draft_log)
        self._draft: Draft | None = None

    def write(self, chunk: Chunk) -> None:
        self._draft_of_person().write(chunk)

    async def finish(self, answer: Answer) -> None:
        """Show exactly `answer`; an empty one makes no draft where no part was hidden."""
        if answer != EMPTY_ANSWER or self._draft is not None or self._log.parts:
            await self._draft_of_person().finish(answer)

    async def abandon(self) -> None:
        if self._draft is not None:
            await self._draft.abandon()

    def _draft_of_person(self) -> Draft:
        if self._draft is None:
            self._draft = self._make(self._log)
        return self._draft


class PrivateDraft(Draft):
    """A public draft, and a hidden one for text that only the person may see.

    With `private` the answer is hidden from the start. An answer that becomes private later is shown at its end, after
    all its public parts are deleted. With `explain_refusal`, a platform's refusal to show it privately is shown in
    public, with the reason and without the answer.
    """

    def __init__(
        self, public: Draft, hidden: HiddenDraft, *, private: bool = False, explain_refusal: bool = False
    ) -> None:
        self._public = public
        self._hidden = hidden
        self._private = private
        self._explain_refusal = explain_refusal
        self._current: Draft | None = hidden if private else public

    def write(self, chunk: Chunk) -> None:
        if isinstance(chunk, Private) and not self._private:
            self._private, self._current = True, None
        if self._current is not None:
            self._current.write(chunk)

    async def finish(self, answer: Answer) -> None:
        """Show exactly `answer`, privately or in public."""
        if not (self._private or answer.private):
            await self._delete_hidden()
            await self._public.finish(answer)
            return
        await self._public.finish(EMPTY_ANSWER)  # a platform may show the private text in the place of a public part
        try:
            await self._hidden.finish(answer)
        except Forbidden as error:
            if not self._explain_refusal:
                raise
            await self._public.finish(Answer(f"{NOT_SHOWN} {error.message}"))

    async def abandon(self) -> None:
        await self._public.abandon()
        await self._hidden.abandon()

    async def _delete_hidden(self) -> None:
        """Delete hidden parts of an earlier run, in which the answer was private."""
        try:
            await self._hidden.finish(EMPTY_ANSWER)
        except (Forbidden, Gone) as error:
            log.info("Private parts of a public answer stay: %s", error)
