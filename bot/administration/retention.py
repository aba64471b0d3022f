"""What is kept of people and places, forgotten: when they want it, when they delete it, when its time is over."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from time import monotonic, time
from typing import Protocol

from bot.administration import departures
from bot.administration.departures import BOT, Departures
from bot.administration.state import Administration
from bot.administration.trusted_clock import JUMP_SECONDS, Clock
from bot.interfaces.adapter import Adapter, LocalDataAdapter
from bot.interfaces.errors import ShouldersError
from bot.interfaces.history import ALL, Extent, HistoryCounts, HistoryStore, RetentionBounds
from bot.interfaces.messages import Message, Place, Request
from bot.interfaces.records import AuditEntry, Scope
from bot.interfaces.store import Accepted

log = logging.getLogger(__name__)

DAY = 86_400.0

AUDIT_DAYS = 730
"""How long the audit is kept."""

USAGE_DAYS = 32
"""How long, at least, it is kept who asked and used how much, without a word: limits count by the month."""

TIDY_SECONDS = 3_600.0
"""Between two looks for what is too old."""

AGAIN_SECONDS = 60.0
"""After the database's files could not be cleared, how long until it is tried again."""

SMALL = 64 * 2**20
"""Bytes of a database that is rewritten in a fraction of a second."""

BUSY_SECONDS = 300.0
"""How long rewriting a larger one waits for a moment in which nothing is being answered."""

HELD_SECONDS = 20.0
"""Then no answer is begun, and what is being answered gets so long to end: what does not waits for the disk."""

CLEARING = "One moment: what was forgotten is being cleared from the disk."

COPIES_AT_ONCE = 2
"""Copies of what is kept that are made at a time; others wait."""

PAUSES = (0.05, 0.2, 0.5, 1.0)
"""Seconds between attempts at clearing them while somebody waits for it."""


class UnansweredRequests(departures.Waiting, Protocol):
    """Requests that are not answered yet."""

    @property
    def quiet(self) -> bool:
        """Whether there is none."""

    def held_back(self, why: str, seconds: float) -> AbstractAsyncContextManager[None]:
        """Begin no answer meanwhile; what is being answered before gets some seconds to end."""

    def reword(self, meant: Callable[[Accepted], bool], text: str) -> None:
        """Some say something else now."""


@dataclass(frozen=True, slots=True)
class DeletionRequest:
    """What somebody wants to be forgotten: in words, as an extent, and whose private settings go too.

    `own` says that it is theirs alone.
    """

    words: str
    extent: Extent
    settings: Scope | None = None
    target: str = ""
    own: bool = False


