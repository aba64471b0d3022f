"""Deliver the one answer to an accepted request: collect the reply, keep the answer, show it, end the request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from bot.chat.buttons import retry_choice
from bot.chat.prompt import edited_question, question_turn
from bot.interfaces.adapter import Draft
from bot.interfaces.errors import Forbidden, Gone, StoreError
from bot.interfaces.messages import Turn
from bot.interfaces.replies import (
    Answer,
    Choice,
    Choices,
    Chunk,
    Done,
    File,
    Menu,
    ModelAsked,
    Note,
    Part,
    Private,
    Reply,
    Text,
    Thought,
)
from bot.interfaces.store import Accepted, EndState, RequestOutcome, RequestStore
from bot.utils.unicode_text import well_formed

log = logging.getLogger(__name__)

FORGOTTEN = Answer("", ("What was asked here is forgotten.",))
"""Shown instead of the answer to a question that was forgotten before it was answered."""

MOST_ATTEMPTS = 3
"""Attempts at one answer before a request that keeps ending the program is closed instead."""


class StoredDraftLog:
    """A bot.interfaces.adapter.DraftLog in the store."""

    def __init__(self, store: RequestStore, request: int, parts: Sequence[Part], *, resumed: bool) -> None:
        self.request_id = request
        self.parts = parts
        self.resumed = resumed
        self._store = store

    async def creating(self, index: int, text: str) -> None:
        """Keep that part `index` is about to be sent."""
        await self._store.part_creating(self.request_id, index, text)

    async def created(self, index: int, message: str) -> None:
        """Keep the part's message id."""
        await self._store.part_created(self.request_id, index, message)


@dataclass(slots=True)
class CollectedReply:
    """The chunks of a reply so far. Thoughts are shown in their place, but do not belong to the turn."""

    pieces: list[Text | Thought] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    choices: tuple[Choice | Menu, ...] = ()
    files: list[File] = field(default_factory=list)
    private: bool = False
    asked: ModelAsked | None = None
    done: Done | None = None

    def take(self, chunk: Chunk) -> None:
        """Add one chunk."""
        match chunk:
            case Text() | Thought():
                self.pieces.append(chunk)
            case Note(text):
                self.notes.append(text)
            case Choices(choices):
                self.choices = choices
            case File():
                self.files.append(chunk)
            case Private():
                self.private = True
            case ModelAsked():
                self.asked = chunk
            case Done():
                self.done = chunk
            case _:
                pass

    def outcome(self) -> RequestOutcome:
        """Return everything, as it is kept and shown. Only the answer of a model is a turn."""
        shown = "".join(piece.text for piece in self.pieces)
        answer = Answer(shown, tuple(self.notes), self.choices, tuple(self.files), self.private)
        if self.asked is None:
            return RequestOutcome(answer)
        text = "".join(piece.text for piece in self.pieces if isinstance(piece, Text))
        complete = self.done is not None and self.done.reason in ("complete", "length")
        reply = Turn(0, None, "assistant", "", "", text, self.asked.model, complete) if text.strip() else None
        return RequestOutcome(answer, self.asked.parent, self.asked.question, reply)


