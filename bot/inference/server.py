"""Takes requests from the bot, gives each model its own queue and threads, and sends events back. No torch here."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bot.inference.failures import Failure, failure_of
from bot.inference.protocol import (
    Ask,
    Cancel,
    Count,
    Counted,
    Event,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    Piece,
    Progress,
)

if TYPE_CHECKING:
    from bot.inference.engine import Model

Send = Callable[[Event], None]


class Server:
    """Every model that was asked for, by name. `handle` never waits: the work is done in threads."""

    def __init__(self, cache: Path, send: Send) -> None:
        self._cache = cache
        self._send = send
        self._lanes: dict[str, Lane] = {}

    def handle(self, ask: Ask) -> None:
        """Begin what is asked for."""
        match ask:
            case Load():
                lane = self._lanes.setdefault(ask.model, Lane(ask, self._cache, self._send))
                self._begin(lambda: lane.load(ask.id), ask.id)
            case Count():
                self._begin(lambda: self._lane(ask).count(ask), ask.id)
            case Generate():
                with failing_alone(ask.id, self._send):
                    self._lane(ask).take(ask)
            case Cancel():
                for lane in self._lanes.values():
                    lane.cancel(ask.id)

    def _lane(self, ask: Generate | Count) -> Lane:
        lane = self._lanes.get(ask.model)
        if lane is None or lane.model is None:
            raise Failure("failed", "The model is not loaded any more.")
        return lane

    def _begin(self, work: Callable[[], None], number: int) -> None:
        def run() -> None:
            with failing_alone(number, self._send):
                work()

        threading.Thread(target=run, daemon=True).start()


@contextmanager
def failing_alone(number: int, send: Send) -> Iterator[None]:
    """Whatever goes wrong inside fails this request and nothing else."""
    try:
        yield
    except BaseException as error:  # noqa: BLE001 - told to the asker; this process serves others too
        failure = failure_of(error)
        send(Failed(number, failure.kind, failure.message))


@dataclass(slots=True)
class _Job:
    ask: Generate
    stop: threading.Event = field(default_factory=threading.Event)


class Lane:
    """One model: its weights once loaded, the answers being written, and the line of those that wait."""

    def __init__(self, ask: Load, cache: Path, send: Send) -> None:
        self.model: Model | None = None
        self._ask = ask
        self._cache = cache
        self._send = send
        self._loading = threading.Lock()
        self._listeners: set[int] = set()
        self._doing = ""
        self._changed = threading.Condition()
        self._waiting: deque[_Job] = deque()
        self._running: list[_Job] = []
        self._workers = 0

    def load(self, number: int) -> None:
        """Load the weights unless they are; everybody who waits for them hears how far it is."""
        with self._changed:
            self._listeners.add(number)
            if self._doing:
                self._send(Progress(number, self._doing))
        try:
            with self._loading:
                self.model = self.model or self._load()
        finally:
            with self._changed:
                self._listeners.discard(number)
        self._send(Loaded(number, self.model.context))

    def _load(self) -> Model:
        self._tell("Starting the model's libraries")
        from bot.inference import engine  # takes seconds; and the bot's tests of this file need no torch

        try:
            return engine.load(self._ask, self._cache, self._tell)
        finally:
            self._doing = ""

    def _tell(self, text: str) -> None:
        with self._changed:
            self._doing = text
            for number in self._listeners:
                self._send(Progress(number, text))

    def count(self, ask: Count) -> None:
        """Answer with the prompt's length."""
        assert self.model
        self._send(Counted(ask.id, self.model.count(ask.messages)))

    def take(self, ask: Generate) -> None:
        """Give an answer its place in the line."""
        with self._changed:
            self._waiting.append(_Job(ask))
            if self._workers < self._ask.at_once:
                self._workers += 1
                threading.Thread(target=self._work, daemon=True).start()
            self._changed.notify()
            self._tell_places(newest_only=True)

    def cancel(self, number: int) -> None:
        """Stop an answer that is being written, or take it out of the line."""
        with self._changed:
            for job in self._running:
                if job.ask.id == number:
                    job.stop.set()
            left = [job for job in self._waiting if job.ask.id == number]
            if left:
                self._waiting.remove(left[0])
                self._send(Finished(number, "stopped", 0, 0))
                self._tell_places()

    def _tell_places(self, *, newest_only: bool = False) -> None:
        """Tell those who really wait; the first ones in line may be about to begin."""
        free = self._ask.at_once - len(self._running)
        for position, job in enumerate(self._waiting, 1 - free):
            if position > 0 and (job is self._waiting[-1] or not newest_only):
                self._send(Progress(job.ask.id, "Waiting for the model", position))

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                job = self._waiting.popleft()
                self._running.append(job)
                self._tell_places()
            try:
                with failing_alone(job.ask.id, self._send):
                    self._answer(job)
            finally:
                with self._changed:
                    self._running.remove(job)

    def _answer(self, job: _Job) -> None:
        assert self.model
        number = job.ask.id
        ended = self.model.answer(job.ask, job.stop, lambda text: self._send(Piece(number, text)))
        self._send(Finished(number, *ended))
