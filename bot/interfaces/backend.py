"""The protocols of a backend: the one that every backend implements, and one for each optional ability."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from bot.interfaces.config import ModelSection, Section
from bot.interfaces.jobs import A, Job, Transcript
from bot.interfaces.prompts import Media, Prompt, Sampling
from bot.interfaces.replies import Piece, Status, Text

THIS_MACHINE = "this machine"
"""The destination of text that does not leave the machine."""


class Backend(Protocol):
    """The source of a model's text. Each model of the catalogue has its own instance."""

    @property
    def context(self) -> int:
        """The model's context window in tokens: prompt and answer together."""

    @property
    def destination(self) -> str:
        """The receiver of the text, as people read it: "this machine" or a host's name."""

    async def count(self, prompt: Prompt) -> int:
        """Return the tokens that `prompt` takes: exact, or an estimate that is never too low. Never block the loop."""

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece, None]:
        """Yield the answer's pieces, Done as the last. Raises BackendError; closing the generator stops the model."""

    async def prepare(self) -> None:
        """Do early the work that would delay the first question, such as loading weights. Raises BackendError."""

    async def check(self) -> str:
        """Return a line for `shoulders doctor` that reports this model as ready. Raises ShouldersError if it is not."""

    async def aclose(self) -> None:
        """Close connections and end processes. Safe to call twice."""


@runtime_checkable
class EmbeddingBackend(Protocol):
    """A backend that turns texts into vectors."""

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return one vector for each text, in the order of `texts`. Raises BackendError."""


@runtime_checkable
class TranscriptionBackend(Protocol):
    """A backend that turns speech into text."""

    async def transcribe(self, sound: Media, language: str = "") -> Transcript:
        """Return the words of a recording. Raises BackendError.

        `language` is a code such as "en"; "" lets the model detect the language.
        """


@runtime_checkable
class SpeechBackend(Protocol):
    """A backend that turns text into speech."""

    async def speak(self, text: str, voice: str = "") -> Media:
        """Return a recording of the text; `voice` "" is the model's default. Raises BackendError."""


@runtime_checkable
class ImageBackend(Protocol):
    """A backend that generates pictures."""

    async def paint(self, prompt: str, size: str = "") -> Media:
        """Return a picture; `size` is in pixels, such as "1024x1024", "" the model's default. Raises BackendError."""


@runtime_checkable
class JobBackend(Protocol):
    """A backend that runs jobs: those of the skills that its section names."""

    def run(self, job: Job[A]) -> AsyncGenerator[Text | Status | A, None]:
        """Yield the pieces of text that the job writes, if any, and its answer as the last.

        Raises BackendError, and ContextTooLong for more text than the model can read. Closing the generator stops it.
        """


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """The state of a model on this machine.

    `bytes` is the memory that a loaded model takes, `speed` its last speed in `unit` per second, and `size` the bytes
    of its weights' files; `context` is in tokens. A value that is not known is 0 or "". `how` names the device and the
    number format of a loaded model, such as "cpu, int8". `tools` is True if its chat template accepts tools, None if
    the model does not chat or is not loaded.
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
    """A backend whose model is in this machine's memory during use; all backends of its kind share one process."""

    async def standing(self) -> ModelStatus:
        """Return the model's current state, without loading the model."""

    async def unload(self) -> None:
        """Free the model's memory after its running jobs. Raises BackendError."""

    def another(self, section: ModelSection) -> Backend:
        """Return a backend for another model, in the same process as this one."""


@runtime_checkable
class KeyedBackend(Protocol):
    """A backend that needs a key."""

    @property
    def missing_key(self) -> str:
        """The environment variable that lacks the key; "" if the key is set or not needed."""


@dataclass(frozen=True, slots=True)
class BackendKind:
    """The declaration of a backend: the value BACKEND of a module under bot/backends/.

    `settings` is the class of one `[models.NAME]` table, `shared` the class of the kind's own table `[NAME]`. `create`
    takes all model tables of the kind by name, so that they can share a process or a connection pool, then the
    environment, the data folder and the kind's own table.
    """

    name: str
    settings: type[ModelSection]
    create: Callable[[Mapping[str, ModelSection], Mapping[str, str], Path, Section], Mapping[str, Backend]]
    shared: type[Section] = Section
