"""The register of accepted requests that are not answered yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from bot.core.delivery import Delivery
from bot.interfaces.replies import Status
from bot.interfaces.store import Accepted


def _every(_accepted: Accepted) -> bool:
    return True


class ActiveRequests:
    """Every request that is being answered, waits for its turn, or waits for its platform's recovery."""

    def __init__(self) -> None:
        self._deliveries: dict[int, Delivery] = {}
        self._current: dict[int, int] = {}
        self._unrecovered: list[Accepted] = []
        self._one_ended = asyncio.Event()
        self._released = asyncio.Event()
        self._released.set()
        self._held_back = ""
        self._begun: set[int] = set()

    def __iter__(self) -> Iterator[Delivery]:
        return iter(self._deliveries.values())

    def __contains__(self, request: int) -> bool:
        return request in self._deliveries

    # Kept by the queue ------------------------------------------------------------------------------------------------

    def add(self, delivery: Delivery) -> None:
        """Enter a request."""
        self._deliveries[delivery.accepted.id] = delivery

    def remove(self, request: int) -> None:
        """Leave out a request that has ended, or is left for recovery."""
        del self._deliveries[request]
        self._begun.discard(request)
        self._one_ended.set()

    def set_aside(self, accepted: Accepted) -> None:
        """Enter a request that waits for its platform's recovery."""
        self._unrecovered.append(accepted)

    def recovered(self, platform: str) -> list[Accepted]:
        """Return the requests that were set aside on a platform, which wait no longer."""
        ours = [accepted for accepted in self._unrecovered if accepted.request.place.platform == platform]
        self._unrecovered = [accepted for accepted in self._unrecovered if accepted not in ours]
        return ours

    @contextmanager
    def answering(self, conversation: int, delivery: Delivery) -> Iterator[None]:
        """Mark a request as the one that is being answered in its conversation."""
        self._current[conversation] = delivery.accepted.id
        try:
            yield
        finally:
            del self._current[conversation]

    async def may_begin(self, delivery: Delivery) -> None:
        """Wait while answers are held back."""
        while not self._released.is_set():
            delivery.draft.write(Status(self._held_back, long=True))
            await self._released.wait()
        self._begun.add(delivery.accepted.id)

    # Used by others ---------------------------------------------------------------------------------------------------

    def stop(self, request: int) -> bool:
        """End the answer to a request where it is; False when there is nothing to end."""
        delivery = self._deliveries.get(request)
        return delivery is not None and delivery.stop()

    def running(self, conversation: int) -> int | None:
        """Return the request that is being answered in a conversation."""
        return self._current.get(conversation)

    @property
    def quiet(self) -> bool:
        """Return whether nothing is being answered."""
        return not self._deliveries

    def answers(self, wanted: Callable[[Accepted], bool]) -> bool:
        """Return whether one of these is being answered or waits for its turn."""
        return any(wanted(delivery.accepted) for delivery in self)

    def forget(self, unwanted: Callable[[Accepted], bool]) -> None:
        """Drop requests that are not answered yet; the people who wait for them are told."""
        self._unrecovered = [accepted for accepted in self._unrecovered if not unwanted(accepted)]
        for delivery in self:
            if unwanted(delivery.accepted):
                delivery.forget()

    def reword(self, meant: Callable[[Accepted], bool], text: str) -> None:
        """Change the text of requests that are not answered yet."""
        for delivery in self:
            if meant(delivery.accepted):
                delivery.reword(text)

    @asynccontextmanager
    async def held_back(self, why: str, seconds: float) -> AsyncGenerator[None, None]:
        """Begin no answer meanwhile, and show the people who wait why; answers begun before get `seconds` to end.

        Requests that wait for nobody, such as to stop an answer, are not held back.
        """
        self._held_back = why
        self._released.clear()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._until(lambda: not self._begun)
            yield
        finally:
            self._released.set()

    async def idle(self, wanted: Callable[[Accepted], bool] = _every) -> None:
        """Wait until none of these is being answered or waits for its turn."""
        await self._until(lambda: not self.answers(wanted))

    async def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            self._one_ended.clear()
            await self._one_ended.wait()
