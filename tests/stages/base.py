"""The actions and observations that scenarios use on every platform."""

from __future__ import annotations

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from bot.app import App, application, make_adapter, open_database, serve
from bot.config import Config, load
from bot.interfaces.adapter import Adapter
from bot.interfaces.command import by_path
from bot.interfaces.database import Database
from tests.fakes.openai import FakeOpenAI
from tests.stages.ledger import PATIENCE, Ledger, RecordedDatabase

HIDEOUT = "aviary"
"""The name of a channel that only some people are in."""

CONFIG = """
[bot]
data = "{data}"
stop_seconds = {stop_seconds}
uninstall_grace_hours = {grace}
[settings]
model = "main"
[models.main]
backend = "openai"
model = "test"
base_url = "{base_url}"
timeout = {patience}
stall = {patience}
context = 4000
sees = true
[models.spare]
backend = "openai"
model = "gpt-4o"
base_url = "{base_url}"
context = 4000
{more}
"""


class Hook(Protocol):
    """A callback for each stage of a request to the server: received, applied, answered."""

    async def __call__(self, when: Literal["received", "applied", "answered"], /, *what: str) -> None:
        """Note the stage; an error breaks the connection."""


@dataclass(frozen=True, slots=True)
class Said:
    """A person's action: the act's id, its channel and thread, and its message ("" for none)."""

    act: str
    who: str
    channel: str
    thread: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A finished answer for its readers: the text of each part, the buttons under the last, and the only reader if any.

    `files` are names with contents; `menus` are labels, like `buttons`.
    """

    parts: Sequence[str]
    buttons: Sequence[str]
    only_for: str = ""
    files: Sequence[tuple[str, bytes]] = ()
    menus: Sequence[str] = ()

    @property
    def text(self) -> str:
        """Return all parts as one text."""
        return "\n".join(self.parts)


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value


class Stage(ABC):
    """A platform with ann, ben and root (an administrator) in one channel, the bot, and a scripted model.

    Where guests exist, gil is one. With `tls`, all servers speak HTTPS under the name `host`. `environment` is added to
    the bot's secrets.
    """

    platform: str
    cannot: Mapping[str, str] = {}
    """The abilities that this platform lacks, with the reasons that docs/limits.md repeats word for word."""

    stop_seconds = 0.2
    """The seconds for running answers when the bot stops."""

    grace = 0.0
    """The hours after the bot's removal until its data are deleted."""

    patience = 30.0
    """The seconds of silence after which a model call fails."""

    def __init__(self, folder: Path, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.folder = folder
        self.tls = tls
        self.host = host
        self.environment: dict[str, str] = {}
        self.model = FakeOpenAI(key="", tls=tls, host=host)
        self.resources = AsyncExitStack()
        self.app: App
        self.ledger: Ledger
        self.database: Database

    @asynccontextmanager
    async def servers(self) -> AsyncGenerator[None, None]:
        """Start the platform and the model; return a configuration for them, without a bot."""
        async with self.resources:
            await self.resources.enter_async_context(self.model)
            await self.open_platform()
            text = CONFIG.format(
                data=self.folder,
                base_url=self.model.base_url,
                patience=self.patience,
                stop_seconds=self.stop_seconds,
                grace=self.grace,
                more=self.tables(),
            )
            await asyncio.to_thread((self.folder / "config.toml").write_text, text)
            yield

    @asynccontextmanager
    async def playing(self) -> AsyncGenerator[None, None]:
        """Run everything with the bot connected; assert at the end that no rule was broken."""
        async with self.servers():
            config = await asyncio.to_thread(load, self.folder / "config.toml", {**self.secrets(), **self.environment})
            adapter = self.wrap(make_adapter(config, self.platform))
            self.ledger = Ledger()
            async with application(config, {self.platform: adapter}, self._open_database) as app:
                self.app = app
                async with _served(app):
                    yield
            assert self.violations == [], self.violations  # pytest rewrites no assertion here
            assert self.model.violations == [], self.model.violations

    async def _open_database(self, config: Config) -> Database:
        self.database = RecordedDatabase(await open_database(config), self.ledger)
        return self.database

    def wrap(self, adapter: Adapter) -> Adapter:
        """Return the adapter; contract tests replace it by a broken one."""
        return adapter

    def written(self, name: str, arguments: Mapping[str, str]) -> str:
        """Return a command's arguments as people write them: named ones first."""
        options = {option.name: option for option in by_path(self.app.services.commands)[name].options}
        named = [(key, value) for key, value in arguments.items() if options[key].named or options[key].kind == "flag"]
        written = [f"--{key}" if options[key].kind == "flag" else f"--{key} {_quoted(value)}" for key, value in named]
        placed = [option.name for option in options.values() if (option.name, arguments.get(option.name)) not in named]
        values = [arguments[key] for key in placed if key in arguments]
        return " ".join([*written, *(_quoted(value) for value in values[:-1]), *values[-1:]])

    async def answer(self, said: Said) -> Shown:
        """Return the shown answer, after the request has ended."""
        request = await self.ledger.end(said.act)
        return await self.show(said, [message for _, message in sorted(self.ledger.messages[request].items())])

    @property
    def prompts(self) -> list[list[tuple[str, str]]]:
        """Return every conversation that the model received, without system prompts."""
        return [
            [(message["role"], message["content"]) for message in request["messages"][1:]]  # type: ignore[index]  # a body that passed the rules
            for request in self.model.requests
        ]

    # What a platform provides -----------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def violations(self) -> list[str]:
        """Return the rules of the platform that the bot broke."""

    @abstractmethod
    async def open_platform(self) -> None:
        """Start the platform's server with its people."""

    @abstractmethod
    def tables(self) -> str:
        """Return the platform's table of config.toml."""

    @abstractmethod
    def secrets(self) -> Mapping[str, str]:
        """Return the tokens that the server accepts."""

    @abstractmethod
    async def mention(
        self, text: str, who: str = "ann", *, files: Sequence[str] = (), said: Said | None = None
    ) -> Said:
        """Mention the bot in the channel, or in the thread of `said`."""

    @abstractmethod
    async def direct(self, text: str, who: str = "ann") -> Said:
        """Write a direct message to the bot."""

    @abstractmethod
    async def follow(self, said: Said, text: str, who: str = "ann") -> Said:
        """Continue from an answer without a mention, as people do on this platform."""

    @abstractmethod
    async def command(
        self, name: str, arguments: Mapping[str, str] | None = None, who: str = "ann", said: Said | None = None
    ) -> Said:
        """Use a command, in the thread of `said` if it has one."""

    @abstractmethod
    async def hand_in(
        self, name: str, file: tuple[str, bytes], arguments: Mapping[str, str] | None = None, who: str = "ann"
    ) -> Said:
        """Use a command with a file, as people attach one on this platform."""

    @abstractmethod
    async def press(self, said: Said, label: str, who: str = "ann") -> Said:
        """Press a button under the answer to `said`."""

    @abstractmethod
    async def sees(self, said: Said, words: str) -> None:
        """Wait until the answer, finished or not, shows a text."""

    @abstractmethod
    async def show(self, said: Said, messages: Sequence[str]) -> Shown:
        """Return the finished answer in these messages."""


class TeamStage(Stage):
    """A platform with several people, which works while the bot is away."""

    users: Mapping[str, str]
    """The ids of people by name."""

    channel: str
    """The id of the channel with everybody."""

    rates = True
    """True if the platform's server enforces its rate limits."""

    @abstractmethod
    async def pick(self, said: Said, label: str, value: str, who: str = "ann") -> Said:
        """Pick a value from a menu under the answer to `said`."""

    @abstractmethod
    async def fill(
        self,
        said: Said | None,
        command: str,
        arguments: Mapping[str, str],
        values: Mapping[str, str],
        who: str = "ann",
    ) -> Said:
        """Use a command that opens a form, in the thread of `said`; change fields and send the form."""

    @abstractmethod
    async def fill_pressed(self, said: Said, label: str, values: Mapping[str, str], who: str = "ann") -> Said:
        """Press a button that opens a form; change fields and send the form."""

    @abstractmethod
    async def point(self, said: Said, label: str, who: str = "ann") -> Said:
        """Choose a shortcut in a message's menu."""

    @abstractmethod
    async def fill_picked(
        self, said: Said, label: str, value: str, values: Mapping[str, str], who: str = "ann"
    ) -> Said:
        """Pick an entry that opens a form; change fields and send the form."""

    @abstractmethod
    async def post(self, text: str, who: str = "ann") -> Said:
        """Write in the channel without addressing the bot."""

    @abstractmethod
    async def announced(self, words: str) -> None:
        """Wait until a message of the bot in the channel has this text."""

    @abstractmethod
    def answered_in_thread(self, said: Said) -> bool:
        """Return whether the answer to a mention in the channel is in a thread."""

    @abstractmethod
    async def edit(self, said: Said, text: str) -> None:
        """Edit a message; `text` is the whole text, as in `mention` or `direct`."""

    @abstractmethod
    async def delete(self, said: Said) -> None:
        """Delete a message."""

    @abstractmethod
    async def delete_channel(self) -> None:
        """Delete the channel with everybody."""

    @abstractmethod
    async def uninstall(self) -> None:
        """Remove the bot."""

    @abstractmethod
    async def promote(self, who: str) -> None:
        """Make a person an administrator."""

    @abstractmethod
    async def demote(self, who: str, *, heard: bool = True) -> None:
        """Make an administrator an ordinary person; unless it is `heard`, the platform does not report it yet."""

    async def page(self, who: str) -> str:
        """Open the bot's Home tab, where the platform has one; return its text."""
        raise NotImplementedError

    async def complete(self, command: str, option: str, who: str) -> Sequence[str]:
        """Type the beginning of an option, where the platform completes it; return the completions."""
        raise NotImplementedError

    @abstractmethod
    async def give_role(self, who: str, role: str) -> str:
        """Give a person a role or add them to a user group; return its value for an option of kind "who"."""

    @abstractmethod
    async def thread(self, *lines: str) -> Said:
        """Let Ben write these lines in a thread without the bot."""

    @abstractmethod
    async def speak(self, said: Said, text: str, who: str = "ben", to: str = "") -> Said:
        """Write in the thread of `said` without mentioning the bot; optionally mention another person."""

    @abstractmethod
    async def hideouts(self, *who: str) -> Sequence[Said]:
        """Return places of each kind that only these people and the bot can read, for use as `said`."""

    @abstractmethod
    async def reply(self, message: str, text: str, who: str) -> Said | None:
        """Mention the bot in the channel as a reply to its message; return None where nobody can reply to that."""

    @abstractmethod
    def below(self, said: Said) -> Said:
        """Return a thread that begins at a message in the channel and is open to everybody, for use as `said`."""

    @abstractmethod
    def visible(self, who: str) -> Sequence[str]:
        """Return all texts that a person can read on the platform: messages and contents of files."""

    @abstractmethod
    async def join(self) -> Said:
        """Add the bot to a place."""

    @abstractmethod
    def from_bot(self) -> Sequence[str]:
        """Return the ids of all visible messages of the bot."""

    @abstractmethod
    async def connected(self) -> None:
        """Wait until the bot is connected."""

    @abstractmethod
    def watch(self, hook: Hook) -> None:
        """Call a hook for each stage of each request to the server."""

    @abstractmethod
    def time_passes(self, seconds: float) -> None:
        """Advance the platform's clock."""


@asynccontextmanager
async def _served(app: App) -> AsyncGenerator[None, None]:
    """Run the adapters until they are connected."""
    connected = asyncio.Event()
    serving = asyncio.create_task(serve(app, lambda _line: connected.set()))
    waiting = asyncio.create_task(connected.wait())
    try:
        await asyncio.wait({waiting, serving}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        assert connected.is_set()
        yield
    finally:
        waiting.cancel()
        await app.drain()
        serving.cancel()
        await asyncio.wait([serving])
