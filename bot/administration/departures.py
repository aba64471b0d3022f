"""Deletion of the data of workspaces that the bot was removed from, unless it comes back in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from time import monotonic
from typing import Protocol

from bot.administration.state import Administration
from bot.administration.workspaces import Workspaces
from bot.interfaces.errors import ShouldersError, StoreError
from bot.interfaces.history import ALL, Departure, Extent, HistoryStore
from bot.interfaces.messages import Person, Place
from bot.interfaces.records import AuditEntry
from bot.interfaces.store import Accepted

log = logging.getLogger(__name__)

LATE_SECONDS = 60.0
"""Seconds after the bot's removal from a workspace for which messages from before it may still arrive."""

PAUSES = (0.05, 0.2, 0.5, 1.0)
"""Seconds between checks for the end of running answers."""

BOT = Person("", "Shoulders")
"""The person in the audit for automatic actions."""


class Waiting(Protocol):
    """Requests that are not answered yet."""

    def has_any(self, matches: Callable[[Accepted], bool]) -> bool:
        """Return whether a request matches."""

    def forget(self, matches: Callable[[Accepted], bool]) -> None:
        """Drop the requests that match, and show that to the people who wait for them."""


class Departures:
    """The workspaces that the bot is in, and those that it was removed from.

    Data of a workspace outlive the bot's removal by `grace` seconds. `wake` is called for each removal. `clock` returns
    seconds since 1970.
    """

    def __init__(
        self,
        history: HistoryStore,
        administration: Administration,
        waiting: Waiting,
        grace: float,
        clock: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self.workspaces = Workspaces()
        self._history = history
        self._administration = administration
        self._waiting = waiting
        self._grace = grace
        self._clock = clock
        self._wake = wake
        self._leaving: dict[tuple[str, str], float] = {}
        self._returning: set[asyncio.Task[None]] = set()

    async def load(self) -> None:
        """Read the workspaces with data, and the departures."""
        departures = await self._history.departures()
        self._leaving = {(left.platform, left.workspace): -LATE_SECONDS for left in departures}
        self.workspaces = Workspaces(set(await self._history.served_workspaces()) - self._leaving.keys())

    async def uninstalled(self, platform: str, workspace: str) -> None:
        """Store the bot's removal from a workspace, whose data are deleted after the time of grace.

        If the bot is installed again before, all data stay.
        """
        self.workspaces.remove(platform, workspace)
        known = (platform, workspace) in self._leaving
        self._leaving.setdefault((platform, workspace), monotonic())
        due = int((self._clock() + self._grace) * 1_000) if self._grace else 0
        await self._history.add_departure(Departure(platform, workspace, due))
        if self._forgets(platform, workspace) and not known:
            when = f"at {_moment(due)}, unless it is installed again before" if due else "now"
            log.warning("The bot was removed from %s %s; its data there are deleted %s", platform, workspace, when)
        self._wake()

    async def installed(self, platform: str, workspaces: Collection[str]) -> None:
        """Note that the bot is in these workspaces, so that their data stay."""
        self.workspaces.add(platform, workspaces)
        for workspace in workspaces:
            if self._leaving.pop((platform, workspace), None) is not None:
                await self._history.remove_departure(platform, workspace)
                log.warning("The bot is back in %s %s; its data there stay", platform, workspace)

    def note_activity(self, place: Place) -> None:
        """Note a message to the bot, which shows that the bot is in its workspace. Call it for every request.

        Messages within LATE_SECONDS of a removal are ignored, since they may be older.
        """
        if place.direct:
            return
        since = self._leaving.get((place.platform, place.workspace))
        if since is None:
            self.workspaces.add(place.platform, (place.workspace,))
        elif monotonic() - since >= LATE_SECONDS:
            returning = asyncio.create_task(self._return(place.platform, place.workspace))
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)

    async def _return(self, platform: str, workspace: str) -> None:
        try:
            await self.installed(platform, (workspace,))
        except StoreError as error:
            self._leaving.setdefault((platform, workspace), -LATE_SECONDS)
            log.error(
                "The return of the bot to %s %s could not be stored; the next message there tries again: %s",
                platform,
                workspace,
                error,
            )

    async def forget_due(self, now: float) -> tuple[bool, bool]:
        """Delete the data of all due departures; return whether there were any, and whether all are done.

        A failure with one does not stop the others.
        """
        due = [left for left in await self._history.departures() if left.due <= now * 1_000]
        done = [await self._try_to_forget(left.platform, left.workspace) for left in due]
        return bool(due), all(done)

    async def _try_to_forget(self, platform: str, workspace: str) -> bool:
        try:
            return await self._forget(platform, workspace)
        except ShouldersError as error:
            log.warning("The data of %s %s could not be deleted and will be later: %s", platform, workspace, error)
            return False

    async def _forget(self, platform: str, workspace: str) -> bool:
        """Delete a workspace's data if its setting says so; return False while something is being answered there.

        The setting goes last, so that the next run continues an unfinished deletion. The data of a running answer are
        deleted after it has ended.
        """
        place, extent = Place(platform, workspace, ""), Extent(platform, workspace)
        if self._forgets(platform, workspace):
            self._waiting.forget(extent.holds)
            await self._history.forget(extent, ALL)
            for pause in PAUSES:  # running answers end soon; within the next minute the bot may be invited back
                if self._waiting.has_any(extent.holds):
                    await asyncio.sleep(pause)
            if self._waiting.has_any(extent.holds):
                return False
            await self._history.remove(platform, workspace)
            entry = AuditEntry(place, BOT, "uninstalled")
            await self._administration.change(self._administration.removal(platform, workspace), [entry])
        await self._history.remove_departure(platform, workspace)
        self._leaving.pop((platform, workspace), None)
        return True

    def _forgets(self, platform: str, workspace: str) -> bool:
        return self._administration.settings(Place(platform, workspace, "")).on_uninstall == "forget"


def _moment(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1_000, UTC):%Y-%m-%d %H:%M} UTC"
