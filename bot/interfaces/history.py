"""Stored data of people and places, as values, and the protocol of the store that counts, copies and deletes them."""

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
    """The data to count, copy or delete: everything that matches all parts; "" and 0 match everything.

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
        """Return whether a request belongs to it."""
        place, person = accepted.request.place, accepted.request.person
        actual = (place.platform, place.workspace, place.channel, place.thread, person.id, accepted.conversation)
        expected = (self.platform, self.workspace, self.channel, self.thread, self.person, self.conversation)
        return all(not part or part == value for part, value in zip(expected, actual, strict=True))


@dataclass(frozen=True, slots=True)
class HistoryCounts:
    """Numbers of turns, requests, messages and votes. `waiting` requests are not answered yet."""

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
    """A person's opinion of an answer."""

    at: int
    place: Place
    person: str
    model: str
    good: bool


HistoryCopy: TypeAlias = tuple[Sequence[HistoryItem], Sequence[HistoryItem], Sequence[Vote]]
"""Turns, overheard messages and votes: some of one of these kinds."""


@dataclass(frozen=True, slots=True)
class RetentionBounds:
    """The times before which data expire, each in milliseconds since 1970.

    `conversations` also bounds votes and questions without an answer; `requests` bounds the keys against duplicates,
    and the names of people in the usage.
    """

    conversations: int
    overheard: int
    requests: int


@dataclass(frozen=True, slots=True)
class ClockReading:
    """A reading of a clock: the `trusted` time, and the time that it showed (`seen`), both in seconds since 1970.

    Where the two differ, `confirmed` is the number of seconds for which it has shown so.
    """

    trusted: float
    seen: float
    confirmed: float | None = None


@dataclass(frozen=True, slots=True)
class Departure:
    """A workspace that the bot was removed from. Its data are deleted at `due`, in milliseconds since 1970."""

    platform: str
    workspace: str
    due: int


class HistoryStore(Protocol):
    """Stored data of people and places. Raises StoreError.

    Deleted data are out of reach when a call returns, and out of the database's files after `rewrite` and `cut`.
    """

    async def count(self, extent: Extent, before: int) -> HistoryCounts:
        """Count the data of an extent, from requests before this one."""

    async def forget(self, extent: Extent, before: int) -> None:
        """Delete the data, and drop running answers. Turns of others and keys without text stay."""

    def copy(self, extent: Extent, reader: str) -> AsyncGenerator[HistoryCopy, None]:
        """Yield the data, a batch at a time; of direct and private messages only the reader's own.

        Turns come first, those of one conversation after each other; of each kind the oldest come first.
        """

    async def overhear(self, request: Request) -> None:
        """Store a message between people."""

    async def overheard(self, place: Place, before: int, limit: int) -> Sequence[Message]:
        """Return the messages between people in a place before an act's order, oldest first."""

    async def edited(self, place: Place, message: str, text: str, turned: Callable[[str], str]) -> None:
        """Change the text of a message. `turned` maps the old text of its turn to the new one."""

    async def deleted(self, place: Place, messages: Sequence[str]) -> None:
        """Delete the questions in these messages, with their answers, and the answers that the messages belong to."""

    async def place_deleted(self, extent: Extent) -> None:
        """Delete all text of an extent; the numbers stay."""

    async def vote(self, request: int, person: str, *, good: bool) -> bool:
        """Store a person's vote on the answer to a request, in place of an earlier one; False without an answer."""

    async def places(self) -> Sequence[Place]:
        """Return every place with data."""

    async def expire(self, place: Place, bounds: RetentionBounds) -> int:
        """Delete the data that are older than their bounds, and return the number of messages."""

    async def expire_audit(self, until: int) -> None:
        """Delete the audit before a moment."""

    async def workspaces(self, platform: str) -> Collection[str]:
        """Return the workspaces with data."""

    async def served_workspaces(self) -> Collection[tuple[str, str]]:
        """Return the platforms and workspaces with data, without direct messages."""

    async def departures(self) -> Sequence[Departure]:
        """Return the departures whose data are not deleted yet."""

    async def add_departure(self, departure: Departure) -> None:
        """Store a departure. An earlier one of the same workspace stays as it is."""

    async def remove(self, platform: str, workspace: str) -> None:
        """Delete all data of a workspace, its audit too, except for the setting by which it is removed.

        Before this call all text was deleted, and no request is being answered there.
        """

    async def remove_departure(self, platform: str, workspace: str) -> None:
        """Remove a departure."""

    async def clock_reading(self) -> ClockReading | None:
        """Return the stored reading of the clock."""

    async def keep_clock_reading(self, reading: ClockReading) -> None:
        """Store a reading of the clock in place of the last one."""

    async def remains(self) -> int:
        """Return the size in bytes of a database that holds remains of deleted data; 0 for one without."""

    async def rewrite(self) -> None:
        """Rewrite the database without remains. Other changes wait, for seconds a gigabyte."""

    async def truncate_log(self) -> bool:
        """Remove the remains from the database's log; False while somebody reads."""
