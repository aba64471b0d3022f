"""What is kept of people and places beside what administrators decided, as values, and the protocol of its keeper."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from bot.interfaces.messages import Message, Place, Request, Role
from bot.interfaces.store import Accepted

ALL = 2**62
"""As the number of a request or a moment: everything is before it."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What is counted, copied or forgotten: all that fits every part that is given; "" and 0 fit everything.

    A channel is named with its workspace and holds its threads; a thread is named with its channel. A person's
    questions come with the answers to them.
    """

    platform: str
    workspace: str = ""
    channel: str = ""
    thread: str = ""
    person: str = ""
    conversation: int = 0

    def holds(self, accepted: Accepted) -> bool:
        """Whether a request belongs to it."""
        place, person = accepted.request.place, accepted.request.person
        actual = (place.platform, place.workspace, place.channel, place.thread, person.id, accepted.conversation)
        wanted = (self.platform, self.workspace, self.channel, self.thread, self.person, self.conversation)
        return all(not want or want == have for want, have in zip(wanted, actual, strict=True))


@dataclass(frozen=True, slots=True)
class HistoryCounts:
    """How much of each there is. `waiting` requests are not answered yet."""

    questions: int = 0
    answers: int = 0
    waiting: int = 0
    overheard: int = 0
    votes: int = 0


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """A turn or, with the conversation 0, a message that was overheard. `at` is in milliseconds since 1970."""

    at: int
    place: Place
    conversation: int
    private: bool
    role: Role
    person: str
    name: str
    text: str
    model: str


@dataclass(frozen=True, slots=True)
class Vote:
    """What a person thought of an answer."""

    at: int
    place: Place
    person: str
    model: str
    good: bool


HistoryCopy: TypeAlias = tuple[Sequence[HistoryItem], Sequence[HistoryItem], Sequence[Vote]]
"""Turns, overheard messages and votes: some of one of these kinds."""


@dataclass(frozen=True, slots=True)
class RetentionBounds:
    """Until when things are forgotten by themselves, each in milliseconds since 1970.

    `conversations` also bounds votes and questions without an answer; `requests` what tells duplicates, and who used
    how much.
    """

    conversations: int
    overheard: int
    requests: int


@dataclass(frozen=True, slots=True)
class Reading:
    """Of a clock: the time that is `trusted`, what the clock said when it was `seen`, both in seconds since 1970.

    Where the two differ, `confirmed` is for how many seconds it has said so.
    """

    trusted: float
    seen: float
    confirmed: float | None = None


@dataclass(frozen=True, slots=True)
class Departure:
    """A workspace that the bot was removed from, and when that is seen to, in milliseconds since 1970."""

    platform: str
    workspace: str
    due: int


class HistoryStore(Protocol):
    """What is kept of people and places. Raises StoreError.

    What is forgotten is out of reach when a call returns, and out of the database's files after `rewrite` and `cut`.
    """

    async def count(self, extent: Extent, before: int) -> HistoryCounts:
        """How much there is from requests before this one."""

    async def forget(self, extent: Extent, before: int) -> None:
        """Delete it. What is being answered is kept no more; turns of others stay, and so do textless keys."""

    def copy(self, extent: Extent, reader: str) -> AsyncGenerator[HistoryCopy, None]:
        """All of it, a batch at a time; of direct and private messages only the reader's own.

        Turns come first, those of one conversation after each other; of each kind the oldest come first.
        """

    async def overhear(self, request: Request) -> None:
        """Keep what people said to each other."""

    async def overheard(self, place: Place, before: int, limit: int) -> Sequence[Message]:
        """What people said to each other in a place before an act's order, oldest first."""

    async def edited(self, place: Place, message: str, text: str, turned: Callable[[str], str]) -> None:
        """A message says something else now; `turned` makes what its turn says of what that said."""

    async def deleted(self, place: Place, messages: Sequence[str]) -> None:
        """Delete the questions that messages were, with the answers to them, and the answers that they were part of."""

    async def vanished(self, extent: Extent) -> None:
        """Delete what was said somewhere; who said how much stays."""

    async def vote(self, request: int, person: str, *, good: bool) -> bool:
        """Keep what a person thinks of the answer to a request, instead of what they thought; False without one."""

    async def places(self) -> Sequence[Place]:
        """Every place of which something is kept."""

    async def expire(self, place: Place, bounds: RetentionBounds) -> int:
        """Forget what is older than its bound, and say how many messages that were."""

    async def expire_audit(self, until: int) -> None:
        """Delete the audit before a moment."""

    async def workspaces(self, platform: str) -> Collection[str]:
        """The workspaces of which something is kept."""

    async def served(self) -> Collection[tuple[str, str]]:
        """The platforms and workspaces of which something is kept, but for direct messages."""

    async def departures(self) -> Sequence[Departure]:
        """The workspaces that the bot was removed from, and that were not seen to yet."""

    async def depart(self, departure: Departure) -> None:
        """Keep that the bot was removed from a workspace; what was kept of that before stays as it is."""

    async def remove(self, platform: str, workspace: str) -> None:
        """Delete all that there is of a workspace, its audit too; only by what it is to be removed is still known.

        Everything said there was forgotten, and nothing is being answered there.
        """

    async def settled(self, platform: str, workspace: str) -> None:
        """A departure was seen to, or was none."""

    async def reading(self) -> Reading | None:
        """The clock's reading that was kept last."""

    async def keep_reading(self, reading: Reading) -> None:
        """Keep the clock's reading."""

    async def remains(self) -> int:
        """The size in bytes of the database where it holds remains of what was deleted; 0 where it does not."""

    async def rewrite(self) -> None:
        """Rewrite the database without them; no change is kept meanwhile, which takes seconds a gigabyte."""

    async def cut(self) -> bool:
        """Leave nothing of what was deleted in the database's log; False while somebody reads."""
