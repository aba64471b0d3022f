"""A backend, where text comes from, and the optional abilities of one, as protocols."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from bot.interfaces.config import ModelSection, Section
from bot.interfaces.jobs import A, Job, Transcript
from bot.interfaces.prompts import Media, Prompt, Sampling
from bot.interfaces.replies import Piece, Status, Text


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
class EmbeddingBackend(Protocol):
    """A backend that makes vectors of texts."""

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector for each text, in order. Raises BackendError."""


@runtime_checkable
class TranscriptionBackend(Protocol):
    """A backend that writes down what is said."""

    async def transcribe(self, sound: Media, language: str = "") -> Transcript:
        """What is said in a recording; `language` is a code such as "en", "" to find out. Raises BackendError."""


@runtime_checkable
class SpeechBackend(Protocol):
    """A backend that reads aloud."""

    async def speak(self, text: str, voice: str = "") -> Media:
        """A recording of the text; `voice` "" is the model's own. Raises BackendError."""


@runtime_checkable
class ImageBackend(Protocol):
    """A backend that makes pictures."""

    async def paint(self, prompt: str, size: str = "") -> Media:
        """A picture; `size` is such as "1024x1024", "" for the model's own. Raises BackendError."""


@runtime_checkable
class JobBackend(Protocol):
    """A backend that does jobs of its section's skills."""

    def run(self, job: Job[A]) -> AsyncGenerator[Text | Status | A, None]:
        """Do a job: its text piece by piece where it writes, and at the end its answer.

        Raises BackendError, ContextTooLong for more than the model reads at once; closing the generator stops it.
        """


@dataclass(frozen=True, slots=True)
class ModelStatus:
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
class LoadableBackend(Protocol):
    """A backend whose model lies in this machine's memory while it is used; others of its kind share its process."""

    async def standing(self) -> ModelStatus:
        """How it is right now; asking loads nothing."""

    async def unload(self) -> None:
        """Leave the memory to others, once what is being done is done. Raises BackendError."""

    def another(self, section: ModelSection) -> Backend:
        """A backend for another model, beside this one."""


@runtime_checkable
class KeyedBackend(Protocol):
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
