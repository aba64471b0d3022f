"""Takes what the bot asks, gives each model its lane, and answers what is asked about all of them. No torch here."""

from __future__ import annotations

from pathlib import Path

import psutil

from bot.inference.kinds import Skill
from bot.inference.lanes import Lane, Model, Send, Tell
from bot.inference.memory import limit, release
from bot.inference.protocol import Ask, Cancel, Ended, Inventory, Look, Run, Source, Unload, Warm
from bot.inference.shelf import Shelf


class Engine:
    """The models themselves. Importing them takes seconds, so that is done by the first who needs one."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache

    def need(self, source: Source, skill: Skill, tell: Tell) -> tuple[str, int]:
        """The device that the model goes to, and the bytes that it will take there. Raises Failure."""
        from bot.inference import engine

        return engine.need(source, skill, self._cache, tell)

    def load(self, source: Source, skill: Skill, tell: Tell) -> Model:
        """Load it. Raises Failure."""
        from bot.inference import engine

        return engine.load(source, skill, self._cache, tell)


class Server:
    """Every model that was asked for. `handle` never waits: the work is done in threads."""

    def __init__(self, cache: Path, memory: int, send: Send) -> None:
        self._engine = Engine(cache)
        self._shelf = Shelf(lambda device: limit(memory, device), release)
        self._send = send
        self._lanes: dict[tuple[Source, Skill], Lane] = {}

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
                self._send(Ended(ask.id, self._inventory()))
            case Look():
                self._send(Ended(ask.id, self._inventory()))

    def _lane(self, source: Source, skill: Skill) -> Lane:
        key = (source, skill)
        if key not in self._lanes:
            self._lanes[key] = Lane(source, skill, self._engine, self._shelf, self._send)
        return self._lanes[key]

    def _inventory(self) -> Inventory:
        standing = [lane.resident() for lane in self._shelf.order if isinstance(lane, Lane)]
        models = tuple(resident for resident in standing if resident)
        return Inventory(models, self._shelf.limit("cpu"), psutil.Process().memory_info().rss)
