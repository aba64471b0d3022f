"""A core that only remembers: for tests of one adapter without the rest of the bot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

from bot.errors import StoreError
from bot.ports import Adapter, Draft
from bot.types import Command, Option, Part, Person, Place, Request

COMMANDS = (
    Command("chat", "Talk with the bot", (Option("text", "What to say"),), converses=True, hidden=True),
    Command(
        "ask",
        "Ask a model",
        (
            Option("text", "What to ask", required=True),
            Option("model", "Which model answers", suggested=True),
            Option("private", "Only you see the answer", kind="flag"),
        ),
        converses=True,
    ),
    Command("new", "Start a new conversation", passes=True, quiet=True),
    Command("stop", "Stop the answer", passes=True, quiet=True),
    Command("retry", "Answer again"),
    Command("model", "Show or set the model", (Option("name", "The model", suggested=True),), passes=True, quiet=True),
    Command("welcome", "Introduce the bot", passes=True, hidden=True),
)


@dataclass
class ListedDraftLog:
    """A DraftLog in memory; `found` are the parts of an earlier run."""

    request_id: int
    found: Sequence[Part] = ()
    resumed: bool = False
    log: dict[int, Part] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.log = {part.index: part for part in self.found}

    @property
    def parts(self) -> Sequence[Part]:
        return tuple(self.log.values())

    async def creating(self, index: int, text: str) -> None:
        self.log[index] = Part(index, text)

    async def created(self, index: int, message: str) -> None:
        self.log[index] = Part(index, self.log[index].text, message)


class RecordingIntake:
    """Takes every request once, in the order offered. `completions` are what options may be completed with."""

    def __init__(self, commands: Sequence[Command] = COMMANDS) -> None:
        self.commands = commands
        self.requests: list[Request] = []
        self.places: list[tuple[Place, int]] = []
        self.completions: Sequence[str] = ("large", "small")
        self.broken = False
        self.gate: asyncio.Event | None = None
        self._known: set[tuple[str, str, str]] = set()
        self._accepted: asyncio.Queue[Request] = asyncio.Queue()
        self._offered: asyncio.Queue[Request] = asyncio.Queue()

    def offer(self, request: Request) -> Awaitable[bool]:
        key = (request.place.platform, request.place.workspace, request.act.id)
        known = key in self._known
        self._known.add(key)
        self._offered.put_nowait(request)
        if not known and not self.broken:
            self.requests.append(request)
        return self._keep(request, known)

    async def _keep(self, request: Request, known: bool) -> bool:
        if self.gate is not None:
            await self.gate.wait()
        if self.broken:
            raise StoreError("The disk is full.")
        if not known:
            self._accepted.put_nowait(request)
        return not known

    async def suggest(self, command: str, option: str, typed: str, place: Place, person: Person) -> Sequence[str]:
        return [name for name in self.completions if typed in name]

    async def seen(self, platform: str) -> Sequence[tuple[Place, int]]:
        return self.places

    async def next(self) -> Request:
        """The next request that was accepted."""
        return await asyncio.wait_for(self._accepted.get(), 5)

    async def offered(self) -> Request:
        """The next request that was offered, whatever became of it."""
        return await asyncio.wait_for(self._offered.get(), 5)

    def draft(self, adapter: Adapter, request: Request, parts: Sequence[Part] = ()) -> Draft:
        """A draft of the answer, as the core would make it; `parts` are left over from an earlier run."""
        log = ListedDraftLog(self.requests.index(request) + 1, parts, bool(parts))
        return adapter.draft(request, log)
