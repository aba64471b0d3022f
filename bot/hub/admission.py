"""What may be taken from the Hub: the operator's rules, and what of a repository is needed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from bot.hub.protocol import FoundModel, RemoteFile
from bot.hub.task_types import TASKS
from bot.interfaces.config import Section
from bot.interfaces.errors import HubError, UserError
from bot.utils.byte_sizes import format_bytes, in_bytes

MODEL_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}")

OPEN_LICENCES = ("apache-2.0", "mit", "bsd*", "isc", "unlicense", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0")


class HubSection(Section):
    """The table [hub]: what administrators may fetch from the Hub. docs/decisions/0009 says why nothing by default.

    `allow` and `licences` are patterns, with * and ?. `largest` bounds one model, `disk` all of them together.
    `endpoint` is another Hub's address; empty means HF_ENDPOINT, or else huggingface.co. `managed_by` says whose
    administrators manage models: every workspace's, only the operator's, or "auto": only the operator's where the bot
    serves several workspaces.
    """

    allow: tuple[str, ...] = Field(default=(), strict=False)
    licences: tuple[str, ...] = Field(default=OPEN_LICENCES, strict=False)
    largest: str = "5GB"
    disk: str = "20GB"
    offline: bool = False
    endpoint: str = ""
    managed_by: Literal["auto", "administrators", "operator"] = "auto"

    def centrally(self, *, several: bool) -> bool:
        """Tell whether only the operator's administrators manage models, for a bot in `several` workspaces or not."""
        return self.managed_by == "operator" or (self.managed_by == "auto" and several)

    @field_validator("largest", "disk")
    @classmethod
    def _check_size(cls, size: str) -> str:
        in_bytes(size)
        return size

    @field_validator("allow")
    @classmethod
    def _check_patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        wrong = next((pattern for pattern in patterns if pattern.count("/") != 1), None)
        if wrong is not None:
            raise ValueError(f'"{wrong}" is no pattern of organisation/name, such as "HuggingFaceTB/*"')
        return patterns

    @field_validator("endpoint")
    @classmethod
    def _check_endpoint(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must look like https://huggingface.co")
        return url.rstrip("/")

    def admits(self, model: str) -> bool:
        """Whether a model's id is on the list."""
        return any(fnmatchcase(model.lower(), pattern.lower()) for pattern in self.allow)

    def admits_licence(self, licence: str) -> bool:
        """Whether a licence is on the list; one that is not stated is not, unless every licence is."""
        return any(fnmatchcase(licence.lower(), pattern.lower()) for pattern in self.licences)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What is taken of a model: which files, and what for."""

    model: str
    revision: str
    task: str
    licence: str
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """All files together, in bytes."""
        return sum(file.size for file in self.files)

    @property
    def weights(self) -> tuple[RemoteFile, ...]:
        """The files with the numbers."""
        return tuple(file for file in self.files if file.path.endswith((".safetensors", ".gguf")))


@dataclass(frozen=True, slots=True)
class HubLimits:
    """What a model may take of this machine's memory in bytes, and what a number takes; 0 is as much as in the file."""

    size: int
    width: int = 0


def check_id(model: str, rules: HubSection) -> None:
    """Before the Hub is asked. Raises UserError for what is no id and for what is not on the operator's list."""
    if not MODEL_ID.fullmatch(model) or len(model) > 96:
        raise UserError(f"“{model[:96]}” is no name of a model on the Hub: those look like organisation/name.")
    if not rules.admits(model):
        organisation = model.partition("/")[0]
        listed = f" It admits: {', '.join(rules.allow)}." if rules.allow else ""
        raise UserError(
            f"The operator's list does not admit {model}.{listed} To admit it, write in config.toml, in the table "
            f'[hub]: `allow = ["{organisation}/*"]`, and start the bot again.'
        )


def choose(found: FoundModel, wanted: str, rules: HubSection) -> ModelFiles:
    """What is to be taken of a model that was found. Raises UserError or HubError with the first reason against it."""
    check_id(found.model, rules)
    if not rules.admits_licence(found.licence):
        stated = f"has the licence “{found.licence}”" if found.licence else "states no licence"
        raise UserError(
            f"{found.model} {stated}, and the operator's list does not admit that: "
            "[hub] licences in config.toml names those that it does."
        )
    if found.own_code and not _known_to_transformers(found.model_type):
        raise HubError(f"{found.model} needs Python code from its repository, and I never run that.")
    task = _task(found, wanted)
    weights = _weights(found)
    files = (*weights, *_configuration(found.files))
    chosen = ModelFiles(found.model, found.revision, task, found.licence, tuple(files))
    unsure = next((file.path for file in files if not file.hash), None)
    if unsure is not None:
        raise HubError(f"The Hub does not say what the bytes of {found.model}'s {unsure} should come to.")
    if chosen.size > in_bytes(rules.largest):
        raise UserError(
            f"{found.model} has {format_bytes(chosen.size)}, and the operator admits at most {rules.largest} for one "
            "model: "
            "[hub] largest in config.toml."
        )
    return chosen


def needed(found: FoundModel, chosen: ModelFiles, width: int) -> int:
    """The bytes of memory that a model takes at least, in numbers of so many bytes."""
    stored = sum(file.size for file in chosen.weights)
    numbers = found.numbers or stored // 4  # nobody writes larger ones
    if any(file.path.endswith(".gguf") for file in chosen.weights):
        width = width or 2  # so it is unpacked
    return numbers * width if width else stored


def make_sure_of_memory(found: FoundModel, chosen: ModelFiles, room: HubLimits) -> None:
    """Raise HubError where a model does not fit, before anything is downloaded."""
    need = needed(found, chosen, room.width)
    if need > room.size:
        how = f" in numbers of {8 * room.width} bits" if room.width else ""
        raise HubError(
            f"{found.model} needs at least {format_bytes(need)} of memory{how}; {format_bytes(room.size)} are set "
            "aside for models. Choose a smaller one, or the operator raises memory_gb: [local] in config.toml."
        )


def _task(found: FoundModel, wanted: str) -> str:
    """What the model will be used for. Raises UserError where it was not made for that."""
    guessed = (name for name, known in TASKS.items() if known.classes and _is_one(found, known.classes))
    task = wanted or found.task or next(guessed, "")
    if task == "text-generation" and found.chats and not wanted:
        task = "chat"
    if task == "chat" and not found.chats and not wanted:
        task = "text-generation"
    if task not in TASKS:
        made = f"is made for {task}, and I cannot do that" if task else "does not say what it is made for"
        raise UserError(f"{found.model} {made}. I can: {', '.join(TASKS)}.")
    classes = TASKS[task].classes
    if found.architectures and classes and not _is_one(found, classes):
        raise UserError(f"{found.model} is a {found.architectures[0]}, which was not made for {task}.")
    if task == "chat" and not found.chats:
        raise UserError(
            f"{found.model} has no chat template: it was not made for conversations. "
            "With `--task text-generation` it can continue texts."
        )
    return task


def _is_one(found: FoundModel, classes: tuple[str, ...]) -> bool:
    return any(name.endswith(classes) for name in found.architectures)


def _known_to_transformers(model_type: str) -> bool:
    """Whether the installed library has this kind of model, so that the repository's code is not needed."""
    spec = find_spec("transformers")
    folders = spec.submodule_search_locations if spec else None
    name = model_type.replace("-", "_")
    return bool(name.isidentifier() and any((Path(folder) / "models" / name).is_dir() for folder in folders or ()))


_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
_UNSAFE = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")
_NAME = r"[\w-][\w.-]*"
_CONFIGURATION = (
    re.compile(rf"{_NAME}\.(json|txt|model|spm|jinja)", re.ASCII),
    re.compile(r"additional_chat_templates/[\w-]+\.jinja", re.ASCII),
    re.compile(r"\d+_[A-Za-z]+/(config\.json|model\.safetensors)", re.ASCII),
)
"""What is needed beside the weights: settings, vocabularies, templates, and the layers that make embeddings."""
_NOT_NEEDED = re.compile(r"(?!model\.safetensors).*\.index\.json|trainer_state\.json|.*onnx.*")
_QUANTISED = ("Q4_K_M", "Q5_K_M", "Q4_1", "Q4_0", "Q8_0", "BF16", "F16")
"""Which of several GGUF files is taken, the best for its size first."""


def _weights(found: FoundModel) -> Sequence[RemoteFile]:
    """The weights in one form. Raises HubError where there is none that is safe to load."""
    root = {file.path: file for file in found.files if re.fullmatch(_NAME, file.path, re.ASCII)}
    if whole := root.get("model.safetensors"):
        return (whole,)
    shards = [file for path, file in sorted(root.items()) if _SHARD.fullmatch(path)]
    if shards and "model.safetensors.index.json" in root:
        return shards
    packed = sorted((file for path, file in root.items() if path.endswith(".gguf")), key=lambda file: file.size)
    for quantised in _QUANTISED:
        if fitting := [file for file in packed if quantised in file.path.upper()]:
            return fitting[:1]
    if packed:
        return packed[:1]
    if pickled := next((path for path in root if path.endswith(_UNSAFE)), None):
        raise HubError(
            f"{found.model} has its weights only as {pickled}, a form that can hold programs. I load safetensors and "
            "GGUF alone; often somebody offers the same model so."
        )
    raise HubError(f"{found.model} holds no weights that I can load: there is no model.safetensors and no .gguf file.")


def _configuration(files: Sequence[RemoteFile]) -> Sequence[RemoteFile]:
    return [
        file
        for file in files
        if any(pattern.fullmatch(file.path) for pattern in _CONFIGURATION) and not _NOT_NEEDED.fullmatch(file.path)
    ]
