"""A database that records requests as they are kept, answered and ended."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

from bot.interfaces.database import Database
from bot.interfaces.messages import Request
from bot.interfaces.store import Accepted, Continuation, EndState, RequestStore

PATIENCE = 10.0
"""Seconds that a test waits for an expected event."""


class Ledger:
    """A record of the requests in the store, so that tests wait for events and not for time."""

    def __init__(self) -> None:
        self.requests: dict[str, int] = {}
        self.messages: defaultdict[int, dict[int, str]] = defaultdict(dict)
        self.ended: dict[int, EndState] = {}
        self._changed = asyncio.Condition()

    async def note_accepted(self, accepted: Accepted) -> None:
        async with self._changed:
            self.requests[accepted.request.act.id] = accepted.id
            self._changed.notify_all()

    async def note_end(self, request: int, state: EndState) -> None:
        async with self._changed:
            self.ended[request] = state
            self._changed.notify_all()

    async def accepted(self, act: Callable[[], object]) -> str:
        """Run an action, and return the id of its act."""
        known = set(self.requests)
        act()
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: set(self.requests) - known)
        return (set(self.requests) - known).pop()

    async def end(self, act: str) -> int:
        """Return the request of an act, after it has ended."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: self.requests.get(act) in self.ended)
        return self.requests[act]


class RecordedRequests:
    """A store of requests that records every stored request in the ledger."""

    def __init__(self, store: RequestStore, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger
        self.begin = store.begin
        self.part_creating = store.part_creating
        self.answered = store.answered
        self.unfinished = store.unfinished

    async def accept(self, request: Request, continuation: Continuation) -> Accepted | None:
        accepted = await self._store.accept(request, continuation)
        if accepted:
            await self._ledger.note_accepted(accepted)
        return accepted

    async def part_created(self, request: int, index: int, message: str) -> None:
        await self._store.part_created(request, index, message)
        self._ledger.messages[request][index] = message

    async def end(self, request: int, state: EndState) -> None:
        await self._store.end(request, state)
        await self._ledger.note_end(request, state)


class RecordedDatabase:
    """A database whose requests are recorded."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self.requests = RecordedRequests(database.requests, ledger)
        self.conversations = database.conversations
        self.records = database.records
        self.usage = database.usage
        self.history = database.history
        self.catalogue = database.catalogue

    async def aclose(self) -> None:
        await self._database.aclose()
