"""The models' process: passes each request to its model's queue, and lists the loaded models. Imports no torch."""

from __future__ import annotations

from pathlib import Path

import psutil

from bot.inference.memory_limits import limit, release
from bot.inference.memory_manager import MemoryManager
from bot.inference.protocol import (
    Cancel,
    InferenceRequest,
    Inventory,
    JobEnded,
    ListLoaded,
    ModelSource,
    Run,
    Unload,
    Warm,
)
from bot.inference.scheduler import Model, ModelQueue, Report, Send
from bot.interfaces.jobs import Skill


class Engine:
    """The loader of models. It is imported by the first request, because the import of torch takes seconds."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache

    def need(self, source: ModelSource, skill: Skill, report: Report) -> tuple[str, int]:
        """Return the device for a model and the bytes that it will take there. Raises InferenceError."""
        from bot.inference import loader

        return loader.need(source, skill, self._cache, report)

    def load(self, source: ModelSource, skill: Skill, report: Report) -> Model:
        """Load a model. Raises InferenceError."""
        from bot.inference import loader

        return loader.load(source, skill, self._cache, report)


class InferenceServer:
    """The queues of all models. `handle` never blocks: the work is done in threads."""

    def __init__(self, cache: Path, memory: int, send: Send) -> None:
        self._engine = Engine(cache)
        self._memory = MemoryManager(lambda device: limit(memory, device), release)
        self._send = send
        self._queues: dict[tuple[ModelSource, Skill], ModelQueue] = {}

    def handle(self, request: InferenceRequest) -> None:
        """Begin a request; its events are sent later, from any thread."""
        match request:
            case Run():
                self._queue(request.source, request.job.skill).submit(request)
            case Warm():
                self._queue(request.source, request.skill).submit(request)
            case Cancel():
                for queue in self._queues.values():
                    queue.cancel(request.id)
            case Unload():
                for (source, _), queue in self._queues.items():
                    if source == request.source:
                        self._memory.remove(queue)
                self._send(JobEnded(request.id, self._inventory()))
            case ListLoaded():
                self._send(JobEnded(request.id, self._inventory()))

    def _queue(self, source: ModelSource, skill: Skill) -> ModelQueue:
        key = (source, skill)
        if key not in self._queues:
            self._queues[key] = ModelQueue(source, skill, self._engine, self._memory, self._send)
        return self._queues[key]

    def _inventory(self) -> Inventory:
        residents = [queue.resident() for queue in self._memory.loaded if isinstance(queue, ModelQueue)]
        models = tuple(resident for resident in residents if resident)
        return Inventory(models, self._memory.limit("cpu"), psutil.Process().memory_info().rss)
