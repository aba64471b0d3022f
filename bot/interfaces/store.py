"""Requests and conversations, as values, and the protocols of their stores."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bot.interfaces.messages import Place, Request, Turn
from bot.interfaces.replies import Answer, Part

EndState = Literal["done", "undeliverable", "dropped"]
"""The end of a request: shown; stored but impossible to show (deleted channel, expired token); nothing to show."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request's durable row. `conversation` is 0 for a command that belongs to none."""

    id: int
    conversation: int
    request: Request


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A request that an earlier run left behind; `answer` is set when only its delivery is missing.

    `since` is the time at which it was accepted, in seconds since 1970.
    """

    accepted: Accepted
    attempts: int
    parts: Sequence[Part]
    answer: Answer | None
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation. `title` is the beginning of its first question; `person` asked it."""

    id: int
    person: str
    private: bool
    title: str
    model: str

    @property
    def label(self) -> str:
        """Return the words by which people recognise it."""
        return f"“{self.title}”" if self.title else "a conversation that has not begun yet"


Source = Literal["button", "reply", "place", "direct messages", "channel", "person", "anyone", "new"]
"""The ways to find a conversation. They find only open ones, except for a button and a reply.

"button": under the answer to request `button`. "reply": the one that `message` belongs to. "place": the public one of
this thread or direct message; a thread that grew out of a message continues that message's. "direct messages": the
latest in all threads of these direct messages. "channel": this person's latest in this channel and in threads that grew
out of questions in it. "person" and "anyone": this person's, or anybody's, latest in exactly this place. "new": one
that begins now.
"""

Privacy = Literal["public", "private", "any"]
"""The readers of a conversation: everybody in its place, or only the person who began it. A new one is public unless it
must be "private"."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """The conversation that a request continues: the first that its `sources` find, or none.

    `within_ms`: for "person" and "anyone", the milliseconds since the conversation's newest act; None for any time.
    """

    sources: tuple[Source, ...]
    privacy: Privacy = "public"
    button: int = 0
    message: str = ""
    within_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """The result of one request, written in one change: the shown answer and the turns.

    `question` and `reply` are None for a command that adds no turn. `parent` is the turn that the question answers; a
    retry has no question of its own and its reply's parent is the question asked before.
    """

    answer: Answer
    parent: int | None = None
    question: Turn | None = None
    reply: Turn | None = None


class RequestStore(Protocol):
    """Accepted requests, their drafts and their answers.

    Every method that writes returns once its change is on disk. Raises StoreError.
    """

    async def accept(self, request: Request, continuation: Continuation) -> Accepted | None:
        """Store a request with its conversation in one change; return None for a duplicate.

        Return None also for a request that is not addressed to the bot and does not belong to a conversation or to a
        thread of the bot.
        """

    async def begin(self, request: int) -> None:
        """Count one more attempt at answering."""

    async def part_creating(self, request: int, index: int, text: str) -> None:
        """Store that part `index` is about to be sent."""

    async def part_created(self, request: int, index: int, message: str) -> None:
        """Store the message id of part `index`."""

    async def answered(self, accepted: Accepted, outcome: RequestOutcome) -> None:
        """Store the outcome; then only its delivery is missing. Only the first outcome of a request is stored."""

    async def end(self, request: int, state: EndState) -> None:
        """End a request: delete its text from the row, and keep its key against duplicates."""

    async def unfinished(self, platform: str) -> Sequence[Unfinished]:
        """Return the requests that an earlier run, or an outage of the platform, left behind: oldest first."""


class ConversationStore(Protocol):
    """Conversations and their turns.

    Every method that writes returns once its change is on disk. Raises StoreError.
    """

    async def conversation(self, conversation: int) -> Conversation:
        """Return one conversation. Raises StoreError when there is none."""

    async def find(self, place: Place, person: str, continuation: Continuation) -> Conversation | None:
        """Return the conversation that a request of this person there would continue or begin."""

    async def close_conversation(self, conversation: int) -> None:
        """Let the next question begin another conversation."""

    async def set_model(self, conversation: int, model: str) -> None:
        """Set the model of this conversation; "" for the default."""

    async def turns(self, conversation: int, upto: int | None = None, limit: int = 1_000) -> Sequence[Turn]:
        """Return the chain of turns that ends with turn `upto` (None: the newest), oldest first, at most `limit`."""

    async def turn_of_message(self, place: Place, message: str, person: str = "") -> int | None:
        """Return the turn that a platform message holds, question or answer, if a place can reply to it.

        Turns that only one person sees are found for this person only.
        """

    async def question_of(self, request: int) -> Turn | None:
        """Return the question that a request asked, or asked again."""

    async def known_messages(self, place: Place, messages: Sequence[str]) -> Collection[str]:
        """Return those of these platform messages that are turns already."""

    async def asker(self, request: int) -> tuple[Place, str] | None:
        """Return the place of a request and the id of its person, ended or not."""

    async def takes_part(self, place: Place) -> bool:
        """Return whether the bot was ever part of this thread."""

    async def recent_places(self, platform: str, since_ms: int) -> Sequence[tuple[Place, int]]:
        """Return the places with acts since then, each with the order of its newest."""
