"""The queue of each model: waiting requests, running ones, and the thread that runs them. Imports no torch."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from bot.inference.errors import inference_error_of
from bot.inference.memory_manager import MemoryManager
from bot.inference.protocol import (
    Event,
    JobEnded,
    JobFailed,
    JobProgress,
    ModelSource,
    Ready,
    Resident,
    Run,
    TextPiece,
    Warm,
)
from bot.interfaces.jobs import Job, JobAnswer, Skill, Written

Send = Callable[[Event], None]
Report = Callable[[str], None]
"""Shows the progress of a long operation to people."""


class Work:
    """A request that a model works on. It writes text and ends once, with an answer or a failure."""

    def __init__(self, number: int, job: Job[JobAnswer], send: Send) -> None:
        self.number = number
        self.job = job
        self.stop = threading.Event()
        self.ended = False
        self._send = send

    def report(self, text: str, position: int = 0) -> None:
        """Send the progress, and the position in the queue if the request waits there."""
        self._send(JobProgress(self.number, text, position))

    def write(self, text: str) -> None:
        """Send more of the text."""
        if text:
            self._send(TextPiece(self.number, text))

    def end(self, answer: JobAnswer) -> None:
        """End the request with an answer."""
        self.ended = True
        self._send(JobEnded(self.number, answer))

    def fail(self, error: BaseException) -> None:
        """End the request with a failure."""
        failure = inference_error_of(error)
        self.ended = True
        self._send(JobFailed(self.number, failure.kind, failure.message))

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Make every exception inside a failure of this request only."""
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - sent to the person who asked; this process serves others too
            self.fail(error)


class Model(Protocol):
    """A loaded model. `step` gets at most `capacity` works; the first step waits up to `window` seconds for them."""

    capacity: int
    window: float
    unit: str

    @property
    def ready(self) -> Ready:
        """The model's description."""

    def step(self, works: Sequence[Work]) -> int:
        """Run one step of the works, and end those that are done. Return the produced amount in `unit`."""

    def quick(self, job: Job[JobAnswer]) -> JobAnswer:
        """Return the answer to a quick job; called from any thread."""


class Loader(Protocol):
    """Finder and loader of a model's weights."""

    def need(self, source: ModelSource, skill: Skill, report: Report) -> tuple[str, int]:
        """Return the device for a model and the bytes that it will take there.

        Raises InferenceError, also for a model without the skill: it must not push others out of memory first.
        """

    def load(self, source: ModelSource, skill: Skill, report: Report) -> Model:
        """Load a model. Raises InferenceError."""


