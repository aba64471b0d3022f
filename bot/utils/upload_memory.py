"""Room for people's files in the bot's memory: so many bytes for one person, and for everybody."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bot.interfaces.errors import UserError
from bot.interfaces.messages import Request

OF_PERSON = 32 << 20
OF_EVERYBODY = 256 << 20
"""Bytes of files as they came; while they are sent to a model they take about three times as much."""

PATIENCE_SECONDS = 120.0
"""How long a request waits for room before it is told that there is none."""

Person = tuple[str, str, str]


class Room:
    """Who holds how much of it. Nobody waits while holding something."""

    def __init__(self, of_person: int = OF_PERSON, of_everybody: int = OF_EVERYBODY) -> None:
        self._of_person = of_person
        self._of_everybody = of_everybody
        self._held: Counter[Person] = Counter()
        self._freed = asyncio.Event()

    @property
    def taken(self) -> int:
        """Bytes that are held now."""
        return self._held.total()

    @asynccontextmanager
    async def share(self, request: Request) -> AsyncGenerator[Share, None]:
        """A share for one request, empty at first; what it took is free again at the end."""
        share = Share(self, (request.place.platform, request.person.home, request.person.id))
        try:
            yield share
        finally:
            share.keep(0)

    def _fits(self, who: Person, size: int) -> bool:
        own = self._held[who]
        return (not own or own + size <= self._of_person) and self.taken + size <= self._of_everybody

    async def take(self, who: Person, size: int) -> None:
        """Wait for room and take it. Raises UserError where none becomes free."""
        size = min(size, self._of_everybody)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not self._fits(who, size):
                    await self._freed.wait()
        except TimeoutError:
            raise UserError("Too many files are being read right now: ask again in a few minutes.") from None
        self.change(who, size)

    def change(self, who: Person, by: int) -> None:
        """Hold so much more, or less."""
        self._held[who] += by
        if not self._held[who]:
            del self._held[who]
        if by < 0:
            self._freed.set()
            self._freed = asyncio.Event()


class Share:
    """What one request holds."""

    def __init__(self, room: Room, who: Person) -> None:
        self._room = room
        self._who = who
        self._size = 0

    async def take(self, size: int) -> None:
        """Wait for so many bytes, once and before anything else is held. Raises UserError where there is no room."""
        assert not self._size, "who holds something and waits may wait for ever"
        await self._room.take(self._who, size)
        self._size = min(size, self._room._of_everybody)

    def keep(self, size: int) -> None:
        """It is so many bytes in the end."""
        self._room.change(self._who, size - self._size)
        self._size = size
