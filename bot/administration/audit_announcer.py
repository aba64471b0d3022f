"""Announces changes in the channel that administrators chose for it."""

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

AGAIN_SECONDS = 60.0
"""After a platform did not take an announcement, how long until it is tried again."""

STALE_SECONDS = 86_400.0
"""How old a change may be that is still announced."""

MOST_AT_ONCE = 200
"""Changes that are announced together at most."""

FEW = 5
"""Changes that wait in one workspace and have a message each; more have one together."""

MOST_LISTED, LONGEST_LINE = 10, 150
"""Changes that such a message names, and characters of each."""


class AuditAnnouncer:
    """Tells every entry of the audit that is to be told once, also after a restart.

    Only in a channel of the workspace that it is about, by the platform's word at that moment, and there nothing of
    places that not everybody reads.
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
        self._news = asyncio.Event()
        self._said: dict[tuple[str, str], str] = {}
        administration.notify = self._wake

    def _wake(self, _entries: Sequence[AuditEntry]) -> None:
        self._news.set()

    async def run(self) -> None:
        """Announce until cancelled."""
        while True:
            self._news.clear()
            pause = None if await self._announce_all() else AGAIN_SECONDS
            try:
                await asyncio.wait_for(self._news.wait(), pause)
            except TimeoutError:
                log.debug("Announcing again")

    async def _announce_all(self) -> bool:
        """Whether all were told, as far as they can be."""
        records = self._administration.records
        while waiting := await records.unannounced(MOST_AT_ONCE):
            for entries in _together(waiting):
                try:
                    await self._announce(entries)
                except (Forbidden, Gone) as error:
                    await self._report_once(entries[0].place, error.message)
                except PlatformError as error:
                    log.warning("A change is announced later: %s", error)
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
            raise Gone(f"{channel.label} is no channel of this workspace that I can see.")
        told_there = [await self._as_announced(adapter, there, entry) for entry in fresh]
        text = entry_line(told_there[0]) if len(told_there) == 1 else _summary(told_there)
        await platforms.post(adapter, there, text, f"audit-{fresh[-1].id}")
        self._said.pop((platform, workspace), None)

    async def _as_announced(self, adapter: Adapter, there: Place, entry: AuditEntry) -> AuditEntry:
        """An entry without what only some people may read, unless it is about the audit channel itself."""
        closed = set[Place]()
        for place in places_in(entry):
            audience: Audience = "everybody"
            if place.channel not in ("", there.channel) or place.thread:
                audience = await platforms.audience(adapter, place)
            if audience != "everybody":
                closed.add(place)
        return redacted(entry, closed)

    async def _report_once(self, place: Place, why: str) -> None:
        """Write down that changes are not announced, and why: until that changes, or one was announced again."""
        key = (place.platform, place.workspace)
        if self._said.get(key) == why:
            return
        log.warning("Changes in %s %s cannot be announced: %s", place.platform, place.workspace, why)
        self._said[key] = why
        await self._administration.write_audit(Place(*key, ""), BOT, NOT_ANNOUNCED, after=why)


def _together(entries: Sequence[AuditEntry]) -> Sequence[Sequence[AuditEntry]]:
    """What has one message: each entry by itself or, where many wait in a workspace, all of these."""
    workspaces: dict[tuple[str, str], list[AuditEntry]] = {}
    for entry in entries:
        workspaces.setdefault((entry.place.platform, entry.place.workspace), []).append(entry)
    messages: list[Sequence[AuditEntry]] = []
    for waiting in workspaces.values():
        messages += [waiting] if len(waiting) > FEW else [[entry] for entry in waiting]
    return messages


def _summary(entries: Sequence[AuditEntry]) -> str:
    """Many entries in one message."""
    lines = [f"- {brief(entry_line(entry), LONGEST_LINE)}" for entry in entries[:MOST_LISTED]]
    more = len(entries) - MOST_LISTED
    lines += [f"- and {more:,} more, which `/audit show` lists"] if more > 0 else []
    return "\n".join([f"**{len(entries):,} changes**: {counted(entries)}", *lines])


def entry_line(entry: AuditEntry) -> str:
    """An entry as a line."""
    change = f": {quoted(entry.before or '–')} → {quoted(entry.after or '–')}" if entry.before or entry.after else ""
    where = f" in {entry.place.name}" if entry.place.name else ""
    return f"**{entry.person.name}**{where}, {entry.action}: {entry.target}{change}"