class Retention:
    """Follows what people want, what they edit and delete, and the settings `retention_days`, `keep`, `on_uninstall`.

    `clock` says the time in seconds since 1970. Who copies what is kept holds `copying`.
    """

    def __init__(
        self,
        history: HistoryStore,
        administration: Administration,
        adapters: Mapping[str, Adapter],
        waiting: UnansweredRequests,
        grace: float = 0.0,
        clock: Callable[[], float] = time,
    ) -> None:
        self.history = history
        self._administration = administration
        self._adapters = adapters
        self._waiting = waiting
        self._clock = Clock(clock)
        self._now = 0.0
        self._wanted = asyncio.Event()
        self.departures = Departures(history, administration, waiting, grace, clock, self._wanted.set)
        self._urgent = False
        self._rewritten = -DAY
        self._busy_since: float | None = None
        self.copying = asyncio.Semaphore(COPIES_AT_ONCE)

    async def load(self) -> None:
        """Read what the clock said last, and which workspaces there are, before the first request."""
        self._clock.reading = await self.history.clock_reading()
        await self.departures.load()

    # Wishes -----------------------------------------------------------------------------------------------------------

    async def count(self, deletion: DeletionRequest, before: int) -> tuple[HistoryCounts, int]:
        """How much would be forgotten, and how many settings."""
        settings = self._administration.values_in(deletion.settings) if deletion.settings else {}
        return await self.history.count(deletion.extent, before), len(settings)

    async def forget(self, deletion: DeletionRequest, accepted: Accepted) -> bool:
        """Forget what was said before this request; False while something is left in the database's files."""
        extent, request = deletion.extent, accepted.request
        amounts, settings = await self.count(deletion, accepted.id)
        self._waiting.forget(lambda other: other.id < accepted.id and extent.holds(other))
        await self.history.forget(extent, accepted.id)
        gone = listed(amounts, settings)
        entry = AuditEntry(
            request.place, request.person, request.command, deletion.target, after=gone, own=deletion.own
        )
        if deletion.settings:
            await self._administration.empty(deletion.settings, entry)
        else:
            await self._administration.change((), [entry])
        clean = await self._scrub_now()
        adapter = self._adapters.get(extent.platform)
        if isinstance(adapter, LocalDataAdapter) and not (extent.channel or extent.conversation):
            await adapter.forget(extent.person)
        return clean

    # What happens on the platforms ------------------------------------------------------------------------------------

    async def overheard(self, request: Request, limit: int) -> Sequence[Message]:
        """What people said to each other in the request's place lately, where that is kept."""
        if request.place.direct or not self.keeps(request.place):
            return ()
        return await self.history.overheard(request.place, request.act.order, limit)

    def keeps(self, place: Place) -> bool:
        """Whether it is kept there what people say to each other."""
        keep = self._administration.settings(place).keep
        return keep == "everything" or (keep == "threads" and bool(place.thread))

    async def edited(self, place: Place, message: str, text: str, turned: Callable[[str], str]) -> None:
        """A message says something else now; `turned` makes what its turn says of what that said."""
        self._waiting.reword(lambda accepted: _asked_by(accepted.request, place, (message,)), text)
        await self.history.edited(place, message, text, turned)

    async def deleted(self, place: Place, messages: Sequence[str]) -> None:
        """Messages are gone from the platform."""
        self._waiting.forget(lambda accepted: _asked_by(accepted.request, place, messages))
        await self.history.deleted(place, messages)

    async def place_deleted(self, place: Place) -> None:
        """A channel with its threads, or a thread, is gone from the platform: so are all messages there."""
        extent = Extent(place.platform, place.workspace, place.channel, place.thread)
        self._waiting.forget(extent.holds)
        await self.history.place_deleted(extent)

    # By itself --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Forget what is too old, at once and every hour, until cancelled."""
        while True:
            self._wanted.clear()
            pause = await self._until_next() if await self._tidied() else AGAIN_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), pause)

    async def _until_next(self) -> float:
        """Count the seconds until something is due."""
        waits = [left.due / 1_000 - self._now for left in await self.history.departures()]
        return min(TIDY_SECONDS, max(AGAIN_SECONDS, min(waits, default=TIDY_SECONDS)))

    async def _tidied(self) -> bool:
        try:
            return await self.delete_expired()
        except ShouldersError as error:
            log.warning("What is too old is forgotten later: %s", error)
            return False

    async def delete_expired(self) -> bool:
        """Forget what is too old, everywhere; False while something that was wanted is left in the database's files."""
        await self._look()
        gone_for_good, all_gone = await self.departures.forget_due(self._now)
        self._urgent = self._urgent or gone_for_good
        gone: Counter[tuple[str, str]] = Counter()
        for place in await self.history.places():
            gone[place.platform, place.workspace] += await self.history.expire(place, self.bounds(place))
        for (platform, workspace), number in gone.items():
            if number:
                entry = AuditEntry(Place(platform, workspace, ""), BOT, "retention", after=_number(number, "message"))
                await self._administration.change((), [entry])
        await self.history.expire_audit(self._ago(AUDIT_DAYS))
        return await self._scrub() and all_gone

    async def _look(self) -> None:
        """Look at the clock, and keep what it said: erasing goes by that until the next look."""
        before = self._clock.ahead
        self._now = self._clock.look()
        if self._clock.ahead > JUMP_SECONDS >= before:
            days = self._clock.ahead / DAY
            log.warning(
                "The clock is %.1f days ahead of the time that passed: what got too old by that is forgotten once the "
                "clock has said so for a day",
                days,
            )
        if self._clock.reading:
            await self.history.keep_clock_reading(self._clock.reading)

    def bounds(self, place: Place) -> RetentionBounds:
        """What is too old in a place now."""
        days = self._administration.settings(place).retention_days
        oldest = self._ago(days) if days else 0
        overheard = oldest if self.keeps(place) else ALL
        return RetentionBounds(oldest, overheard, min(oldest, self._ago(USAGE_DAYS)))

    def _ago(self, days: float) -> int:
        return int((self._now - days * DAY) * 1_000)

    async def _scrub_now(self) -> bool:
        """Clear the files while somebody waits, else soon."""
        self._urgent = True
        for pause in PAUSES:
            if await self._scrub():
                return True
            await asyncio.sleep(pause)
        self._wanted.set()
        return False

    async def _scrub(self) -> bool:
        """Clear the files. Rewriting much waits until nobody does, but not for long, and a day unless it is wanted."""
        size = await self.history.remains()
        due = self._urgent or monotonic() - self._rewritten >= DAY
        if size and (size <= SMALL or (due and self._waiting.quiet)):
            await self._rewrite()
            size = 0
        elif size and due and self._waited_enough():
            log.info("The database is rewritten without what was forgotten: answers wait meanwhile")
            async with self._waiting.held_back(CLEARING, HELD_SECONDS):
                await self._rewrite()
            size = 0
        elif not size:
            self._busy_since = None
        cut = await self.history.truncate_log()
        if cut and not size:
            self._urgent = False
        return cut and not (size and self._urgent)

    def _waited_enough(self) -> bool:
        """Tell whether rewriting has waited long enough for a quiet moment; call it whenever there is none."""
        if self._busy_since is None:
            self._busy_since = monotonic()
        return monotonic() - self._busy_since >= BUSY_SECONDS

    async def _rewrite(self) -> None:
        """Rewrite the file; where that fails, wait again before answers are held back for it."""
        self._busy_since = None
        await self.history.rewrite()
        self._rewritten = monotonic()


def _asked_by(request: Request, place: Place, messages: Sequence[str]) -> bool:
    """Whether a request was one of these messages."""
    channel = replace(place, thread=request.place.thread)
    return bool(request.message) and request.message in messages and request.place == channel


def listed(amounts: HistoryCounts, settings: int) -> str:
    """In words how much there is; "" for nothing."""
    parts = (
        (amounts.questions, "question"),
        (amounts.answers, "answer"),
        (amounts.waiting, "question that waits for its answer", "questions that wait for their answers"),
        (amounts.overheard, "overheard message"),
        (amounts.votes, "rating"),
        (settings, "setting"),
    )
    words = [_number(*part) for part in parts if part[0]]
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _number(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
