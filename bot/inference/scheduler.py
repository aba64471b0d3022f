"""Each model's own line: who waits, who is being answered, and the one thread that works. No torch here."""

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
Tell = Callable[[str], None]


class Work:
    """One request, as a model works on it: it writes text as it comes and ends once, with an answer or a failure."""

    def __init__(self, number: int, job: Job[JobAnswer], send: Send) -> None:
        self.number = number
        self.job = job
        self.stop = threading.Event()
        self.ended = False
        self._send = send

    def tell(self, text: str, position: int = 0) -> None:
        """What is waited for."""
        self._send(JobProgress(self.number, text, position))

    def write(self, text: str) -> None:
        """More of the text."""
        if text:
            self._send(TextPiece(self.number, text))

    def end(self, answer: JobAnswer) -> None:
        """It is done."""
        self.ended = True
        self._send(JobEnded(self.number, answer))

    def fail(self, error: BaseException) -> None:
        """It came to nothing."""
        failure = inference_error_of(error)
        self.ended = True
        self._send(JobFailed(self.number, failure.kind, failure.message))

    @contextmanager
    def failing_alone(self) -> Iterator[None]:
        """Whatever goes wrong inside fails this request and nothing else."""
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - told to the asker; this process serves others too
            self.fail(error)


class Model(Protocol):
    """A loaded model. `step` gets at most `capacity` works at a time, the first of them after `window` seconds."""

    capacity: int
    window: float
    unit: str

    @property
    def ready(self) -> Ready:
        """What there is to know before asking."""

    def step(self, works: Sequence[Work]) -> int:
        """Bring the works a little further, ending those that are done; how many of `unit` that made."""

    def quick(self, job: Job[JobAnswer]) -> JobAnswer:
        """The answer to a quick job; called from any thread."""


class Loader(Protocol):
    """Finds a model's weights, and loads them."""

    def need(self, source: ModelSource, skill: Skill, tell: Tell) -> tuple[str, int]:
        """The device that the model goes to, and the bytes that it will take there.

        Raises Failure, also for a model that was not made for the skill: nobody else's room is taken for that.
        """

    def load(self, source: ModelSource, skill: Skill, tell: Tell) -> Model:
        """Load it. Raises Failure."""


