"""Announces changes in the channel that administrators chose for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from bot.administration import Administration
from bot.books import Entry
from bot.errors import Forbidden, Gone, PlatformError
from bot.levels import quoted
from bot.ports import Adapter
from bot.types import Place, Subject

log = logging.getLogger(__name__)

AGAIN_SECONDS = 60.0
"""After a platform did not take an announcement, how long until it is tried again."""


class Herald:
    """Tells every entry of the audit that is to be told once, also after a restart."""

    def __init__(self, administration: Administration, adapters: Mapping[str, Adapter]) -> None:
        self._administration = administration
        self._adapters = adapters
        self._news = asyncio.Event()
        administration.told = self._heard

    def _heard(self, _entries: Sequence[Entry]) -> None:
        self._news.set()

    async def run(self) -> None:
        """Announce until cancelled."""
        while True:
            self._news.clear()
            pause = None if await self._tell_all() else AGAIN_SECONDS
            try:
                await asyncio.wait_for(self._news.wait(), pause)
            except TimeoutError:
                log.debug("Announcing again")

    async def _tell_all(self) -> bool:
        """Whether all were told, as far as they can be."""
        books = self._administration.books
        for entry in await books.unannounced():
            try:
                await self._tell(entry)
            except (Forbidden, Gone) as error:
                log.warning("A change cannot be announced: %s", error)
            except PlatformError as error:
                log.warning("A change is announced later: %s", error)
                return False
            await books.announced(entry.id)
        return True

    async def _tell(self, entry: Entry) -> None:
        place = entry.place
        channel = Subject.read(self._administration.settings(Place(place.platform, place.workspace, "")).audit_channel)
        adapter = self._adapters.get(place.platform)
        if channel and adapter:
            await adapter.post(Place(place.platform, place.workspace, channel.id), told(entry), f"audit-{entry.id}")


def told(entry: Entry) -> str:
    """An entry as a line."""
    change = f": {quoted(entry.before or '–')} → {quoted(entry.after or '–')}" if entry.before or entry.after else ""
    where = f" in {entry.place.name}" if entry.place.name else ""
    return f"**{entry.person.name}**{where}, {entry.action}: {entry.target}{change}"
