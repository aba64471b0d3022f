"""The contract between the core and the platforms: adapters, their drafts, and the core's intake."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from bot.interfaces.command import Command
from bot.interfaces.config import Section
from bot.interfaces.messages import Attachment, Manner, Message, Person, Place, Request
from bot.interfaces.network import Network
from bot.interfaces.replies import Answer, Chunk, Form, Part

Audience = Literal["everybody", "some", "none"]
"""The readers of a place: every full member of its workspace, some people, or none for another workspace's place."""


class DraftLog(Protocol):
    """The state of a draft that must survive a crash. Each call returns once its change is on disk."""

    @property
    def request_id(self) -> int:
        """Return the number of the request's row: unique and stable across restarts, the base of every nonce."""

    @property
    def resumed(self) -> bool:
        """Return whether an earlier run of the bot already worked on this request."""

    @property
    def parts(self) -> Sequence[Part]:
        """Return the known parts, by index. A part without a message id may have been sent or not."""

    async def creating(self, index: int, text: str) -> None:
        """Store that part `index` is about to be sent. Call it before the first attempt."""

    async def created(self, index: int, message: str) -> None:
        """Store the part's message id. Call it as soon as the platform has returned the id."""


class Draft(Protocol):
    """A reply being written into a platform: created, edited or appended, finished, once."""

    def write(self, chunk: Chunk) -> None:
        """Take a chunk and return at once. The newest text is shown at the pace that the platform permits."""

    async def finish(self, answer: Answer) -> None:
        """Show exactly `answer`, in place of the draft so far, and return once the platform shows it.

        It is idempotent and safe after a crash: known parts of `log.parts` are edited, and parts of unknown outcome are
        looked for before they are sent again. Raises Forbidden or Gone where the answer can never be shown, another
        PlatformError or StoreError where a later attempt may succeed.
        """

    async def abandon(self) -> None:
        """Stop writing and leave the draft for recovery. Send nothing."""


class Intake(Protocol):
    """The core as an adapter sees it."""

    @property
    def commands(self) -> Sequence[Command]:
        """Return every command, also hidden ones."""

    def offer(self, request: Request) -> Awaitable[bool]:
        """Queue the request at once, before anything is awaited.

        The awaitable returns True once the request is on disk, and False for a duplicate or a request that is not for
        the bot. Acknowledge to the platform only then. Raises StoreError when the request could not be stored: then do
        not acknowledge it.
        """

    def settle(self, request: Request) -> Request:
        """Return the request as it is treated here: private, if a setting says so or it will be refused.

        Call it before the request is offered and acknowledged.
        """

    async def wants(self, request: Request) -> bool:
        """Return whether a request would be answered now.

        Call it before lookups that cost something, such as those of names in the request's text.
        """

    def manner(self, place: Place, person: str) -> Manner:
        """Return the settings of a place that adapters follow, for a person's id. Call it for every message."""

    async def dialog(self, request: Request) -> Form | None:
        """Return the form that this request opens on a platform with dialogs; None to offer the request itself.

        Call it only for commands that are `dialog`. Raises UserError with the sentence to show only to the person.
        """

    async def home(self, place: Place, person: Person) -> Answer:
        """Return the bot's own page for a person, on a platform with such a page."""

    async def suggest(
        self, command: str, option: str, typed: str, place: Place, person: Person, arguments: Mapping[str, str]
    ) -> Sequence[str]:
        """Return at most 25 completions of an option, best first. `arguments` are those filled in so far."""

    async def overhear(self, request: Request) -> None:
        """Store a message between people, in a place whose manner keeps them. Raises StoreError."""

    async def edited(self, place: Place, message: str, text: str) -> None:
        """Change the text of a stored message. An unknown message is ignored."""

    async def deleted(self, place: Place, messages: Sequence[str]) -> None:
        """Delete the data of messages, people's or the bot's own, that were deleted from the platform."""

    async def place_deleted(self, place: Place) -> None:
        """Delete the messages of a channel with its threads, or of a thread, that was deleted from the platform."""

    async def uninstalled(self, platform: str, workspace: str) -> None:
        """Note the bot's removal from a workspace. Raises StoreError."""

    async def installed(self, platform: str, workspaces: Collection[str]) -> None:
        """Note that the platform lists the bot in these workspaces now. Raises StoreError."""

    async def workspaces(self, platform: str) -> Collection[str]:
        """Return the workspaces with data. An adapter that finds the bot removed from one calls `uninstalled`."""

    async def recent_places(self, platform: str) -> Sequence[tuple[Place, int]]:
        """Return the places of this platform with recent acts, each with the order of its newest."""


