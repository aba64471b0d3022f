"""The whole core on a platform and models in memory, with a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from time import time

from bot.app import assemble
from bot.commands._registry import load_commands
from bot.config import Config
from bot.core.request_queue import TIMEOUTS
from bot.interfaces.backend import Backend
from bot.interfaces.database import Database
from bot.interfaces.messages import Act, Person, Place, Request
from bot.interfaces.prompts import Prompt
from bot.interfaces.replies import Done, Status, Text, Thought
from tests.fakes.memory import MemoryAdapter, MemoryBackend, MemoryDraft
from tests.fakes.waiting import Waiting

COMMANDS = load_commands()
CHANNEL = Place("discord", "guild", "general", name="#general")
THREAD = replace(CHANNEL, thread="thread")
DIRECT = Place("discord", "@me", "dm", direct=True)
ANN, BEN, ADMIN = Person("1", "Ann"), Person("2", "Ben"), Person("3", "Root", administrator=True)

CONFIG = """
[bot]
uninstall_grace_hours = 0
[settings]
model = "main"
[models.main]
backend = "openai"
model = "main"
fallback = "spare"
[models.spare]
backend = "openai"
model = "spare"
"""


class World(Waiting):
    """A running core. `say` waits for the answer; `wait` for prompts, drafts and answers."""

    def __init__(self, store: Database, config: Config) -> None:
        self.config = config
        self.store = store
        self.violations, self._waiting = [], []
        self.adapter = MemoryAdapter(changed=self.changed)
        self.main, self.spare = MemoryBackend(changed=self.changed), MemoryBackend(changed=self.changed)
        self.backends: dict[str, Backend] = {"main": self.main, "spare": self.spare}
        self.acts = 100
        self.clock: Callable[[], float] = time
        self.timeouts = TIMEOUTS

    async def start(self) -> None:
        adapters = {"discord": self.adapter}
        app = await assemble(self.config, self.store, self.backends, adapters, COMMANDS, self.clock, self.timeouts)
        self.app, self.queue, self.active, self.intake = app, app.queue, app.active, app.intake

    async def restart(self, **seconds: float) -> None:
        """End the core and start it again, with other timeouts."""
        await self.queue.aclose(0)
        self.timeouts = replace(self.timeouts, **seconds)
        await self.start()
        await self.queue.recover("discord")

    async def offer(self, text: str, place: Place = DIRECT, person: Person = ANN, **more: object) -> MemoryDraft | None:
        self.acts += 1
        arguments = {"text": text} if text else {}
        request = Request(Act(str(self.acts), self.acts), place, person, "chat", arguments, message=f"m{self.acts}")
        before = len(self.adapter.drafts)
        if not await self.intake.offer(self.intake.settle(replace(request, **more))):  # type: ignore[arg-type]  # any field
            return None
        return self.adapter.drafts[before] if len(self.adapter.drafts) > before else None

    def request(self, command: str, place: Place, person: Person, arguments: Mapping[str, str]) -> Request:
        """Return a request without offering it."""
        self.acts += 1
        return Request(Act(str(self.acts), self.acts), place, person, command, arguments)

    def hold(self, gate: asyncio.Event) -> None:
        """Block every answer."""

        async def script(prompt: Prompt) -> AsyncGenerator[Text | Thought | Status | Done, None]:
            await gate.wait()
            yield Text("at last")
            yield Done()

        self.main.script = script

    async def say(self, text: str, place: Place = DIRECT, person: Person = ANN, **more: object) -> MemoryDraft:
        draft = await self.offer(text, place, person, **more)
        assert draft is not None
        await draft.finished.wait()
        await self.active.idle(lambda accepted: accepted.id == draft.log.request_id)  # until its row has ended, too
        return draft

    async def command(self, name: str, /, place: Place = DIRECT, person: Person = ANN, **arguments: str) -> MemoryDraft:
        return await self.say("", place, person, command=name, arguments=arguments, message="")


def saying(*chunks: Text | Thought | Status | Done | Exception | asyncio.Event) -> object:
    """Set a model's script: it sends the texts, waits for the events and raises the errors."""

    async def script(prompt: Prompt) -> AsyncGenerator[Text | Thought | Status | Done, None]:
        for chunk in chunks:
            if isinstance(chunk, Exception):
                raise chunk
            if isinstance(chunk, asyncio.Event):
                await chunk.wait()
            else:
                yield chunk

    return script


def play(backend: MemoryBackend, *chunks: Text | Thought | Status | Done | Exception | asyncio.Event) -> None:
    backend.script = saying(*chunks)  # type: ignore[assignment]  # a script
