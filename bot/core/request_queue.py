"""The queue of requests: accepted once, answered in the order of each conversation, recovered after a crash."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TypeVar

from bot.administration.state import Administration
from bot.chat.continuation import continuation
from bot.core.active_requests import ActiveRequests
from bot.core.delivery import Delivery, StoredDraftLog
from bot.core.queue_limits import QueueLimits
from bot.interfaces.adapter import Adapter
from bot.interfaces.command import Command, by_path
from bot.interfaces.errors import PlatformError, StoreError
from bot.interfaces.messages import Request
from bot.interfaces.replies import Answer, Part, Reply, Status
from bot.interfaces.store import Accepted, RequestStore, Unfinished

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class QueueTimeouts:
    """The timeouts of the queue, in seconds.

    `redelivery`: the pause before another attempt, after a platform or the database did not take an answer. `patience`:
    the age at which a request whose answer the platform does not take is dropped, after attempts for `least_patience`.
    `closing`: the time after which a stopped answer is shown while its model still runs. `leaving`: the time for calls
    to platforms to end, when answers are left for recovery.
    """

    redelivery: float = 60.0
    patience: float = 86_400.0
    least_patience: float = 3_600.0
    closing: float = 1.0
    leaving: float = 5.0


TIMEOUTS = QueueTimeouts()


@dataclass(slots=True)
class _Lane:
    """One conversation's requests, in the order of their acts; one is answered at a time."""

    waiting: list[tuple[int, int, Delivery]] = field(default_factory=list)
    current: Delivery | None = None


