"""The workspaces that the bot is in, left, or is back in; what is kept of those that it left is forgotten."""

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
"""How long after the bot was removed from a workspace something may arrive that was said there before."""

PAUSES = (0.05, 0.2, 0.5, 1.0)
"""Seconds between looks whether what was under way has ended."""

BOT = Person("", "Shoulders")
"""The person who does in the audit what nobody asked for."""


class Waiting(Protocol):
    """Requests that are not answered yet."""

    def answers(self, wanted: Callable[[Accepted], bool]) -> bool:
        """Tell whether there is one of these."""

    def forget(self, unwanted: Callable[[Accepted], bool]) -> None:
        """Drop some; who waits for them is told."""


class Departures:
    """`grace` is how many seconds what is kept of a workspace outlives the bot's removal; `wake` is called for each.

    `clock` says the time in seconds since 1970.
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
        """Read which workspaces there are, and which the bot was removed from."""
        departures = await self._history.departures()
        self._leaving = {(left.platform, left.workspace): -LATE_SECONDS for left in departures}
        self.workspaces = Workspaces(set(await self._history.served_workspaces()) - self._leaving.keys())

    async def uninstalled(self, platform: str, workspace: str) -> None:
        """Keep that the bot was removed from a workspace, which is seen to after the time of grace.

        Whoever installs it again until then finds everything as it was.
        """
        self.workspaces.left(platform, workspace)
        known = (platform, workspace) in self._leaving
        self._leaving.setdefault((platform, workspace), monotonic())
        due = int((self._clock() + self._grace) * 1_000) if self._grace else 0
        await self._history.add_departure(Departure(platform, workspace, due))
        if self._forgets(platform, workspace) and not known:
            when = f"at {_moment(due)}, unless it is installed there again before" if due else "now"
            log.warning("The bot was removed from %s %s: what is kept of it is forgotten %s", platform, workspace, when)
        self._wake()

    async def installed(self, platform: str, workspaces: Collection[str]) -> None:
        """Take notice that the bot is in these workspaces: nothing of them is forgotten."""
        self.workspaces.met(platform, workspaces)
        for workspace in workspaces:
            if self._leaving.pop((platform, workspace), None) is not None:
                await self._history.remove_departure(platform, workspace)
                log.warning("The bot is back in %s %s: what is kept of it stays", platform, workspace)

    def note_activity(self, place: Place) -> None:
        """Take notice that something was said to the bot in a place; needs no waiting, so call it for every request.

        What comes right after a removal may have been on its way before it.
        """
        if place.direct:
            return
        since = self._leaving.get((place.platform, place.workspace))
        if since is None:
            self.workspaces.met(place.platform, (place.workspace,))
        elif monotonic() - since >= LATE_SECONDS:
            returning = asyncio.create_task(self._return(place.platform, place.workspace))
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)

    async def _return(self, platform: str, workspace: str) -> None:
        try:
            await self.installed(platform, (workspace,))
        except StoreError as error:
            self._leaving.setdefault((platform, workspace), -LATE_SECONDS)
            log.error("That the bot is back in %s %s is not kept yet: %s", platform, workspace, error)

    async def forget_due(self, now: float) -> tuple[bool, bool]:
        """See to those whose time has come; say whether there were any, and whether nothing is left to be done.

        What goes wrong with one does not keep the rest waiting.
        """
        due = [left for left in await self._history.departures() if left.due <= now * 1_000]
        done = [await self._left(left.platform, left.workspace) for left in due]
        return bool(due), all(done)

    async def _left(self, platform: str, workspace: str) -> bool:
        try:
            return await self._leave(platform, workspace)
        except ShouldersError as error:
            log.warning("What is kept of %s %s is forgotten later: %s", platform, workspace, error)
            return False

    async def _leave(self, platform: str, workspace: str) -> bool:
        """Do what the setting says, which therefore goes last; what an earlier run did not finish is done again.

        False while something is being answered there: what is kept of that is not deleted under its hands.
        """
        place, extent = Place(platform, workspace, ""), Extent(platform, workspace)
        if self._forgets(platform, workspace):
            self._waiting.forget(extent.holds)
            await self._history.forget(extent, ALL)
            for pause in PAUSES:  # until what was under way has ended: a minute later it may have been invited back
                if self._waiting.answers(extent.holds):
                    await asyncio.sleep(pause)
            if self._waiting.answers(extent.holds):
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
