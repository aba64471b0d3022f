"""What the core needs from the outside, as protocols: adapters, drafts, backends, the store."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from bot.inference.kinds import A, Job
from bot.network import Network
from bot.section import ModelSection, Section
from bot.types import (
    Answer,
    Attachment,
    Chunk,
    Command,
    Form,
    Manner,
    Media,
    Message,
    Part,
    Person,
    Piece,
    Place,
    Prompt,
    Request,
    Sampling,
    Status,
    Text,
    Transcript,
    Turn,
)

EndState = Literal["done", "undeliverable", "dropped"]
"""How a request ended: shown; kept but not showable (the channel is gone, the token expired); nothing to show."""


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

    async def vanished(self, place: Place) -> None:
        """A channel with its threads, or one thread, is gone from the platform."""

    async def uninstalled(self, platform: str, workspace: str) -> None:
        """The bot was removed from a workspace."""

    async def installed(self, platform: str, workspaces: Collection[str]) -> None:
        """The bot is in these workspaces, by the platform's word now. Raises StoreError."""

    async def workspaces(self, platform: str) -> Collection[str]:
        """The workspaces of which something is kept: who was removed from one while away reports it as uninstalled."""

    async def seen(self, platform: str) -> Sequence[tuple[Place, int]]:
        """The places of this platform where the bot took part lately, each with the order of its newest act."""


class Adapter(Protocol):
    """One platform. `run` is supervised: it may raise and is then started again, after a growing pause."""

    name: str

    async def run(self, intake: Intake, connected: Callable[[str], None]) -> None:
        """Connect and serve until cancelled. `connected` takes one line saying who the bot is and where, each time."""

    async def stop_intake(self) -> None:
        """Take no new requests from now on; drafts may still be written."""

    def draft(self, request: Request, log: DraftLog) -> Draft:
        """A draft of the answer to this request."""

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

    async def fetch(self, request: Request, attachment: Attachment, limit: int) -> bytes:
        """The content of a file that came with a request. Raises PlatformError, also where it exceeds `limit` bytes."""

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

    async def post(self, place: Place, text: str, key: str) -> None:
        """Say something of the bot's own accord, in Markdown; `key` (at most 20 characters) is the same when repeated.

        Raises PlatformError.
        """

    async def check(self) -> str:
        """For `shoulders doctor`: one line saying that the token works and as whom. Raises ShouldersError."""

    async def aclose(self) -> None:
        """Let go of everything, after the last draft."""


@runtime_checkable
class Remembers(Protocol):
    """What an adapter offers too that keeps something of people by itself, such as the terminal's history."""

    async def forget(self, person: str) -> None:
        """Delete what is kept of a person, "" for everybody. Raises PlatformError."""


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


class Backend(Protocol):
    """Where text comes from. One instance per model entry."""

    @property
    def context(self) -> int:
        """The model's window in tokens, prompt and answer together."""

    @property
    def destination(self) -> str:
        """Where text goes, for people: "this machine" or a host's name."""

    async def count(self, prompt: Prompt) -> int:
        """How many tokens `prompt` takes: exact, or a safe estimate that is never less. Never blocks the loop."""

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece, None]:
        """Answer, piece by piece, ending in Done. Raises BackendError; closing the generator stops the model."""

    async def prepare(self) -> None:
        """A head start before the first question, such as loading weights. Raises BackendError."""

    async def check(self) -> str:
        """For `shoulders doctor`: one line saying that this model can answer. Raises ShouldersError."""

    async def aclose(self) -> None:
        """Let go of connections and processes. Safe to call twice."""


@runtime_checkable
class Embeds(Protocol):
    """A backend that makes vectors of texts."""

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector for each text, in order. Raises BackendError."""


@runtime_checkable
class Transcribes(Protocol):
    """A backend that writes down what is said."""

    async def transcribe(self, sound: Media, language: str = "") -> Transcript:
        """What is said in a recording; `language` is a code such as "en", "" to find out. Raises BackendError."""


@runtime_checkable
class Voices(Protocol):
    """A backend that reads aloud."""

    async def speak(self, text: str, voice: str = "") -> Media:
        """A recording of the text; `voice` "" is the model's own. Raises BackendError."""


@runtime_checkable
class Paints(Protocol):
    """A backend that makes pictures."""

    async def paint(self, prompt: str, size: str = "") -> Media:
        """A picture; `size` is such as "1024x1024", "" for the model's own. Raises BackendError."""


@runtime_checkable
class Does(Protocol):
    """A backend that does jobs of its section's skills."""

    def run(self, job: Job[A]) -> AsyncGenerator[Text | Status | A, None]:
        """Do a job: its text piece by piece where it writes, and at the end its answer.

        Raises BackendError, ContextTooLong for more than the model reads at once; closing the generator stops it.
        """


@dataclass(frozen=True, slots=True)
class Standing:
    """A model on this machine: whether it is in memory and with how many bytes; what it last did in a second.

    `size` is that of its weights' files; it, the licence and the `context` are there as far as they are known. A loaded
    one says `how` it computes, such as "cpu, int8", and one that converses whether its template tells it of tools.
    """

    loaded: bool
    bytes: int = 0
    speed: float = 0.0
    unit: str = ""
    size: int = 0
    licence: str = ""
    context: int = 0
    how: str = ""
    tools: bool | None = None


