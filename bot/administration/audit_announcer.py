"""Announces entries of the audit in the channel of the setting `audit_channel`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from bot.administration import platforms
from bot.administration.closed_places import places_in, redacted
from bot.administration.departures import BOT
from bot.administration.state import Administration
from bot.interfaces.adapter import Adapter, Audience
from bot.interfaces.errors import Forbidden, Gone, PlatformError
from bot.interfaces.messages import Place, Subject
from bot.interfaces.records import NOT_ANNOUNCED, AuditEntry, counted
from bot.utils.formatting import brief, quoted

log = logging.getLogger(__name__)

RETRY_SECONDS = 60.0
"""Seconds until the next attempt, after a platform did not take an announcement."""

STALE_SECONDS = 86_400.0
"""The age in seconds up to which a change is announced."""

MOST_AT_ONCE = 200
"""The most entries that are read at a time."""

FEW = 5
"""The most waiting entries of a workspace with a message each; more share one message."""

MOST_LISTED, LONGEST_LINE = 10, 150
"""The most entries that such a message lists, and the most characters of each."""


class AuditAnnouncer:
    """Announces every entry once, also after a restart.

    Before each announcement the platform is asked: the channel must belong to the entry's workspace, and the details
    of places that not everybody reads are left out.
    """

    def __init__(
        self,
        administration: Administration,
        adapters: Mapping[str, Adapter],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._administration = administration
        self._adapters = adapters
        self._clock = clock
        self._new_entries = asyncio.Event()
        self._reported: dict[tuple[str, str], str] = {}
        administration.notify = lambda _entries: self._new_entries.set()

    async def run(self) -> None:
        """Announce until cancelled."""
        while True:
            self._new_entries.clear()
            pause = None if await self._announce_all() else RETRY_SECONDS
            try:
                await asyncio.wait_for(self._new_entries.wait(), pause)
            except TimeoutError:
                log.debug("Announcing again")

    async def _announce_all(self) -> bool:
        """Announce all entries that can be announced; return False where the rest has to wait."""
        records = self._administration.records
        while waiting := await records.unannounced(MOST_AT_ONCE):
            for entries in _grouped(waiting):
                try:
                    await self._announce(entries)
                except (Forbidden, Gone) as error:
                    await self._report_once(entries[0].place, error.message)
                except PlatformError as error:
                    log.warning("A change could not be announced and will be announced later: %s", error)
                    return False
                await records.announced([entry.id for entry in entries])
        return True

    async def _announce(self, entries: Sequence[AuditEntry]) -> None:
        platform, workspace = entries[0].place.platform, entries[0].place.workspace
        fresh = [entry for entry in entries if entry.at / 1_000 > self._clock() - STALE_SECONDS]
        channel = Subject.read(self._administration.settings(Place(platform, workspace, "")).audit_channel)
        adapter = self._adapters.get(platform)
        if not (channel and adapter and fresh):
            return
        there = Place(platform, workspace, channel.id)
        if await platforms.audience(adapter, there) == "none":
            raise Gone(f"{channel.label} is not a channel of this workspace that I can see.")
        visible = [await self._as_announced(adapter, there, entry) for entry in fresh]
        text = entry_line(visible[0]) if len(visible) == 1 else _summary(visible)
        await platforms.post(adapter, there, text, f"audit-{fresh[-1].id}")
        self._reported.pop((platform, workspace), None)

    async def _as_announced(self, adapter: Adapter, there: Place, entry: AuditEntry) -> AuditEntry:
        """Return an entry without the details of places that not everybody reads; the audit channel itself is named."""
        closed = set[Place]()
        for place in places_in(entry):
            audience: Audience = "everybody"
            if place.channel not in ("", there.channel) or place.thread:
                audience = await platforms.audience(adapter, place)
            if audience != "everybody":
                closed.add(place)
        return redacted(entry, closed)

    async def _report_once(self, place: Place, why: str) -> None:
        """Write to the audit that changes are not announced; once for a reason, until an announcement succeeds."""
        key = (place.platform, place.workspace)
        if self._reported.get(key) == why:
            return
        log.warning("Changes in %s %s cannot be announced: %s", place.platform, place.workspace, why)
        self._reported[key] = why
        await self._administration.write_audit(Place(*key, ""), BOT, NOT_ANNOUNCED, after=why)


def _grouped(entries: Sequence[AuditEntry]) -> Sequence[Sequence[AuditEntry]]:
    """Return the entries of each message: one or, where more than FEW wait in a workspace, all of these."""
    workspaces: dict[tuple[str, str], list[AuditEntry]] = {}
    for entry in entries:
        workspaces.setdefault((entry.place.platform, entry.place.workspace), []).append(entry)
    messages: list[Sequence[AuditEntry]] = []
    for waiting in workspaces.values():
        messages += [waiting] if len(waiting) > FEW else [[entry] for entry in waiting]
    return messages


def _summary(entries: Sequence[AuditEntry]) -> str:
    """Return the message for many entries."""
    lines = [f"- {brief(entry_line(entry), LONGEST_LINE)}" for entry in entries[:MOST_LISTED]]
    more = len(entries) - MOST_LISTED
    lines += [f"- and {more:,} more: `/audit show` lists them"] if more > 0 else []
    return "\n".join([f"**{len(entries):,} changes**: {counted(entries)}", *lines])


def entry_line(entry: AuditEntry) -> str:
    """Return an entry as a line."""
    change = f": {quoted(entry.before or '–')} → {quoted(entry.after or '–')}" if entry.before or entry.after else ""
    where = f" in {entry.place.name}" if entry.place.name else ""
    return f"**{entry.person.name}**{where}, {entry.action}: {entry.target}{change}"
