"""Limits on the memory that people's files take in the bot: for one person, and for everybody together."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bot.interfaces.errors import UserError
from bot.interfaces.messages import Request

OF_PERSON = 32 << 20
"""Most bytes of one person's files, except that a single larger file is admitted."""

OF_EVERYBODY = 256 << 20
"""Most bytes of all files. A file that is sent to a model takes about three times its size for a while."""

PATIENCE_SECONDS = 120.0
"""Longest wait for memory, in seconds; after it the request is refused."""

Person = tuple[str, str, str]


class Room:
    """Bytes held by each person. A request that holds something never waits for more, so none blocks another."""

    def __init__(self, of_person: int = OF_PERSON, of_everybody: int = OF_EVERYBODY) -> None:
        self._of_person = of_person
        self._of_everybody = of_everybody
        self._held: Counter[Person] = Counter()
        self._freed = asyncio.Event()

    @property
    def taken(self) -> int:
        """Return the bytes that are held now."""
        return self._held.total()

    @asynccontextmanager
    async def share(self, request: Request) -> AsyncGenerator[Share, None]:
        """Yield an empty share for one request, and free its bytes at the end."""
        share = Share(self, (request.place.platform, request.person.home, request.person.id))
        try:
            yield share
        finally:
            share.keep(0)

    def _fits(self, person: Person, size: int) -> bool:
        own = self._held[person]
        return (not own or own + size <= self._of_person) and self.taken + size <= self._of_everybody

    async def take(self, person: Person, size: int) -> None:
        """Wait until `size` bytes are free and hold them. Raises UserError after PATIENCE_SECONDS."""
        size = min(size, self._of_everybody)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not self._fits(person, size):
                    await self._freed.wait()
        except TimeoutError:
            raise UserError("I am reading too many files right now: ask again in a few minutes.") from None
        self.change(person, size)

    def change(self, person: Person, by: int) -> None:
        """Add `by` bytes, which may be negative, to those that a person holds."""
        self._held[person] += by
        if not self._held[person]:
            del self._held[person]
        if by < 0:
            self._freed.set()  # wakes all that wait; a new event serves those that wait from now on
            self._freed = asyncio.Event()


class Share:
    """The bytes that one request holds."""

    def __init__(self, room: Room, person: Person) -> None:
        self._room = room
        self._person = person
        self._size = 0

    async def take(self, size: int) -> None:
        """Wait for `size` bytes, once, while the share is empty. Raises UserError after PATIENCE_SECONDS."""
        assert not self._size, "two requests that hold something and wait for more would block each other"
        await self._room.take(self._person, size)
        self._size = min(size, self._room._of_everybody)

    def keep(self, size: int) -> None:
        """Set the share to `size` bytes, once the real size of the files is known."""
        self._room.change(self._person, size - self._size)
        self._size = size
