"""Takes what the bot asks, gives each model its lane, and answers what is asked about all of them. No torch here."""

from __future__ import annotations

from pathlib import Path

import psutil

from bot.inference.memory_limits import limit, release
from bot.inference.memory_manager import MemoryManager
from bot.inference.protocol import Ask, Cancel, Inventory, JobEnded, ListLoaded, ModelSource, Run, Unload, Warm
from bot.inference.scheduler import Model, ModelQueue, Send, Tell
from bot.interfaces.jobs import Skill


class Engine:
    """The models themselves. Importing them takes seconds, so that is done by the first who needs one."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache

    def need(self, source: ModelSource, skill: Skill, tell: Tell) -> tuple[str, int]:
        """The device that the model goes to, and the bytes that it will take there. Raises Failure."""
        from bot.inference import loader

        return loader.need(source, skill, self._cache, tell)

    def load(self, source: ModelSource, skill: Skill, tell: Tell) -> Model:
        """Load it. Raises Failure."""
        from bot.inference import loader

        return loader.load(source, skill, self._cache, tell)


class InferenceServer:
    """Every model that was asked for. `handle` never waits: the work is done in threads."""

    def __init__(self, cache: Path, memory: int, send: Send) -> None:
        self._engine = Engine(cache)
        self._shelf = MemoryManager(lambda device: limit(memory, device), release)
        self._send = send
        self._lanes: dict[tuple[ModelSource, Skill], ModelQueue] = {}

    def handle(self, ask: Ask) -> None:
        """Begin what is asked for."""
        match ask:
            case Run():
                self._lane(ask.source, ask.job.skill).take(ask)
            case Warm():
                self._lane(ask.source, ask.skill).take(ask)
            case Cancel():
                for lane in self._lanes.values():
                    lane.cancel(ask.id)
            case Unload():
                for (source, _), lane in self._lanes.items():
                    if source == ask.source:
                        self._shelf.remove(lane)
                self._send(JobEnded(ask.id, self._inventory()))
            case ListLoaded():
                self._send(JobEnded(ask.id, self._inventory()))

    def _lane(self, source: ModelSource, skill: Skill) -> ModelQueue:
        key = (source, skill)
        if key not in self._lanes:
            self._lanes[key] = ModelQueue(source, skill, self._engine, self._shelf, self._send)
        return self._lanes[key]

    def _inventory(self) -> Inventory:
        standing = [lane.resident() for lane in self._shelf.order if isinstance(lane, ModelQueue)]
        models = tuple(resident for resident in standing if resident)
        return Inventory(models, self._shelf.limit("cpu"), psutil.Process().memory_info().rss)