class Adapter(Protocol):
    """One platform. `run` is supervised: when it raises, it is started again after a growing pause.

    The protocols below are for features that only some platforms have.
    """

    name: str

    async def run(self, intake: Intake, connected: Callable[[str], None]) -> None:
        """Connect and serve until cancelled. Each connection calls `connected` with a line about the bot."""

    async def stop_intake(self) -> None:
        """Accept no more requests. Drafts may still be written."""

    def draft(self, request: Request, log: DraftLog) -> Draft:
        """Return a draft of the answer to this request."""

    async def fetch(self, request: Request, attachment: Attachment, limit: int) -> bytes:
        """Return the content of a request's file. Raises PlatformError, also for one larger than `limit` bytes."""

    async def check(self) -> str:
        """Check the token for `shoulders doctor`, and return a line with the bot's name. Raises ShouldersError."""

    async def aclose(self) -> None:
        """Close all connections, after the last draft."""


@runtime_checkable
class HistoryAdapter(Protocol):
    """An adapter of a platform that shows the bot the messages of people."""

    async def context(self, request: Request, limit: int) -> Sequence[Message]:
        """Return the messages before the request in its thread, or the message that it replies to: oldest first."""

    async def pointed(self, request: Request) -> Message | None:
        """Return the message that a request replies to or is about; in a thread without replies, its first message.

        Raises PlatformError where it cannot be read.
        """

    async def history(self, request: Request, limit: int, since_ms: int) -> Sequence[Message]:
        """Return the last `limit` messages in a request's place since a time in milliseconds since 1970.

        The oldest comes first. Raises PlatformError where the bot, or the asking person, may not read them.
        """


@runtime_checkable
class PeopleAdapter(Protocol):
    """An adapter that knows people's rights and who reads which place."""

    async def whois(self, request: Request) -> Person:
        """Return the asking person with their present rights, not those at the time of the request.

        Raises PlatformError when the platform does not report them.
        """

    async def readable(self, request: Request, places: Collection[Place]) -> Collection[Place]:
        """Ask the platform which places of the request's workspace the asking person may read, and return those.

        A direct message is never among them. Raises PlatformError.
        """

    async def audience(self, place: Place) -> Audience:
        """Ask the platform for the audience of a channel or thread in the place's workspace, and return it.

        Direct messages have "none". Raises PlatformError where the platform does not report it.
        """


@runtime_checkable
class PostAdapter(Protocol):
    """An adapter that can post without being asked."""

    async def post(self, place: Place, text: str, key: str) -> None:
        """Post a message of the bot's own, in Markdown. Another attempt has the same `key`, of at most 20 characters.

        Raises PlatformError.
        """


@runtime_checkable
class LocalDataAdapter(Protocol):
    """An adapter that stores data of people by itself, such as the lines typed in the terminal."""

    async def forget(self, person: str) -> None:
        """Delete the stored data of a person, "" for everybody. Raises PlatformError."""


@dataclass(frozen=True, slots=True)
class Platform:
    """The declaration of a platform: the constant PLATFORM of a module under adapters/.

    `secrets` are the names of environment variables, all of them required. `create` takes the section, the secrets by
    name, and the network settings. The module must import quickly: `create` imports the SDK. With `lasting` False, as
    in the terminal, unanswered requests are dropped at the next start. `setup` returns the text with which an
    administrator installs the bot (Slack's manifest, Discord's invite link) from the section, the commands and the
    environment; `plain_setup` the same without features that some workspaces cannot have.
    """

    name: str
    settings: type[Section]
    secrets: tuple[str, ...]
    create: Callable[[Section, Mapping[str, str], Network], Adapter]
    lasting: bool = True
    setup: Callable[[Section, Sequence[Command], Mapping[str, str]], str] | None = None
    plain_setup: Callable[[Section, Sequence[Command], Mapping[str, str]], str] | None = None