class ModelQueue:
    """The queue of one model and skill. Every waiting request gets the progress of loading and its position."""

    def __init__(self, source: ModelSource, skill: Skill, loader: Loader, memory: MemoryManager, send: Send) -> None:
        self._source = source
        self._skill = skill
        self._loader = loader
        self._memory = memory
        self._send = send
        self._model: Model | None = None
        self._changed = threading.Condition()
        self._waiting: deque[Work] = deque()
        self._working: list[Work] = []
        self._warming: list[Work] = []
        self._status = ""
        self._speed = 0.0
        self._thread: threading.Thread | None = None

    def submit(self, request: Run | Warm) -> None:
        """Add a request to the queue. With a loaded model a quick one runs at once, in a thread of its own."""
        if isinstance(request, Run) and request.job.quick and self._model:
            threading.Thread(target=self._run_quick, args=(request,), daemon=True).start()
        else:
            self._add(request)

    def _add(self, request: Run | Warm) -> None:
        with self._changed:
            if isinstance(request, Run):
                work = Work(request.id, request.job, self._send)
                self._waiting.append(work)
            else:
                work = Work(request.id, Job(), self._send)
                self._warming.append(work)
            if self._status:
                work.report(self._status)
            if not self._thread:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            self._changed.notify()
            self._report_positions(newest_only=True)

    def _run_quick(self, request: Run) -> None:
        if not self._memory.acquire(self):
            self._add(request)
            return
        try:
            if model := self._model:
                self._answer_quick(Work(request.id, request.job, self._send), model)
            else:  # it was unloaded meanwhile and is being loaded again
                self._add(request)
        finally:
            self._memory.done(self)

    @staticmethod
    def _answer_quick(work: Work, model: Model) -> None:
        with work.isolated():
            work.end(model.quick(work.job))

    def cancel(self, number: int) -> None:
        """Stop a running request at its next step, or end a waiting one."""
        with self._changed:
            for work in self._working:
                if work.number == number:
                    work.stop.set()
            for work in [work for work in self._waiting if work.number == number]:
                self._waiting.remove(work)
                work.end(Written("stopped"))
                self._report_positions()

    def resident(self) -> Resident | None:
        """Return the model's state; None if it is not loaded."""
        if not (model := self._model):
            return None
        busy = any(not work.ended for work in [*self._working, *self._waiting])
        return Resident(self._source, self._skill, model.ready, busy, round(self._speed, 1), model.unit)

    def unload(self) -> None:
        """Drop the weights; the next request loads them again."""
        with self._changed:
            self._model = None
            self._changed.notify()

    def _run(self) -> None:
        while self._wait_for_work():
            try:
                self._load()
            except BaseException as error:  # noqa: BLE001 - sent to everybody who waits; a later request may succeed
                self._fail_all(error)
                continue
            try:
                assert self._model
                self._serve(self._model)
            finally:
                self._memory.done(self)

    def _wait_for_work(self) -> bool:
        """Wait for a request and return True. Without a model, return False at once, so that the thread ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._warming or not self._model)
            if self._waiting or self._warming:
                return True
            self._thread = None
            return False

    def _load(self) -> None:
        """Acquire the model, after loading it if necessary. Raises the loader's errors."""
        if self._memory.acquire(self):
            return
        reserved = False
        try:
            self._report("Starting the model's libraries")
            device, need = self._loader.need(self._source, self._skill, self._report)
            self._memory.reserve(self, device, need, self._report)
            reserved = True
            self._model = self._loader.load(self._source, self._skill, self._report)
            self._memory.set_size(self, self._model.ready.bytes)
        except BaseException:
            if reserved:
                self._memory.remove(self)
                self._memory.done(self)
            raise
        finally:
            self._status = ""

    def _serve(self, model: Model) -> None:
        """Run steps until no work is left. If another model claims the memory, only finish the running works.

        A model that has just been loaded always runs its first works: two models that claim each other's memory would
        otherwise be loaded in turn for ever, without an answer.
        """
        with self._changed:
            for work in self._warming:
                work.end(model.ready)
            self._warming.clear()
            if self._waiting:  # more requests may arrive at the same moment, and one batch of them is cheaper
                self._changed.wait_for(lambda: len(self._waiting) >= model.capacity, timeout=model.window)
        more = True
        while True:
            self._admit(model, more=more)
            if not self._working:
                return
            self._step(model)
            more = not self._memory.must_yield(self)

    def _admit(self, model: Model, *, more: bool) -> None:
        """Move waiting works to the running ones, as many as fit, and answer the quick ones."""
        quick: list[Work] = []
        with self._changed:
            before = len(self._waiting)
            while more and self._waiting and len(self._working) < model.capacity:
                work = self._waiting.popleft()
                (quick if work.job.quick else self._working).append(work)
            if len(self._waiting) < before:
                self._report_positions()
        for work in quick:  # without the lock, because a chat template may be slow
            self._answer_quick(work, model)

    def _step(self, model: Model) -> None:
        start, count = time.monotonic(), 0
        try:
            count = model.step(self._working)
        except BaseException as error:  # noqa: BLE001 - sent to the people who asked; this process serves others too
            for work in self._working:
                if not work.ended:
                    work.fail(error)
        if count:
            self._speed = count / max(time.monotonic() - start, 1e-6)
        with self._changed:
            self._working = [work for work in self._working if not work.ended]

    def _fail_all(self, error: BaseException) -> None:
        with self._changed:
            works = [*self._warming, *self._waiting]
            self._warming.clear()
            self._waiting.clear()
        for work in works:
            work.fail(error)

    def _report(self, text: str) -> None:
        with self._changed:
            self._status = text
            for work in [*self._warming, *self._waiting]:
                work.report(text)

    def _report_positions(self, *, newest_only: bool = False) -> None:
        """Report their position to the works for which no place is free; the others begin with the next step."""
        if not self._model:
            return
        free = self._model.capacity - len(self._working)
        for position, work in enumerate(self._waiting, 1 - free):
            if position > 0 and (work is self._waiting[-1] or not newest_only):
                work.report("Waiting for the model", position)
