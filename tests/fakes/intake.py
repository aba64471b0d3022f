"""An intake that only records, for tests of one adapter without the rest of the bot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.interfaces.adapter import Adapter, Draft
from bot.interfaces.command import Command, Option
from bot.interfaces.errors import PlatformError, StoreError, UserError
from bot.interfaces.messages import Manner, Person, Place, Request, StoredTarget
from bot.interfaces.replies import Answer, Form, Part

COMMANDS = (
    Command("chat", "Talk with the bot", (Option("text", "What to say"),), converses=True, hidden=True),
    Command(
        "ask",
        "Ask a model",
        (
            Option("text", "What to ask", required=True),
            Option("model", "Which model answers", suggested=True, named=True),
            Option("private", "Show the answer only to you", kind="flag"),
        ),
        converses=True,
    ),
    Command("new", "Start a new conversation", passes=True, quiet=True),
    Command("stop", "Stop the answer", passes=True, quiet=True),
    Command("retry", "Answer again"),
    Command("model", "Show or set the model", (Option("name", "The model", suggested=True),), passes=True, quiet=True),
    Command("welcome", "Introduce the bot", passes=True, hidden=True),
    Command(
        "config",
        "Settings",
        passes=True,
        quiet=True,
        subcommands=(
            Command("show", "What is in force here", passes=True, quiet=True),
            Command(
                "set",
                "Change a setting",
                (
                    Option("key", "Which setting", required=True, suggested=True),
                    Option("value", "Its new value", suggested=True),
                    Option("scope", "For whom", choices=("workspace", "channel", "me"), named=True),
                ),
                passes=True,
                quiet=True,
                administrative=True,
                dialog=True,
            ),
        ),
    ),
    Command(
        "access",
        "Who may do what",
        (Option("who", "Whom", "who", required=True), Option("where", "In which channel", "channel")),
        passes=True,
        quiet=True,
        administrative=True,
    ),
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
    """Takes every request once, in the order offered. `completions` are what options may be completed with.

    `private` makes every request private, `manners` is how to behave everywhere, `form` what every dialog shows or why
    it may not, `page` the bot's own page. `changed` are edits, and deletions with None; `left` workspaces, `gone`
    channels and threads.
    """

    def __init__(self, commands: Sequence[Command] = COMMANDS) -> None:
        self.commands = commands
        self.requests: list[Request] = []
        self.places: list[tuple[Place, int]] = []
        self.completions: Sequence[str] = ("large", "small")
        self.broken = False
        self.private = False
        self.wanted = True
        self.manners = Manner()
        self.form: Form | UserError | PlatformError | None = None
        self.page = Answer("At home")
        self.changed: asyncio.Queue[tuple[Place, str, str | None]] = asyncio.Queue()
        self.overheard: asyncio.Queue[Request] = asyncio.Queue()
        self.left: asyncio.Queue[str] = asyncio.Queue()
        self.there: set[str] = set()
        self.gone: asyncio.Queue[Place] = asyncio.Queue()
        self.asked_with: list[Mapping[str, str]] = []
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

    def settle(self, request: Request) -> Request:
        return replace(request, private=True) if self.private else request

    async def wants(self, request: Request) -> bool:
        return self.wanted

    def manner(self, place: Place, person: str) -> Manner:
        return self.manners

    async def dialog(self, request: Request) -> Form | None:
        if isinstance(self.form, UserError | PlatformError):
            raise self.form
        return self.form

    async def home(self, place: Place, person: Person) -> Answer:
        return self.page

    async def overhear(self, request: Request) -> None:
        self.overheard.put_nowait(request)

    async def edited(self, place: Place, message: str, text: str) -> None:
        self.changed.put_nowait((place, message, text))

    async def deleted(self, place: Place, messages: Sequence[str]) -> None:
        for message in messages:
            self.changed.put_nowait((place, message, None))

    async def place_deleted(self, place: Place) -> None:
        self.gone.put_nowait(place)

    async def uninstalled(self, platform: str, workspace: str) -> None:
        self.left.put_nowait(workspace)

    async def installed(self, platform: str, workspaces: Collection[str]) -> None:
        self.there.update(workspaces)

    async def workspaces(self, platform: str) -> Collection[str]:
        return {place.workspace for place, _ in self.places}

    async def suggest(
        self, command: str, option: str, typed: str, place: Place, person: Person, given: Mapping[str, str]
    ) -> Sequence[str]:
        self.asked_with.append(given)
        return [name for name in self.completions if typed in name]

    async def recent_places(self, platform: str) -> Sequence[tuple[Place, int]]:
        return self.places

    async def next(self) -> Request:
        """Return the next accepted request."""
        return await asyncio.wait_for(self._accepted.get(), 5)

    async def offered(self) -> Request:
        """Return the next offered request, accepted or not."""
        return await asyncio.wait_for(self._offered.get(), 5)

    def draft(self, adapter: Adapter, request: Request, parts: Sequence[Part] = ()) -> Draft:
        """Return a draft of the answer, as the core creates it; `parts` are those of an earlier run."""
        log = ListedDraftLog(self.requests.index(request) + 1, parts, bool(parts))
        stored = StoredTarget(request.reply_target.dump())
        return adapter.draft(replace(request, reply_target=stored) if parts else request, log)