@runtime_checkable
class Loads(Protocol):
    """A backend whose model lies in this machine's memory while it is used; others of its kind share its process."""

    async def standing(self) -> Standing:
        """How it is right now; asking loads nothing."""

    async def unload(self) -> None:
        """Leave the memory to others, once what is being done is done. Raises BackendError."""

    def another(self, section: ModelSection) -> Backend:
        """A backend for another model, beside this one."""


@runtime_checkable
class Keyed(Protocol):
    """A backend that needs a key."""

    @property
    def missing_key(self) -> str:
        """The environment's variable that should hold the key and does not; "" when nothing is missing."""


@dataclass(frozen=True, slots=True)
class BackendKind:
    """What a module under bot/backends/ offers as BACKEND.

    `settings` is the class of one `[models.NAME]` table. `create` takes all tables of this kind by name, so that they
    can share a process or a connection pool, the environment, the folder for data, and the table `[NAME]` of this kind,
    whose class is `shared`.
    """

    name: str
    settings: type[ModelSection]
    create: Callable[[Mapping[str, ModelSection], Mapping[str, str], Path, Section], Mapping[str, Backend]]
    shared: type[Section] = Section


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request's durable row. `conversation` is 0 for a command that belongs to none."""

    id: int
    conversation: int
    request: Request


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A request that an earlier run left behind; `answer` is there when only its delivery is missing.

    `since` is when it was accepted, in seconds since 1970.
    """

    accepted: Accepted
    attempts: int
    parts: Sequence[Part]
    answer: Answer | None
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Conversation:
    """`title` is how its first question began; `person` asked it."""

    id: int
    person: str
    private: bool
    title: str
    model: str

    @property
    def label(self) -> str:
        """How people recognise it."""
        return f"“{self.title}”" if self.title else "a conversation that has not begun yet"


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that one request leaves behind, written at once: what it shows and its turns.

    `question` and `reply` are None for a command that adds no turn. `parent` is the turn that the question answers; a
    retry has no question of its own and its reply's parent is the question asked before.
    """

    answer: Answer
    parent: int | None = None
    question: Turn | None = None
    reply: Turn | None = None


class Store(Protocol):
    """What must survive. Every method that writes returns once its change is on disk; raises StoreError."""

    async def accept(
        self, request: Request, command: Command, continue_ms: int, *, shared: bool = False
    ) -> Accepted | None:
        """Keep a request and settle its conversation; None for a duplicate or a post that is not for the bot.

        A mention outside threads continues the person's conversation in that channel, or where it is `shared`
        anybody's, if it was active within the last `continue_ms` milliseconds.
        """

    async def begin(self, request: int) -> None:
        """Count one more attempt at answering."""

    async def part_creating(self, request: int, index: int, text: str) -> None:
        """Keep that part `index` is about to be sent."""

    async def part_created(self, request: int, index: int, message: str) -> None:
        """Keep the message id of part `index`."""

    async def answered(self, accepted: Accepted, outcome: Outcome) -> None:
        """Keep the outcome; from here on only its delivery is missing."""

    async def end(self, request: int, state: EndState) -> None:
        """The request needs nothing more; its text leaves the row, its key against duplicates stays."""

    async def unfinished(self, platform: str) -> Sequence[Unfinished]:
        """What an earlier run, or an outage of the platform, left behind: oldest first."""

    async def request(self, request: int) -> Accepted | None:
        """A request that has not ended."""

    async def asker(self, request: int) -> tuple[Place, str] | None:
        """Where a request was made and by which person's id, ended or not."""

    async def turns(self, conversation: int, upto: int | None = None, limit: int = 1_000) -> Sequence[Turn]:
        """The chain of turns that ends with turn `upto` (None: the newest), oldest first, at most `limit`."""

    async def turn_of_message(self, place: Place, message: str, person: str = "") -> int | None:
        """The turn that a platform message holds, question or answer, where it can be replied to from a place.

        Turns that only one person sees are found for this person alone.
        """

    async def question_of(self, request: int) -> Turn | None:
        """The question that a request asked, for asking it again."""

    async def latest(self, place: Place, person: str, *, create: bool = False) -> Conversation | None:
        """The thread's, the direct message's, or else this person's latest open conversation there."""

    async def conversation(self, conversation: int) -> Conversation:
        """One conversation."""

    async def close_conversation(self, conversation: int) -> None:
        """What is said next begins another."""

    async def set_model(self, conversation: int, model: str) -> None:
        """The model for this conversation; "" for the default."""

    async def takes_part(self, place: Place) -> bool:
        """Whether the bot was ever part of this thread."""

    async def known_messages(self, place: Place, messages: Sequence[str]) -> Collection[str]:
        """Which of these platform messages are turns already."""

    async def seen(self, platform: str, since_ms: int) -> Sequence[tuple[Place, int]]:
        """Places with acts since then, each with the order of its newest."""

    async def aclose(self) -> None:
        """Finish what is queued and close the database."""
