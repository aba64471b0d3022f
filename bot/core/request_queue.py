"""Accept each request once, answer each conversation in order, pick up after a crash what was left unanswered."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TypeVar

from bot.administration.state import Administration
from bot.chat.continuation import continuation
from bot.core.delivery import Delivery, StoredDraftLog
from bot.interfaces.adapter import Adapter
from bot.interfaces.command import Command, by_path
from bot.interfaces.errors import PlatformError, StoreError
from bot.interfaces.messages import Request
from bot.interfaces.replies import Answer, Part, Reply, Status
from bot.interfaces.store import Accepted, RequestStore, Unfinished

log = logging.getLogger(__name__)

T = TypeVar("T")

REDELIVERY_SECONDS = 60.0
"""After a platform did not take an answer, or the database did not, how long until it is tried again."""

PATIENCE_SECONDS, LEAST_PATIENCE_SECONDS = 86_400.0, 3_600.0
"""How old a request is when its answer, which the platform does not take, is given up; and how long that was tried."""

LET_GO_SECONDS = 5.0
"""How long answers that are left for recovery may take to end the call to the platform that is under way."""


@dataclass(slots=True)
class _Lane:
    """One conversation's requests, in the order of their acts; one is answered at a time."""

    waiting: list[tuple[int, int, Delivery]] = field(default_factory=list)
    current: Delivery | None = None


