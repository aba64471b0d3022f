"""What the core needs from the outside, as protocols: adapters, drafts, backends, the store."""

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
"""Who reads a place: every full member of its workspace, some people, or nobody: it is no channel of that workspace."""


class DraftLog(Protocol):
    """What must be known about a draft after a crash. Each call returns once it is on disk."""

    @property
    def request_id(self) -> int:
        """The request's row: unique and stable across restarts, the base of every nonce."""

    @property
    def resumed(self) -> bool:
        """Whether an earlier run of the bot already worked on this request."""

    @property
    def parts(self) -> Sequence[Part]:
        """The parts known so far, by index; one without a message id may or may not have been sent."""

    async def creating(self, index: int, text: str) -> None:
        """Call before part `index` is sent for the first time."""

    async def created(self, index: int, message: str) -> None:
        """Call the moment the platform said the part's message id."""


class Draft(Protocol):
    """A reply being written into a platform: created, edited or appended, finished, once."""

    def write(self, chunk: Chunk) -> None:
        """Take a chunk and return at once; drawing happens at the platform's pace, newest text wins."""

    async def finish(self, answer: Answer) -> None:
        """Make the platform show exactly `answer`, whatever was drawn so far, and return when it does.

        Idempotent, and safe after a crash: what `log.parts` knows is edited, what is unknown is looked for first.
        Raises Forbidden or Gone where the answer cannot be shown at all, another PlatformError or StoreError where
        that may succeed later.
        """

    async def abandon(self) -> None:
        """Stop drawing and leave what is there for recovery; sends nothing."""


class Intake(Protocol):
    """The core as an adapter sees it."""

    @property
    def commands(self) -> Sequence[Command]:
        """Every command, hidden ones too."""

    def offer(self, request: Request) -> Awaitable[bool]:
        """Take the request's place in line at once, before anything is awaited.

        The awaitable is True when the request is durable, and False when it was known already or is not for the bot.
        Acknowledge to the platform only after that. Raises StoreError when it could not be kept: then do not.
        """

    def settle(self, request: Request) -> Request:
        """The request as it is to be treated here: it may have become private, by a setting or by being refused.

        Call it before the request is offered and acknowledged.
        """

    async def wants(self, request: Request) -> bool:
        """Whether a request will be answered, as far as that can be told before it is offered.

        Look up for it what costs something only then. Its words may still lack names.
        """

    def manner(self, place: Place, person: str) -> Manner:
        """How to behave in a place towards a person's id; needs no waiting, so ask for every message."""

    async def dialog(self, request: Request) -> Form | None:
        """The form that this request opens on a platform that has dialogs; None: offer the request itself.

        Only for commands that are `dialog`. Raises UserError with what to tell the person alone instead.
        """

    async def home(self, place: Place, person: Person) -> Answer:
        """What the bot's own page shows to a person, where the platform has such a page."""

    async def suggest(
        self, command: str, option: str, typed: str, place: Place, person: Person, given: Mapping[str, str]
    ) -> Sequence[str]:
        """Completions for a suggested option, best first, at most 25; `given` are the arguments filled in so far."""

    async def overhear(self, request: Request) -> None:
        """Something was said that is not for the bot, in a place whose manner keeps it. Raises StoreError."""

    async def edited(self, place: Place, message: str, text: str) -> None:
        """Somebody changed what a message says; messages that the bot does not know are ignored."""

    async def deleted(self, place: Place, messages: Sequence[str]) -> None:
        """Messages are gone from the platform, people's or the bot's own."""

    async def place_deleted(self, place: Place) -> None:
        """A channel with its threads, or one thread, is gone from the platform."""

    async def uninstalled(self, platform: str, workspace: str) -> None:
        """The bot was removed from a workspace."""

    async def installed(self, platform: str, workspaces: Collection[str]) -> None:
        """The bot is in these workspaces, by the platform's word now. Raises StoreError."""

    async def workspaces(self, platform: str) -> Collection[str]:
        """The workspaces of which something is kept: who was removed from one while away reports it as uninstalled."""

    async def recent_places(self, platform: str) -> Sequence[tuple[Place, int]]:
        """The places of this platform where the bot took part lately, each with the order of its newest act."""


