"""Delivery of the one answer to an accepted request: collect the reply, store it, show it, end the request."""

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

FORGOTTEN = Answer("", ("This question was deleted before I answered it.",))
"""The answer to a question that was deleted before it was answered."""

MOST_ATTEMPTS = 3
"""The most attempts at one answer, for a request that may end the program each time."""


class StoredDraftLog:
    """A bot.interfaces.adapter.DraftLog in the store."""

    def __init__(self, store: RequestStore, request: int, parts: Sequence[Part], *, resumed: bool) -> None:
        self.request_id = request
        self.parts = parts
        self.resumed = resumed
        self._store = store

    async def creating(self, index: int, text: str) -> None:
        """Store that part `index` is about to be sent."""
        await self._store.part_creating(self.request_id, index, text)

    async def created(self, index: int, message: str) -> None:
        """Store the part's message id."""
        await self._store.part_created(self.request_id, index, message)


@dataclass(slots=True)
class CollectedReply:
    """The chunks of a reply so far. Reasoning is shown in its place, but does not belong to the turn."""

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
        """Return the shown answer and the stored turns. Only the answer of a model is a turn."""
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

    Without `streams` the reply is shown when it is complete. A stopped answer is shown once the model has stopped, or
    after `closing` seconds.
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
        self._reply_ended = asyncio.Event()
        self._stopped = False
        self._reworded = False
        self._showing = False

    @property
    def answered(self) -> bool:
        """Return whether the answer is known, shown or not."""
        return self._answer is not None

    def refuse(self, sentence: str) -> None:
        """Answer only the person with a sentence, "" for nothing, without a call of a model."""
        self._answer = Answer("", (sentence,) if sentence else (), private=not self.accepted.request.private)

    def stop(self) -> bool:
        """Stop the answer and keep its text so far; return False when it has ended already."""
        if self._answer is not None or self._reply_ended.is_set():
            return False
        self._stopped = True
        self._reply_ended.set()
        return True

    def forget(self) -> None:
        """Show and store nothing of the question and its answer, unless the answer is being shown already."""
        if not self._showing:
            self._answer = FORGOTTEN
            self._stopped = True
            self._reply_ended.set()

    def reword(self, text: str) -> None:
        """Answer the new text of the question, or only store it if the model was asked already."""
        request = self.accepted.request
        self.accepted = replace(self.accepted, request=replace(request, arguments={**request.arguments, "text": text}))
        self._reworded = True

    async def run(self) -> None:
        """Answer, store the answer, show it, end the request.

        Raises PlatformError when the platform fails for now: the answer stays stored and is shown later. A cancelled
        delivery is left for recovery.
        """
        try:
            if self._answer is None:
                answer = await self._keep(await self._collect())
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
            log.error("The answer to request %d is shown but could not be stored: %s", self.accepted.id, error)
        return outcome.answer

    async def _collect(self) -> RequestOutcome:
        """Collect the reply, chunk by chunk. After a stop the chunks so far are the outcome."""
        collected = CollectedReply()
        if self._attempts >= MOST_ATTEMPTS:
            return self._failure()
        if not self._stopped:
            if self._attempts:  # accepting counts the first attempt, which saves one commit before the model is asked
                await self._store.begin(self.accepted.id)
            collecting = asyncio.create_task(self._take(collected))
            collecting.add_done_callback(lambda _: self._reply_ended.set())
            try:
                await self._reply_ended.wait()
            finally:
                collecting.cancel()
                await asyncio.wait([collecting], timeout=self._closing)
            if not self._stopped:
                collecting.result()
        if self._stopped:
            self._note_stop(collected)
        return collected.outcome()

    async def _take(self, collected: CollectedReply) -> None:
        async with aclosing(self._reply(self.accepted)) as reply:
            async for chunk in reply:
                chunk = well_formed(chunk)
                collected.take(chunk)
                if isinstance(chunk, Thought):
                    chunk = Text(chunk.text)  # drafts show reasoning as text
                if self._streams or not isinstance(chunk, Text):
                    self.draft.write(chunk)

    def _note_stop(self, collected: CollectedReply) -> None:
        if collected.asked is None and self.accepted.conversation:
            collected.asked = ModelAsked("", None, self._question())
        collected.notes.append("Stopped." if collected.pieces else "Stopped before it began.")
        collected.choices = (retry_choice(self.accepted),)
        collected.done = Done("stopped")

    def _failure(self) -> RequestOutcome:
        note = f"⚠️ I was interrupted {self._attempts} times while answering this. Press Retry to ask again."
        answer = Answer("", (note,), (retry_choice(self.accepted),))
        return RequestOutcome(answer, None, self._question())

    def _question(self) -> Turn | None:
        """Return the question's turn, to store it without a call of a model; None for requests without a question."""
        turn = question_turn(self.accepted.request)
        return turn if turn.text and self.accepted.conversation else None