class RequestQueue:
    """Where every request waits for its turn."""

    def __init__(
        self,
        store: RequestStore,
        adapters: Mapping[str, Adapter],
        commands: Sequence[Command],
        handle: Callable[[Accepted], Reply],
        administration: Administration,
    ) -> None:
        self._store = store
        self._adapters = adapters
        self._by_name = by_path(commands)
        self._handle = handle
        self._administration = administration
        self._closed = False
        self._recovered: set[str] = set()
        self._held: list[Accepted] = []
        self._active: dict[int, Delivery] = {}
        self._lanes: dict[int, _Lane] = {}
        self._tasks: set[asyncio.Task[object]] = set()
        self._recovering = asyncio.Lock()
        self._ended_meanwhile: set[int] = set()
        self._later: dict[str, asyncio.TimerHandle] = {}
        self._begin, self._one_ended = asyncio.Event(), asyncio.Event()
        self._begin.set()
        self._begun: set[int] = set()
        self._held_back = ""
        self._failing: dict[str, dict[int, float]] = {}
        """By platform, the requests whose answers it does not take, and since when by the loop's time."""

    def offer(self, request: Request) -> Awaitable[bool]:
        """Take the request's place in line at once; see bot.interfaces.adapter.Intake."""
        if self._closed:
            raise StoreError("The bot is stopping.")
        return asyncio.shield(self._spawn(self._accept(request)))

    async def recover(self, platform: str) -> None:
        """Answer what an earlier run or an outage left unanswered. Call whenever the platform is connected.

        Until the first call, requests are accepted but not answered, so that older ones come first. What is being
        answered now is left alone, also when it ends while the store is read: its row was read too early.
        """
        async with self._recovering:
            self._ended_meanwhile.clear()
            unfinished = await self._store.unfinished(platform)
            known = self._active.keys() | self._ended_meanwhile
        if waiting := [left for left in unfinished if left.accepted.id not in known]:
            log.info("%s: picking up %d unanswered requests", platform, len(waiting))
        self._failing[platform] = {
            left.accepted.id: since
            for left in unfinished
            if (since := self._failing.get(platform, {}).get(left.accepted.id)) is not None
        }
        for left in waiting:
            if self._is_hopeless(platform, left):
                log.error(
                    "The answer to request %d is given up: %s did not take it for a day", left.accepted.id, platform
                )
                await self._store.end(left.accepted.id, "undeliverable")
            elif left.accepted.request.command in self._by_name:
                self._dispatch(left.accepted, left)
            else:  # asked of a newer version
                log.error("Request %d asks for a command that there is not; it is dropped", left.accepted.id)
                await self._store.end(left.accepted.id, "dropped")
        held = [accepted for accepted in self._held if accepted.request.place.platform == platform]
        for accepted in held:
            self._held.remove(accepted)
            self._dispatch(accepted)
        self._recovered.add(platform)

    def _is_hopeless(self, platform: str, left: Unfinished) -> bool:
        """Whether the platform had time enough to take an answer, also if it was away itself until a while ago."""
        failing = self._failing.get(platform, {}).get(left.accepted.id)
        tried = 0.0 if failing is None else asyncio.get_running_loop().time() - failing
        old = time.time() - left.since >= PATIENCE_SECONDS
        return failing is not None and left.answer is not None and old and tried >= LEAST_PATIENCE_SECONDS

    def recover_soon(self, platform: str) -> None:
        """`recover`, beside whatever runs; tried again later when it fails."""
        if timer := self._later.pop(platform, None):
            timer.cancel()
        if not self._closed:
            self._spawn(self._recover_or_later(platform))

    async def _recover_or_later(self, platform: str) -> None:
        try:
            await self.recover(platform)
        except Exception:  # nothing would be answered any more
            log.exception("%s: what is unanswered could not be picked up", platform)
            self._recover_later(platform)

    def _recover_later(self, platform: str) -> None:
        if platform not in self._later:
            loop = asyncio.get_running_loop()
            self._later[platform] = loop.call_later(REDELIVERY_SECONDS, self.recover_soon, platform)

    async def drop_unfinished(self, platform: str) -> None:
        """Forget what an earlier run left unanswered, where nobody is there any more to read it."""
        for left in await self._store.unfinished(platform):
            await self._store.end(left.accepted.id, "dropped")
        self._recovered.add(platform)

    def stop(self, request: int) -> bool:
        """End the answer to a request where it is; False when there is nothing to end."""
        answering = self._active.get(request)
        return answering is not None and answering.stop()

    def running(self, conversation: int) -> int | None:
        """The request that is being answered in a conversation."""
        lane = self._lanes.get(conversation)
        return lane.current.accepted.id if lane and lane.current else None

    @property
    def quiet(self) -> bool:
        """Whether nothing is being answered."""
        return not self._active

    @asynccontextmanager
    async def held_back(self, why: str, seconds: float) -> AsyncGenerator[None, None]:
        """Begin no answer meanwhile, which who waits is told; what is being answered before gets `seconds` to end.

        What waits for nobody, such as to stop an answer, is not held back.
        """
        self._held_back = why
        self._begin.clear()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while self._begun:
                        self._one_ended.clear()
                        await self._one_ended.wait()
            yield
        finally:
            self._begin.set()

    def answers(self, wanted: Callable[[Accepted], bool]) -> bool:
        """Whether one of these is not answered yet."""
        return any(wanted(answering.accepted) for answering in self._active.values())

    def forget(self, unwanted: Callable[[Accepted], bool]) -> None:
        """Drop requests that are not answered yet; who waits for them is told."""
        self._held = [held for held in self._held if not unwanted(held)]
        for answering in self._active.values():
            if unwanted(answering.accepted):
                answering.forget()

    def reword(self, meant: Callable[[Accepted], bool], text: str) -> None:
        """Requests that are not answered yet say something else now."""
        for answering in self._active.values():
            if meant(answering.accepted):
                answering.reword(text)

    async def aclose(self, grace: float) -> None:
        """Take nothing new, give running answers `grace` seconds and leave the rest for recovery."""
        self._closed = True
        waiting = [answering for lane in self._lanes.values() for _, _, answering in lane.waiting]
        for lane in self._lanes.values():
            lane.waiting.clear()
        for answering in waiting:
            self._spawn(answering.draft.abandon())
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
            if late:
                log.info("%d answers are left for the next start", len(late))
                await asyncio.wait(late, timeout=LET_GO_SECONDS)

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
            self._held.append(accepted)
        return True

    def _dispatch(self, accepted: Accepted, left: Unfinished | None = None) -> None:
        """Put the request into its conversation's lane, or start it at once where it does not wait."""
        if accepted.id in self._active or self._closed:
            return
        passes = self._by_name[accepted.request.command].passes
        full = "" if left else self._full(accepted)
        answering = self._active[accepted.id] = self._answering(accepted, left)
        if full:
            answering.refuse(full)
            self._spawn(self._run_refused(answering, full))
            return
        if passes or not accepted.conversation:
            self._spawn(self._run(answering))
            return
        lane = self._lanes.get(accepted.conversation)
        if lane is None:
            lane = self._lanes[accepted.conversation] = _Lane()
            self._spawn(self._run_lane(accepted.conversation, lane))
        heappush(lane.waiting, (accepted.request.act.order, accepted.id, answering))
        _tell_positions(lane)

    def _answering(self, accepted: Accepted, left: Unfinished | None) -> Delivery:
        parts: Sequence[Part] = left.parts if left else ()
        attempts = left.attempts if left else 0
        answer: Answer | None = left.answer if left else None
        draft_log = StoredDraftLog(self._store, accepted.id, parts, resumed=left is not None)
        draft = self._adapters[accepted.request.place.platform].draft(accepted.request, draft_log)
        streams = self._administration.settings(accepted.request.place, accepted.request.person).streaming
        return Delivery(accepted, draft, self._store, self._handle, attempts, answer, streams=streams)

    def _full(self, accepted: Accepted) -> str:
        """Why a question is one too many; "" where there is room."""
        request, limits = accepted.request, self._administration.settings(accepted.request.place)
        command = self._by_name[request.command]
        if command.alone and any(self._is_such(other, request) for other in self._active.values()):
            name = request.command.partition(" ")[0]
            return f"One `/{name}` of yours is under way: ask again when you have its answer."
        if command.passes and not command.alone:
            return ""
        own = sum(1 for other in self._active.values() if not other.answered and self._asks_too(other, request))
        if own >= limits.queue_person:
            what = "A question of yours is" if own == 1 else f"{own} questions of yours are"
            return f"{what} not answered yet: ask again when there is an answer."
        waiting = [waits.accepted.request for lane in self._lanes.values() for _, _, waits in lane.waiting]
        here = sum(1 for other in waiting if other.place == request.place)
        if accepted.conversation and here >= limits.queue_place:
            return f"{here} questions are waiting here already: ask again when some of them are answered."
        return ""

    def _asks_too(self, other: Delivery, request: Request) -> bool:
        """Whether it is a question of the same person, in whichever lane."""
        command = self._by_name[other.accepted.request.command]
        return _of_same_person(other.accepted.request, request) and (command.alone or not command.passes)

    def _is_such(self, other: Delivery, request: Request) -> bool:
        """Whether it is a request of the same person that is to be alone."""
        return _of_same_person(other.accepted.request, request) and self._by_name[other.accepted.request.command].alone

    async def _run_refused(self, answering: Delivery, why: str) -> None:
        if not await self._administration.refused(answering.accepted.request, why):
            answering.refuse("")
        await self._run(answering)

    async def _run_lane(self, conversation: int, lane: _Lane) -> None:
        try:
            while lane.waiting:
                _, _, lane.current = heappop(lane.waiting)
                _tell_positions(lane)
                await self._run(lane.current)
                lane.current = None
        finally:
            del self._lanes[conversation]

    async def _may_begin(self, answering: Delivery) -> None:
        """Wait while answers are held back."""
        if self._by_name[answering.accepted.request.command].passes:
            return
        while not self._begin.is_set():
            answering.draft.write(Status(self._held_back, long=True))
            await self._begin.wait()
        self._begun.add(answering.accepted.id)

    async def _run(self, answering: Delivery) -> None:
        request, platform = answering.accepted.id, answering.accepted.request.place.platform
        try:
            await self._may_begin(answering)
            await answering.run()
        except (PlatformError, StoreError) as error:
            log.warning("The answer to request %d did not get to its end (%s); it is tried again", request, error)
            if isinstance(error, PlatformError):
                self._failing.setdefault(platform, {}).setdefault(request, asyncio.get_running_loop().time())
            self._recover_later(platform)
        except Exception:  # one broken request must not end its lane
            log.exception("Request %d failed", request)
        finally:
            del self._active[request]
            self._begun.discard(request)
            self._one_ended.set()
            if self._recovering.locked():
                self._ended_meanwhile.add(request)


def _of_same_person(one: Request, other: Request) -> bool:
    return (one.place.platform, one.person.id) == (other.place.platform, other.person.id)


def _tell_positions(lane: _Lane) -> None:
    """Say to everyone who waits how many are before them."""
    ahead = 1 if lane.current else 0
    for position, (_, _, answering) in enumerate(sorted(lane.waiting, key=lambda entry: entry[:2]), start=ahead):
        if position:
            noun = "answer" if position == 1 else "answers"
            answering.draft.write(Status(f"Waiting: {position} {noun} before this one.", position))