class Adapter(Protocol):
    """One platform. `run` is supervised: it may raise and is then started again, after a growing pause.

    What not every platform has is a protocol of its own below.
    """

    name: str

    async def run(self, intake: Intake, connected: Callable[[str], None]) -> None:
        """Connect and serve until cancelled. `connected` takes one line saying who the bot is and where, each time."""

    async def stop_intake(self) -> None:
        """Take no new requests from now on; drafts may still be written."""

    def draft(self, request: Request, log: DraftLog) -> Draft:
        """A draft of the answer to this request."""

    async def fetch(self, request: Request, attachment: Attachment, limit: int) -> bytes:
        """The content of a file that came with a request. Raises PlatformError, also where it exceeds `limit` bytes."""

    async def check(self) -> str:
        """For `shoulders doctor`: one line saying that the token works and as whom. Raises ShouldersError."""

    async def aclose(self) -> None:
        """Let go of everything, after the last draft."""


@runtime_checkable
class HistoryAdapter(Protocol):
    """An adapter of a platform that shows the bot the messages of people."""

    async def context(self, request: Request, limit: int) -> Sequence[Message]:
        """What was said before the request in its thread, or in the message it replies to: oldest first."""

    async def pointed(self, request: Request) -> Message | None:
        """The message that a request replies to or points at; in a thread that has no replies the one it began with.

        Raises PlatformError where it cannot be read.
        """

    async def history(self, request: Request, limit: int, since_ms: int) -> Sequence[Message]:
        """The last messages said in a request's place after a moment in milliseconds since 1970: at most `limit`.

        The oldest comes first. Raises PlatformError where the bot, or the asking person, may not read them.
        """


@runtime_checkable
class PeopleAdapter(Protocol):
    """An adapter that knows people's rights and who reads which place."""

    async def whois(self, request: Request) -> Person:
        """The asking person with the rights that the platform says they have now, not when they asked.

        Raises PlatformError when it does not say.
        """

    async def readable(self, request: Request, places: Collection[Place]) -> Collection[Place]:
        """Those of the places in the request's workspace that the asking person may read, by the platform's word now.

        None of them is a direct message. Raises PlatformError.
        """

    async def audience(self, place: Place) -> Audience:
        """Who reads a channel or thread of the place's workspace, by the platform's word now.

        A direct message is no channel of a workspace. Raises PlatformError where the platform does not say.
        """


@runtime_checkable
class PostAdapter(Protocol):
    """An adapter that can post without being asked."""

    async def post(self, place: Place, text: str, key: str) -> None:
        """Say something of the bot's own accord, in Markdown; `key` (at most 20 characters) is the same when repeated.

        Raises PlatformError.
        """


@runtime_checkable
class LocalDataAdapter(Protocol):
    """An adapter that stores data of people by itself, such as the lines typed in the terminal."""

    async def forget(self, person: str) -> None:
        """Delete the stored data of a person, "" for everybody. Raises PlatformError."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What a module under adapters/ offers as PLATFORM.

    `secrets` are names of environment variables, all needed; `create` takes the section, the secrets by name, and how
    to connect. The module must import quickly: the SDK is imported inside `create`. What a platform that does not last
    (the terminal) left unanswered when the program ended is dropped at the next start, not answered. `setup` makes what
    an administrator needs once to install the bot there (Slack's manifest, Discord's invite link) from the section, the
    commands and the environment; `plain_setup` the same without what some workspaces cannot have.
    """

    name: str
    settings: type[Section]
    secrets: tuple[str, ...]
    create: Callable[[Section, Mapping[str, str], Network], Adapter]
    lasting: bool = True
    setup: Callable[[Section, Sequence[Command], Mapping[str, str]], str] | None = None
    plain_setup: Callable[[Section, Sequence[Command], Mapping[str, str]], str] | None = None