class RequestQueue:
    """Accepts requests and answers each at its turn."""

    def __init__(
        self,
        store: RequestStore,
        adapters: Mapping[str, Adapter],
        commands: Sequence[Command],
        handle: Callable[[Accepted], Reply],
        administration: Administration,
        active: ActiveRequests,
        timeouts: QueueTimeouts = TIMEOUTS,
    ) -> None:
        self._store = store
        self._adapters = adapters
        self._by_name = by_path(commands)
        self._limits = QueueLimits(self._by_name)
        self._handle = handle
        self._administration = administration
        self._active = active
        self._timeouts = timeouts
        self._closed = False
        self._recovered: set[str] = set()
        self._lanes: dict[int, _Lane] = {}
        self._tasks: set[asyncio.Task[object]] = set()
        self._recovering = asyncio.Lock()
        self._ended_during_recovery: set[int] = set()
        self._later: dict[str, asyncio.TimerHandle] = {}
        self._failing: dict[str, dict[int, float]] = {}
        """For each platform, the requests whose answers it does not take, with the loop's time of the first failure."""

    def offer(self, request: Request) -> Awaitable[bool]:
        """Queue the request at once; see bot.interfaces.adapter.Intake."""
        if self._closed:
            raise StoreError("The bot is stopping.")
        return asyncio.shield(self._spawn(self._accept(request)))

    async def recover(self, platform: str) -> None:
        """Answer the requests that an earlier run or an outage left. Call it at every connection of the platform.

        Before the first call, requests are accepted but not answered, so that older ones come first. Requests that are
        being answered now are skipped, even if they end while the store is read: their rows were read too early.
        """
        async with self._recovering:
            self._ended_during_recovery.clear()
            unfinished = await self._store.unfinished(platform)
        waiting = [
            left
            for left in unfinished
            if left.accepted.id not in self._active and left.accepted.id not in self._ended_during_recovery
        ]
        if waiting:
            log.info("%s: answering %d unanswered requests of an earlier run or outage", platform, len(waiting))
        self._failing[platform] = {
            left.accepted.id: since
            for left in unfinished
            if (since := self._failing.get(platform, {}).get(left.accepted.id)) is not None
        }
        for left in waiting:
            await self._resume(left)
        for accepted in self._active.take_unrecovered(platform):
            self._dispatch(accepted)
        self._recovered.add(platform)

    async def _resume(self, left: Unfinished) -> None:
        number, request = left.accepted.id, left.accepted.request
        if self._is_hopeless(left):
            platform = request.place.platform
            log.error("The answer to request %d is dropped, because %s did not take it for a day", number, platform)
            await self._store.end(number, "undeliverable")
        elif request.command in self._by_name:
            self._dispatch(left.accepted, left)
        else:  # a request to a newer version
            log.error("Request %d asks for an unknown command and is dropped", number)
            await self._store.end(number, "dropped")

    def _is_hopeless(self, left: Unfinished) -> bool:
        """Return whether the platform had enough time to take an answer, not counting its outages."""
        since = self._failing.get(left.accepted.request.place.platform, {}).get(left.accepted.id)
        if since is None or left.answer is None or time.time() - left.since < self._timeouts.patience:
            return False
        return asyncio.get_running_loop().time() - since >= self._timeouts.least_patience

    def recover_soon(self, platform: str) -> None:
        """Recover in the background, and again later after a failure."""
        if timer := self._later.pop(platform, None):
            timer.cancel()
        if not self._closed:
            self._spawn(self._recover_or_later(platform))

    async def _recover_or_later(self, platform: str) -> None:
        try:
            await self.recover(platform)
        except Exception:  # otherwise no request of the platform would be answered
            log.exception("%s: unanswered requests could not be read", platform)
            self._recover_later(platform)

    def _recover_later(self, platform: str) -> None:
        if platform not in self._later:
            loop = asyncio.get_running_loop()
            self._later[platform] = loop.call_later(self._timeouts.redelivery, self.recover_soon, platform)

    async def drop_unfinished(self, platform: str) -> None:
        """Drop the requests of an earlier run on a platform where nobody reads the answers, such as a terminal."""
        for left in await self._store.unfinished(platform):
            await self._store.end(left.accepted.id, "dropped")
        self._recovered.add(platform)

    async def aclose(self, grace: float) -> None:
        """Accept no more requests, give running answers `grace` seconds and leave the rest for recovery."""
        self._closed = True
        for lane in self._lanes.values():
            for _, _, delivery in lane.waiting:
                self._spawn(delivery.draft.abandon())
            lane.waiting.clear()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
            if late:
                log.info("%d answers did not end in time and are left for the next start", len(late))
                await asyncio.wait(late, timeout=self._timeouts.leaving)

    def _spawn(self, work: Coroutine[object, object, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self, request: Request) -> bool:
        settings = self._administration.settings(request.place, request.person)
        command, shared = self._by_name[request.command], settings.continues == "channel"
        chosen = continuation(request, command, settings.continue_minutes * 60_000, shared=shared)
        accepted = await self._store.accept(request, chosen)
        if accepted is None:
            return False
        if request.place.platform in self._recovered:
            self._dispatch(accepted)
        else:
            self._active.add_unrecovered(accepted)
        return True

    def _dispatch(self, accepted: Accepted, left: Unfinished | None = None) -> None:
        """Put the request into its conversation's lane, or start it at once if it does not have to wait."""
        if accepted.id in self._active or self._closed:
            return
        full = "" if left else self._refusal(accepted)
        delivery = self._delivery(accepted, left)
        self._active.add(delivery)
        if full:
            delivery.refuse(full)
            self._spawn(self._run_refused(delivery, full))
            return
        if self._passes(accepted) or not accepted.conversation:
            self._spawn(self._run(delivery))
            return
        lane = self._lanes.get(accepted.conversation)
        if lane is None:
            lane = self._lanes[accepted.conversation] = _Lane()
            self._spawn(self._run_lane(accepted.conversation, lane))
        heappush(lane.waiting, (accepted.request.act.order, accepted.id, delivery))
        _show_positions(lane)

    def _delivery(self, accepted: Accepted, left: Unfinished | None) -> Delivery:
        parts: Sequence[Part] = left.parts if left else ()
        attempts = left.attempts if left else 0
        answer: Answer | None = left.answer if left else None
        draft_log = StoredDraftLog(self._store, accepted.id, parts, resumed=left is not None)
        draft = self._adapters[accepted.request.place.platform].draft(accepted.request, draft_log)
        streams = self._administration.settings(accepted.request.place, accepted.request.person).streaming
        return Delivery(
            accepted,
            draft,
            self._store,
            self._handle,
            attempts,
            answer,
            streams=streams,
            closing=self._timeouts.closing,
        )

    def _passes(self, accepted: Accepted) -> bool:
        return self._by_name[accepted.request.command].passes

    def _refusal(self, accepted: Accepted) -> str:
        waiting = [delivery for lane in self._lanes.values() for _, _, delivery in lane.waiting]
        settings = self._administration.settings(accepted.request.place)
        return self._limits.refusal(accepted, self._active, waiting, settings)

    async def _run_refused(self, delivery: Delivery, why: str) -> None:
        if not await self._administration.audit_refusal(delivery.accepted.request, why):
            delivery.refuse("")
        await self._run(delivery)

    async def _run_lane(self, conversation: int, lane: _Lane) -> None:
        try:
            while lane.waiting:
                _, _, lane.current = heappop(lane.waiting)
                _show_positions(lane)
                with self._active.answering(conversation, lane.current):
                    await self._run(lane.current)
                lane.current = None
        finally:
            del self._lanes[conversation]

    async def _run(self, delivery: Delivery) -> None:
        request, platform = delivery.accepted.id, delivery.accepted.request.place.platform
        try:
            if not self._passes(delivery.accepted):
                await self._active.begin(delivery)
            await delivery.run()
        except (PlatformError, StoreError) as error:
            log.warning("The answer to request %d could not be delivered (%s); it will be tried again", request, error)
            if isinstance(error, PlatformError):
                self._failing.setdefault(platform, {}).setdefault(request, asyncio.get_running_loop().time())
            self._recover_later(platform)
        except Exception:  # one broken request must not end its lane
            log.exception("Request %d failed", request)
        finally:
            self._active.remove(request)
            if self._recovering.locked():
                self._ended_during_recovery.add(request)


def _show_positions(lane: _Lane) -> None:
    """Show each waiting person the number of answers before theirs."""
    ahead = 1 if lane.current else 0
    for position, (_, _, delivery) in enumerate(sorted(lane.waiting, key=lambda entry: entry[:2]), start=ahead):
        if position:
            noun = "answer" if position == 1 else "answers"
            delivery.draft.write(Status(f"Waiting: {position} {noun} before this one.", position))
