"""Deletion of stored data: on request, after deletions on a platform, and after their retention."""

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
"""Days for which the audit is kept."""

USAGE_DAYS = 32
"""The least days for which people's ids stay in the usage, which has no text: limits count by the month."""

EXPIRY_SECONDS = 3_600.0
"""Seconds between two deletions of expired data."""

RETRY_SECONDS = 60.0
"""Seconds until the next attempt, after the database's files could not be cleared."""

SMALL = 64 * 2**20
"""The most bytes of a database that is rewritten in a fraction of a second."""

BUSY_SECONDS = 300.0
"""Seconds for which the rewrite of a larger database waits until nothing is being answered."""

PAUSE_SECONDS = 20.0
"""Seconds for which it then waits for the running answers, while no other begins. Later ones wait for the disk."""

CLEARING = "Waiting: deleted data are being erased from the disk."

COPIES_AT_ONCE = 2
"""Exports that run at a time; others wait."""

PAUSES = (0.05, 0.2, 0.5, 1.0)
"""Seconds between attempts to clear the files while somebody waits for it."""


class UnansweredRequests(departures.Waiting, Protocol):
    """Requests that are not answered yet."""

    @property
    def is_idle(self) -> bool:
        """Return whether there is none."""

    def paused(self, why: str, seconds: float) -> AbstractAsyncContextManager[None]:
        """Begin no answer inside the context, which is entered once the running answers ended, or after `seconds`."""

    def reword(self, matches: Callable[[Accepted], bool], text: str) -> None:
        """Change the text of the requests that match."""


@dataclass(frozen=True, slots=True)
class DeletionRequest:
    """A request to delete data: its `description`, the `extent`, and the scope of `settings` to delete too.

    `own` marks a person's own data.
    """

    description: str
    extent: Extent
    settings: Scope | None = None
    target: str = ""
    own: bool = False


