"""The register of accepted requests that have not ended."""

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
        self._may_begin = asyncio.Event()
        self._may_begin.set()
        self._pause_reason = ""
        self._begun: set[int] = set()

    def __iter__(self) -> Iterator[Delivery]:
        return iter(self._deliveries.values())

    def __contains__(self, request: int) -> bool:
        return request in self._deliveries

    # For the queue ----------------------------------------------------------------------------------------------------

    def add(self, delivery: Delivery) -> None:
        """Add a request."""
        self._deliveries[delivery.accepted.id] = delivery

    def remove(self, request: int) -> None:
        """Remove a request that has ended, or is left for recovery."""
        del self._deliveries[request]
        self._begun.discard(request)
        self._one_ended.set()

    def add_unrecovered(self, accepted: Accepted) -> None:
        """Add a request that waits for its platform's recovery."""
        self._unrecovered.append(accepted)

    def take_unrecovered(self, platform: str) -> list[Accepted]:
        """Remove and return the requests that wait for this platform's recovery."""
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

    async def begin(self, delivery: Delivery) -> None:
        """Wait while answers are paused, and mark the request as one that is being answered."""
        while not self._may_begin.is_set():
            delivery.draft.write(Status(self._pause_reason, long=True))
            await self._may_begin.wait()
        self._begun.add(delivery.accepted.id)

    # For others -------------------------------------------------------------------------------------------------------

    def stop(self, request: int) -> bool:
        """Stop the answer to a request and keep its text so far; return False when it is not running."""
        delivery = self._deliveries.get(request)
        return delivery is not None and delivery.stop()

    def running(self, conversation: int) -> int | None:
        """Return the id of the request that is being answered in a conversation; None without one."""
        return self._current.get(conversation)

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is being answered."""
        return not self._deliveries

    def has_any(self, matches: Callable[[Accepted], bool]) -> bool:
        """Return whether a request that matches is being answered or waits for its turn."""
        return any(matches(delivery.accepted) for delivery in self)

    def forget(self, matches: Callable[[Accepted], bool]) -> None:
        """Drop the requests that match and are not answered yet, and show that to the people who wait for them."""
        self._unrecovered = [accepted for accepted in self._unrecovered if not matches(accepted)]
        for delivery in self:
            if matches(delivery.accepted):
                delivery.forget()

    def reword(self, matches: Callable[[Accepted], bool], text: str) -> None:
        """Change the text of the requests that match and are not answered yet."""
        for delivery in self:
            if matches(delivery.accepted):
                delivery.reword(text)

    @asynccontextmanager
    async def paused(self, why: str, seconds: float) -> AsyncGenerator[None, None]:
        """Begin no answer inside the context, and show the reason to the people who wait.

        The context is entered once the running answers ended, or after `seconds`. Requests that pass, such as to stop
        an answer, are not paused.
        """
        self._pause_reason = why
        self._may_begin.clear()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._until(lambda: not self._begun)
            yield
        finally:
            self._may_begin.set()

    async def idle(self, matches: Callable[[Accepted], bool] = _every) -> None:
        """Wait until no request that matches is being answered or waits for its turn."""
        await self._until(lambda: not self.has_any(matches))

    async def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            self._one_ended.clear()
            await self._one_ended.wait()
