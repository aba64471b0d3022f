"""Admission of models from the Hub: the operator's rules, and the files of a repository that a model needs."""

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
from bot.utils.byte_sizes import format_bytes, parse_bytes

MODEL_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}")

OPEN_LICENCES = ("apache-2.0", "mit", "bsd*", "isc", "unlicense", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0")
"""Licences that allow every use, by the Hub's names; the default of `licences`."""


class HubSection(Section):
    """The table [hub]: the models that administrators may download. docs/decisions/0009 explains the empty default.

    `allow` and `licences` are patterns with * and ?. `largest` limits one model, `disk` all of them together.
    `endpoint` is another Hub's address; "" means HF_ENDPOINT, or else huggingface.co. `managed_by` decides who manages
    models: the administrators of every workspace, only the operator's, or "auto": only the operator's in a bot that
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
        """Return True if only the operator's administrators manage models; `several`: in more than one workspace."""
        return self.managed_by == "operator" or (self.managed_by == "auto" and several)

    @field_validator("largest", "disk")
    @classmethod
    def _check_size(cls, size: str) -> str:
        parse_bytes(size)
        return size

    @field_validator("allow")
    @classmethod
    def _check_patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        wrong = next((pattern for pattern in patterns if pattern.count("/") != 1), None)
        if wrong is not None:
            raise ValueError(f'"{wrong}" is not a pattern of organisation/name, such as "HuggingFaceTB/*"')
        return patterns

    @field_validator("endpoint")
    @classmethod
    def _check_endpoint(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must look like https://huggingface.co")
        return url.rstrip("/")

    def admits(self, model: str) -> bool:
        """Return True for a model's id that matches the operator's list."""
        return any(fnmatchcase(model.lower(), pattern.lower()) for pattern in self.allow)

    def admits_licence(self, licence: str) -> bool:
        """Return True for a licence that matches the list. The unstated licence, "", matches only the pattern "*"."""
        return any(fnmatchcase(licence.lower(), pattern.lower()) for pattern in self.licences)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of a model that are downloaded, and the task that it will do."""

    model: str
    revision: str
    task: str
    licence: str
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def weights(self) -> tuple[RemoteFile, ...]:
        """Return the files that hold weights."""
        return tuple(file for file in self.files if file.path.endswith((".safetensors", ".gguf")))


@dataclass(frozen=True, slots=True)
class HubLimits:
    """The memory for one model on this machine: `size` bytes, `width` bytes a number; width 0 is that of the file."""

    size: int
    width: int = 0


def check_id(model: str, rules: HubSection) -> None:
    """Raise UserError for an invalid id and for a model that is not on the operator's list, without asking the Hub."""
    if not MODEL_ID.fullmatch(model) or len(model) > 96:  # the Hub's own limit
        raise UserError(f"“{model[:96]}” is not the name of a model on the Hub. Write organisation/name.")
    if not rules.admits(model):
        organisation = model.partition("/")[0]
        admitted = f" It admits: {', '.join(rules.allow)}." if rules.allow else ""
        raise UserError(
            f"The operator's list does not admit {model}.{admitted} To admit it, write in config.toml, in the table "
            f'[hub]: `allow = ["{organisation}/*"]`, and start the bot again.'
        )


def choose(found: FoundModel, requested: str, rules: HubSection) -> ModelFiles:
    """Return the files to download of a model, for the `requested` task or, with "", the one that it was made for.

    Raises UserError or HubError with the first rule that the model breaks.
    """
    check_id(found.model, rules)
    if not rules.admits_licence(found.licence):
        stated = f"has the licence “{found.licence}”" if found.licence else "states no licence"
        raise UserError(
            f"{found.model} {stated}, and the operator's list does not admit that. "
            "The admitted licences are in config.toml: [hub] licences."
        )
    if found.own_code and not _known_to_transformers(found.model_type):
        raise HubError(f"{found.model} needs Python code from its repository, and I never run that.")
    task = _task(found, requested)
    files = (*_weights(found), *_configuration(found.files))
    chosen = ModelFiles(found.model, found.revision, task, found.licence, files)
    unhashed = next((file.path for file in files if not file.hash), None)
    if unhashed is not None:
        raise HubError(f"The Hub has no hash of {found.model}'s file {unhashed}, so I could not check the download.")
    if chosen.size > parse_bytes(rules.largest):
        raise UserError(
            f"{found.model} has {format_bytes(chosen.size)}, and the operator admits at most {rules.largest} for one "
            "model: [hub] largest in config.toml."
        )
    return chosen


def needed(found: FoundModel, chosen: ModelFiles, width: int) -> int:
    """Return the bytes of memory that a model needs at least, with `width` bytes a number; 0: as in its files."""
    stored = sum(file.size for file in chosen.weights)
    numbers = found.numbers or stored // 4  # weights have at most 4 bytes a number, so this is not too many
    if any(file.path.endswith(".gguf") for file in chosen.weights):
        width = width or 2  # the loader unpacks GGUF to numbers of 2 bytes
    return numbers * width if width else stored


def check_memory(found: FoundModel, chosen: ModelFiles, room: HubLimits) -> None:
    """Raise HubError for a model that needs more memory than `room`, before anything is downloaded."""
    need = needed(found, chosen, room.width)
    if need > room.size:
        numbers = f" in numbers of {8 * room.width} bits" if room.width else ""
        raise HubError(
            f"{found.model} needs at least {format_bytes(need)} of memory{numbers}; {format_bytes(room.size)} are set "
            "aside for models. Choose a smaller model, or ask the operator to raise memory_gb in config.toml: [local]."
        )


def _task(found: FoundModel, requested: str) -> str:
    """Return the task that the model will do. Raises UserError for a task that it was not made for."""
    by_class = (name for name, known in TASKS.items() if known.classes and _has_class(found, known.classes))
    task = requested or found.task or next(by_class, "")
    # the Hub calls chats text-generation: the template decides, unless somebody asked for one of the two
    if task == "text-generation" and found.chats and not requested:
        task = "chat"
    if task == "chat" and not found.chats and not requested:
        task = "text-generation"
    if task not in TASKS:
        purpose = f"is made for {task}, which I do not support" if task else "does not state its task"
        raise UserError(f"{found.model} {purpose}. I support: {', '.join(TASKS)}.")
    classes = TASKS[task].classes
    if found.architectures and classes and not _has_class(found, classes):
        raise UserError(f"{found.model} is a {found.architectures[0]}, which was not made for {task}.")
    if task == "chat" and not found.chats:
        raise UserError(
            f"{found.model} has no chat template: it was not made for conversations. "
            "Add it with `--task text-generation` to continue texts."
        )
    return task


def _has_class(found: FoundModel, classes: tuple[str, ...]) -> bool:
    return any(name.endswith(classes) for name in found.architectures)


def _known_to_transformers(model_type: str) -> bool:
    """Return True if the installed library has this architecture, so that the repository's code is not needed."""
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
"""Files beside the weights: settings, vocabularies, chat templates, and the last layers of embedding models."""

_NOT_NEEDED = re.compile(r"(?!model\.safetensors).*\.index\.json|trainer_state\.json|.*onnx.*")
"""Files that match _CONFIGURATION but belong to weights in other forms, or to the training."""

_QUANTISED = ("Q4_K_M", "Q5_K_M", "Q4_1", "Q4_0", "Q8_0", "BF16", "F16")
"""Order of preference among several GGUF files: the best quality for its size first."""


def _weights(found: FoundModel) -> Sequence[RemoteFile]:
    """Return the weights' files in one form only. Raises HubError without a form that is safe to load."""
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
            f"{found.model} has its weights only as {pickled}, a form that can hold programs. I load only safetensors "
            "and GGUF: search for a copy of the model in one of these."
        )
    raise HubError(f"{found.model} has no weights that I can load: there is no model.safetensors and no .gguf file.")


def _configuration(files: Sequence[RemoteFile]) -> Sequence[RemoteFile]:
    return [
        file
        for file in files
        if any(pattern.fullmatch(file.path) for pattern in _CONFIGURATION) and not _NOT_NEEDED.fullmatch(file.path)
    ]