class ModelQueue:
    """One model for one skill. Everybody in it hears how far its loading is, and how far they are from their turn."""

    def __init__(self, source: ModelSource, skill: Skill, loader: Loader, shelf: MemoryManager, send: Send) -> None:
        self._source = source
        self._skill = skill
        self._loader = loader
        self._shelf = shelf
        self._send = send
        self._model: Model | None = None
        self._changed = threading.Condition()
        self._waiting: deque[Work] = deque()
        self._working: list[Work] = []
        self._warming: list[Work] = []
        self._doing = ""
        self._speed = 0.0
        self._thread: threading.Thread | None = None

    def take(self, ask: Run | Warm) -> None:
        """Give a request its place in the line. Quick ones go past it, once the model is loaded."""
        if isinstance(ask, Run) and ask.job.quick and self._model:
            threading.Thread(target=self._pass_by, args=(ask,), daemon=True).start()
        else:
            self._queue(ask)

    def _queue(self, ask: Run | Warm) -> None:
        with self._changed:
            if isinstance(ask, Run):
                work = Work(ask.id, ask.job, self._send)
                self._waiting.append(work)
            else:
                work = Work(ask.id, Job(), self._send)
                self._warming.append(work)
            if self._doing:
                work.tell(self._doing)
            if not self._thread:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            self._changed.notify()
            self._tell_places(newest_only=True)

    def _pass_by(self, ask: Run) -> None:
        if not self._shelf.hold(self):
            self._queue(ask)
            return
        try:
            if model := self._model:
                self._answer_quickly(Work(ask.id, ask.job, self._send), model)
            else:  # it was unloaded in between and is being loaded again
                self._queue(ask)
        finally:
            self._shelf.let_go(self)

    @staticmethod
    def _answer_quickly(work: Work, model: Model) -> None:
        with work.failing_alone():
            work.end(model.quick(work.job))

    def cancel(self, number: int) -> None:
        """Stop a request that is being worked on, or take it out of the line."""
        with self._changed:
            for work in self._working:
                if work.number == number:
                    work.stop.set()
            for work in [work for work in self._waiting if work.number == number]:
                self._waiting.remove(work)
                work.end(Written("stopped"))
                self._tell_places()

    def resident(self) -> Resident | None:
        """What there is to say about the model, if it is loaded."""
        if not (model := self._model):
            return None
        busy = any(not work.ended for work in [*self._working, *self._waiting])
        return Resident(self._source, self._skill, model.ready, busy, round(self._speed, 1), model.unit)

    def unload(self) -> None:
        """Forget the weights; who comes next loads them again."""
        with self._changed:
            self._model = None
            self._changed.notify()

    def _run(self) -> None:
        while self._is_wanted():
            try:
                self._load()
            except BaseException as error:  # noqa: BLE001 - told to everybody who waits; the next one may fare better
                self._fail_all(error)
                continue
            try:
                assert self._model
                self._serve(self._model)
            finally:
                self._shelf.let_go(self)

    def _is_wanted(self) -> bool:
        """Wait for somebody; without a model nobody is waited for, and the thread ends until somebody comes."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._warming or not self._model)
            if self._waiting or self._warming:
                return True
            self._thread = None
            return False

    def _load(self) -> None:
        """Hold the model, loaded once there is room for it."""
        if self._shelf.hold(self):
            return
        reserved = False
        try:
            self._tell("Starting the model's libraries")
            device, need = self._loader.need(self._source, self._skill, self._tell)
            self._shelf.make_room(self, device, need, self._tell)
            reserved = True
            self._model = self._loader.load(self._source, self._skill, self._tell)
            self._shelf.measured(self, self._model.ready.bytes)
        except BaseException:
            if reserved:
                self._shelf.remove(self)
                self._shelf.let_go(self)
            raise
        finally:
            self._doing = ""

    def _serve(self, model: Model) -> None:
        """Work until nobody is left, or another model needs the room and what was begun is done.

        Who waited for the room uses it first: models that want each other's would pass it round for ever.
        """
        with self._changed:
            for work in self._warming:
                work.end(model.ready)
            self._warming.clear()
            if self._waiting:  # more may be on their way, and many at once are cheaper
                self._changed.wait_for(lambda: len(self._waiting) >= model.capacity, timeout=model.window)
        more = True
        while True:
            self._admit(model, more=more)
            if not self._working:
                return
            self._step(model)
            more = not self._shelf.wanted(self)

    def _admit(self, model: Model, *, more: bool) -> None:
        quick: list[Work] = []
        with self._changed:
            before = len(self._waiting)
            while more and self._waiting and len(self._working) < model.capacity:
                work = self._waiting.popleft()
                (quick if work.job.quick else self._working).append(work)
            if len(self._waiting) < before:
                self._tell_places()
        for work in quick:  # the lock is free again: a template may take its time
            self._answer_quickly(work, model)

    def _step(self, model: Model) -> None:
        began, count = time.monotonic(), 0
        try:
            count = model.step(self._working)
        except BaseException as error:  # noqa: BLE001 - told to the askers; this process serves others too
            for work in self._working:
                if not work.ended:
                    work.fail(error)
        if count:
            self._speed = count / max(time.monotonic() - began, 1e-6)
        with self._changed:
            self._working = [work for work in self._working if not work.ended]

    def _fail_all(self, error: BaseException) -> None:
        with self._changed:
            works = [*self._warming, *self._waiting]
            self._warming.clear()
            self._waiting.clear()
        for work in works:
            work.fail(error)

    def _tell(self, text: str) -> None:
        with self._changed:
            self._doing = text
            for work in [*self._warming, *self._waiting]:
                work.tell(text)

    def _tell_places(self, *, newest_only: bool = False) -> None:
        """Tell those who really wait; the first ones in line may be about to begin."""
        if not self._model:
            return
        free = self._model.capacity - len(self._working)
        for position, work in enumerate(self._waiting, 1 - free):
            if position > 0 and (work is self._waiting[-1] or not newest_only):
                work.tell("Waiting for the model", position)