class Delivery:
    """Answers one request once. `reply` is called only if the answer is not known from an earlier run.

    A reply that does not stream is shown when it is whole. A stopped answer is shown once the model
    has let go, after `closing` seconds at the latest.
    """

    def __init__(
        self,
        accepted: Accepted,
        draft: Draft,
        store: RequestStore,
        reply: Callable[[Accepted], Reply],
        attempts: int = 0,
        answer: Answer | None = None,
        *,
        streams: bool = True,
        closing: float,
    ) -> None:
        self.accepted = accepted
        self.draft = draft
        self._store = store
        self._reply = reply
        self._attempts = attempts
        self._answer = answer
        self._streams = streams
        self._closing = closing
        self._heard_all = asyncio.Event()
        self._stopped = False
        self._reworded = False
        self._showing = False

    @property
    def answered(self) -> bool:
        """Return whether the answer is known, shown or not yet."""
        return self._answer is not None

    def refuse(self, sentence: str) -> None:
        """Answer with a sentence that only the person sees, "" for silence, without asking any model."""
        self._answer = Answer("", (sentence,) if sentence else (), private=not self.accepted.request.private)

    def stop(self) -> bool:
        """End the answer where it is; False when it is over already."""
        if self._answer is not None or self._heard_all.is_set():
            return False
        self._stopped = True
        self._heard_all.set()
        return True

    def forget(self) -> None:
        """Show and keep nothing of the question and its answer, unless it is being shown already."""
        if not self._showing:
            self._answer = FORGOTTEN
            self._stopped = True
            self._heard_all.set()

    def reword(self, text: str) -> None:
        """Answer the new text of the question, or only keep it where the model was asked already."""
        request = self.accepted.request
        self.accepted = replace(self.accepted, request=replace(request, arguments={**request.arguments, "text": text}))
        self._reworded = True

    async def run(self) -> None:
        """Answer, keep the answer, show it, end the request.

        Raises PlatformError when the platform fails for now: the request stays, to be shown later. Cancelled, it leaves
        everything to recovery.
        """
        try:
            if self._answer is None:
                answer = await self._keep(await self._listen())
                self._answer = self._answer or answer
            self._showing = True
            state = await self._show(self._answer)
            await self._store.end(self.accepted.id, state)
        finally:
            await self.draft.abandon()

    async def _show(self, answer: Answer) -> EndState:
        try:
            await self.draft.finish(answer)
        except (Forbidden, Gone) as error:
            log.warning("The answer to request %d cannot be shown: %s", self.accepted.id, error)
            return "undeliverable"
        return "done"

    async def _keep(self, outcome: RequestOutcome) -> Answer:
        if self._reworded and outcome.question:
            question = edited_question(outcome.question.text, self.accepted.request.text)
            outcome = replace(outcome, question=replace(outcome.question, text=question))
        try:
            await self._store.answered(self.accepted, outcome)
        except StoreError as error:
            log.error("The answer to request %d is shown but not kept: %s", self.accepted.id, error)
        return outcome.answer

    async def _listen(self) -> RequestOutcome:
        """Collect the reply chunk by chunk; stopped or not, the chunks so far are the outcome."""
        heard = CollectedReply()
        if self._attempts >= MOST_ATTEMPTS:
            return self._given_up()
        if not self._stopped:
            if self._attempts:  # the first was counted as it was accepted: one commit less before the model is asked
                await self._store.begin(self.accepted.id)
            listening = asyncio.create_task(self._take(heard))
            listening.add_done_callback(lambda _: self._heard_all.set())
            try:
                await self._heard_all.wait()
            finally:
                listening.cancel()
                await asyncio.wait([listening], timeout=self._closing)
            if not self._stopped:
                listening.result()
        if self._stopped:
            self._note_the_stop(heard)
        return heard.outcome()

    async def _take(self, heard: CollectedReply) -> None:
        async with aclosing(self._reply(self.accepted)) as reply:
            async for chunk in reply:
                chunk = well_formed(chunk)
                heard.take(chunk)
                if isinstance(chunk, Thought):
                    chunk = Text(chunk.text)  # drafts draw it as it is
                if self._streams or not isinstance(chunk, Text):
                    self.draft.write(chunk)

    def _note_the_stop(self, heard: CollectedReply) -> None:
        if heard.asked is None and self.accepted.conversation:
            heard.asked = ModelAsked("", None, self._question())
        heard.notes.append("Stopped." if heard.pieces else "Stopped before it began.")
        heard.choices = (retry_choice(self.accepted),)
        heard.done = Done("stopped")

    def _given_up(self) -> RequestOutcome:
        note = f"⚠️ I was interrupted {self._attempts} times while answering this, so I stopped trying."
        answer = Answer("", (note,), (retry_choice(self.accepted),))
        return RequestOutcome(answer, None, self._question())

    def _question(self) -> Turn | None:
        """Return the turn to keep although no model was asked; a retry and the like have no question of their own."""
        turn = question_turn(self.accepted.request)
        return turn if turn.text and self.accepted.conversation else None