class Retention:
    """Deletes data on request, with messages, and by the settings `retention_days`, `keep` and `on_uninstall`.

    `clock` returns seconds since 1970. Every export holds the semaphore `copying`.
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
        self._wake = asyncio.Event()
        self.departures = Departures(history, administration, waiting, grace, clock, self._wake.set)
        self._urgent = False
        self._rewritten = -DAY
        self._busy_since: float | None = None
        self.copying = asyncio.Semaphore(COPIES_AT_ONCE)

    async def load(self) -> None:
        """Read the last reading of the clock, and the workspaces, before the first request."""
        self._clock.reading = await self.history.clock_reading()
        await self.departures.load()

    # On request -------------------------------------------------------------------------------------------------------

    async def count(self, deletion: DeletionRequest, before: int) -> tuple[HistoryCounts, int]:
        """Count the data and the settings that a deletion would remove, from requests before request `before`."""
        settings = self._administration.values_in(deletion.settings) if deletion.settings else {}
        return await self.history.count(deletion.extent, before), len(settings)

    async def forget(self, deletion: DeletionRequest, accepted: Accepted) -> bool:
        """Delete the data of requests before this one; return False while remains are left in the database's files."""
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

    # After changes on the platforms -----------------------------------------------------------------------------------

    async def overheard(self, request: Request, limit: int) -> Sequence[Message]:
        """Return the latest stored messages between people in the request's place."""
        if request.place.direct or not self.keeps(request.place):
            return ()
        return await self.history.overheard(request.place, request.act.order, limit)

    def keeps(self, place: Place) -> bool:
        """Return whether messages between people are stored in a place."""
        keep = self._administration.settings(place).keep
        return keep == "everything" or (keep == "threads" and bool(place.thread))

    async def edited(self, place: Place, message: str, text: str, turned: Callable[[str], str]) -> None:
        """Change the text of a message. `turned` maps the old text of its turn to the new one."""
        self._waiting.reword(lambda accepted: _asked_by(accepted.request, place, (message,)), text)
        await self.history.edited(place, message, text, turned)

    async def deleted(self, place: Place, messages: Sequence[str]) -> None:
        """Delete the data of messages that were deleted from the platform."""
        self._waiting.forget(lambda accepted: _asked_by(accepted.request, place, messages))
        await self.history.deleted(place, messages)

    async def place_deleted(self, place: Place) -> None:
        """Delete the messages of a channel and its threads, or of a thread, that was deleted from the platform."""
        extent = Extent(place.platform, place.workspace, place.channel, place.thread)
        self._waiting.forget(extent.holds)
        await self.history.place_deleted(extent)

    # Automatically ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Delete expired data, at once and every hour, until cancelled."""
        while True:
            self._wake.clear()
            pause = await self._until_next() if await self._try_to_delete_expired() else RETRY_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    async def _until_next(self) -> float:
        """Return the seconds until the next deletion."""
        waits = [left.due / 1_000 - self._now for left in await self.history.departures()]
        return min(EXPIRY_SECONDS, max(RETRY_SECONDS, min(waits, default=EXPIRY_SECONDS)))

    async def _try_to_delete_expired(self) -> bool:
        try:
            return await self.delete_expired()
        except ShouldersError as error:
            log.warning("Expired data could not be deleted and will be deleted later: %s", error)
            return False

    async def delete_expired(self) -> bool:
        """Delete expired data everywhere; return False while remains of requested deletions are left in the files."""
        await self._read_clock()
        any_due, all_done = await self.departures.forget_due(self._now)
        self._urgent = self._urgent or any_due
        deleted: Counter[tuple[str, str]] = Counter()
        for place in await self.history.places():
            deleted[place.platform, place.workspace] += await self.history.expire(place, self.bounds(place))
        for (platform, workspace), number in deleted.items():
            if number:
                entry = AuditEntry(Place(platform, workspace, ""), BOT, "retention", after=_number(number, "message"))
                await self._administration.change((), [entry])
        await self.history.expire_audit(self._ago(AUDIT_DAYS))
        return await self._scrub() and all_done

    async def _read_clock(self) -> None:
        """Read the clock and store the reading: deletion goes by it until the next one."""
        before = self._clock.ahead
        self._now = self._clock.read()
        if self._clock.ahead > JUMP_SECONDS >= before:
            days = self._clock.ahead / DAY
            log.warning(
                "The clock is %.1f days ahead of the time that passed. Data that expire by this jump are deleted once "
                "the clock has kept its new time for a day. If the clock is wrong, set it.",
                days,
            )
        if self._clock.reading:
            await self.history.keep_clock_reading(self._clock.reading)

    def bounds(self, place: Place) -> RetentionBounds:
        """Return the times before which the data of a place have expired."""
        days = self._administration.settings(place).retention_days
        oldest = self._ago(days) if days else 0
        overheard = oldest if self.keeps(place) else ALL
        return RetentionBounds(oldest, overheard, min(oldest, self._ago(USAGE_DAYS)))

    def _ago(self, days: float) -> int:
        return int((self._now - days * DAY) * 1_000)

    async def _scrub_now(self) -> bool:
        """Clear the files while somebody waits; after the last attempt leave it to `run`."""
        self._urgent = True
        for pause in PAUSES:
            if await self._scrub():
                return True
            await asyncio.sleep(pause)
        self._wake.set()
        return False

    async def _scrub(self) -> bool:
        """Clear the files. A large one is rewritten daily or on request, in an idle moment or after BUSY_SECONDS."""
        size = await self.history.remains()
        due = self._urgent or monotonic() - self._rewritten >= DAY
        if size and (size <= SMALL or (due and self._waiting.is_idle)):
            await self._rewrite()
            size = 0
        elif size and due and self._waited_enough():
            log.info("The database is rewritten to erase deleted data; answers wait until it is done")
            async with self._waiting.paused(CLEARING, PAUSE_SECONDS):
                await self._rewrite()
            size = 0
        elif not size:
            self._busy_since = None
        truncated = await self.history.truncate_log()
        if truncated and not size:
            self._urgent = False
        return truncated and not (size and self._urgent)

    def _waited_enough(self) -> bool:
        """Return whether the rewrite has waited BUSY_SECONDS for an idle moment; call it at every busy one."""
        if self._busy_since is None:
            self._busy_since = monotonic()
        return monotonic() - self._busy_since >= BUSY_SECONDS

    async def _rewrite(self) -> None:
        """Rewrite the file. After a failure, answers are not paused again before BUSY_SECONDS."""
        self._busy_since = None
        await self.history.rewrite()
        self._rewritten = monotonic()


def _asked_by(request: Request, place: Place, messages: Sequence[str]) -> bool:
    """Return whether a request came by one of these messages."""
    channel = replace(place, thread=request.place.thread)
    return bool(request.message) and request.message in messages and request.place == channel


def listed(amounts: HistoryCounts, settings: int) -> str:
    """Return the counts as text; "" for none."""
    parts = (
        (amounts.questions, "question"),
        (amounts.answers, "answer"),
        (amounts.waiting, "unanswered question"),
        (amounts.overheard, "message between people", "messages between people"),
        (amounts.votes, "rating"),
        (settings, "setting"),
    )
    words = [_number(*part) for part in parts if part[0]]
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _number(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
