"""What the core needs from the outside, as protocols: adapters, drafts, backends, the store."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.section import ModelSection, Section
from bot.types import (
    Answer,
    Chunk,
    Command,
    Done,
    Message,
    Part,
    Person,
    Place,
    Prompt,
    Request,
    Status,
    Text,
)


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
        Raises Forbidden, Gone or another PlatformError where the answer cannot be shown at all.
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
        Acknowledge to the platform only after that. Raises StoreError when it could not be kept: do not acknowledge then.
        """

    async def suggest(self, command: str, option: str, typed: str, place: Place, person: Person) -> Sequence[str]:
        """Completions for a suggested option, best first, at most 25."""

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

    async def check(self) -> str:
        """For `shoulders doctor`: one line saying that the token works and as whom. Raises ShouldersError."""

    async def aclose(self) -> None:
        """Let go of everything, after the last draft."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What a module under adapters/ offers as PLATFORM.

    `secrets` are names of environment variables, all needed; `create` takes the section and the secrets by name.
    The module must import quickly: the SDK is imported inside `create`.
    """

    name: str
    settings: type[Section]
    secrets: tuple[str, ...]
    create: Callable[[Section, Mapping[str, str]], Adapter]


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

    def stream(self, prompt: Prompt) -> AsyncGenerator[Text | Status | Done, None]:
        """Answer, piece by piece, ending in Done. Raises BackendError; closing the generator stops the model."""

    async def prepare(self) -> None:
        """A head start before the first question, such as loading weights. Raises BackendError."""

    async def check(self) -> str:
        """For `shoulders doctor`: one line saying that this model can answer. Raises ShouldersError."""

    async def aclose(self) -> None:
        """Let go of connections and processes. Safe to call twice."""


@dataclass(frozen=True, slots=True)
class BackendKind:
    """What a module under bot/backends/ offers as BACKEND.

    `settings` is the class of one `[models.NAME]` table. `create` takes all tables of this kind by name, so that they can
    share a process or a connection pool, the environment, and the folder for data.
    """

    name: str
    settings: type[ModelSection]
    create: Callable[[Mapping[str, ModelSection], Mapping[str, str], Path], Mapping[str, Backend]]
