"""What the bot and the process that holds the models say to each other. Standard library only.

Each message is a line, LENGTH JSON, and after it LENGTH bytes: the raw values (pictures, sound, vectors), one after the
other. The bot numbers what it asks, and every event about it carries the number back. The process ends when its input
closes. Lines of events have at most LONGEST_LINE bytes, and at most MOST_BYTES follow them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Literal, Protocol, TypeAlias

from bot.interfaces import jobs
from bot.interfaces.jobs import Job, JobAnswer, Skill

Device = Literal["auto", "cpu", "cuda", "mps"]
DataType = Literal["auto", "float32", "bfloat16", "float16"]
Quantisation = Literal["auto", "none", "int8"]
LONGEST_LINE = 1 << 22
"""Bytes; the bot reads no longer one."""
MOST_BYTES = 1 << 26
"""Bytes after the line of an event; the bot reads no more."""

FailureKind = Literal["context-too-long", "out-of-memory", "too-big", "no-such-model", "unsupported", "failed"]


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Which model, and how it is to run.

    `model` is "bundled:NAME" or an absolute folder. `context` is in tokens, 0 for what the model says of itself.
    `at_once` answers are written at a time. `threads` 0 is half of the cores. `prefix` is what the model wants before a
    text. `pipeline` is for the skill "run" alone.
    """

    model: str
    context: int = 0
    at_once: int = 8
    threads: int = 0
    device: Device = "auto"
    dtype: DataType = "auto"
    quantise: Quantisation = "auto"
    prefix: str = ""
    pipeline: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Do a job, loading its model if need be: Progress and Piece any number of times, then Ended or Failed."""

    id: int
    source: ModelSource
    job: Job[JobAnswer]


@dataclass(frozen=True, slots=True)
class Warm:
    """Load a model before anybody asks; answered by Ready."""

    id: int
    source: ModelSource
    skill: Skill


@dataclass(frozen=True, slots=True)
class Unload:
    """Forget a model, once what it is doing is done; answered by Inventory."""

    id: int
    source: ModelSource


@dataclass(frozen=True, slots=True)
class ListLoaded:
    """What is loaded? Answered by Inventory."""

    id: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the job with this number at its next step; one that writes still ends, "stopped"."""

    id: int


@dataclass(frozen=True, slots=True)
class Shutdown:
    """End the process now."""


@dataclass(frozen=True, slots=True)
class Ready(JobAnswer):
    """A loaded model: its window in tokens, 0 where it has none, and whether it can be told of tools."""

    context: int
    tools: bool
    device: str
    dtype: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Resident:
    """One loaded model; `speed` is what it last did in a second, in `unit`, 0 before it did anything."""

    source: ModelSource
    skill: Skill
    ready: Ready
    busy: bool
    speed: float
    unit: str


@dataclass(frozen=True, slots=True)
class Inventory(JobAnswer):
    """What is loaded, the least recently used first; `limit` is what models may take on the processor's side."""

    models: tuple[Resident, ...]
    limit: int
    process_bytes: int


@dataclass(frozen=True, slots=True)
class JobProgress:
    """What is waited for: a place in the queue, 1 for next, or, at 0, something told in `text`."""

    id: int
    text: str
    position: int = 0


@dataclass(frozen=True, slots=True)
class TextPiece:
    """The next characters of a text; never half of one."""

    id: int
    text: str


@dataclass(frozen=True, slots=True)
class JobEnded:
    """The end of what was asked."""

    id: int
    answer: JobAnswer


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The request came to nothing; `message` is a sentence for people. The process goes on."""

    id: int
    kind: FailureKind
    message: str


Ask: TypeAlias = Run | Warm | Unload | ListLoaded | Cancel | Shutdown
Event: TypeAlias = JobProgress | TextPiece | JobEnded | JobFailed
Message: TypeAlias = Ask | Event

_KINDS: Mapping[str, type] = {
    name: kind
    for name, kind in {**vars(jobs), **globals()}.items()
    if isinstance(kind, type) and is_dataclass(kind) and not name.startswith("_")
}
"""Every class that travels, by its name."""


class Stream(Protocol):
    """What is used of a binary file."""

    def readline(self) -> bytes:
        """Up to the newline, or to the end."""

    def read(self, size: int) -> bytes:
        """So many bytes."""


def encode(message: Message) -> bytes:
    """The line and the bytes after it."""
    raw: list[bytes] = []

    def plain(value: object) -> dict[str, object]:
        if isinstance(value, bytes):
            raw.append(value)
            return {"bytes": len(value)}
        if not is_dataclass(value):
            raise TypeError(f"{type(value).__name__} does not travel")
        return {"is": type(value).__name__, **{field.name: getattr(value, field.name) for field in fields(value)}}

    line = json.dumps(message, default=plain, separators=(",", ":")).encode()
    return b"".join((b"%d " % sum(map(len, raw)), line, b"\n", *raw))


def encode_event(event: Event) -> bytes:
    """The line and the bytes after it; of an answer that would be too long, that the request failed."""
    message = encode(event)
    if message.index(b"\n") < LONGEST_LINE and announced(message) <= MOST_BYTES:
        return message
    return encode(
        JobFailed(event.id, "failed", "The answer is too large to be handed on: give the model less at a time.")
    )


def announced(line: bytes) -> int:
    """How many bytes follow the line."""
    return int(line[: line.index(b" ")])


def decode(line: bytes, raw: bytes = b"") -> Message:
    """What was encoded. Raises ValueError, KeyError or TypeError for anything else."""
    at = 0

    def whole(value: dict[str, object]) -> object:
        nonlocal at
        match value:
            case {"bytes": int(length), **others} if not others:
                at += length
                return raw[at - length : at]
            case {"is": str(name), **given}:
                made: object = _KINDS[name](**{key: _frozen(item) for key, item in given.items()})
                return made
        raise ValueError(f"no message: {value}")

    message: Message = json.loads(line.partition(b" ")[2], object_hook=whole)
    return message


def _frozen(value: object) -> object:
    """Lists as tuples, and texts as real ones: half of a surrogate pair would break tokenizers."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def read(stream: Stream) -> Message | None:
    """The next message, None at the end."""
    line = stream.readline()
    return decode(line, stream.read(announced(line))) if line.endswith(b"\n") else None
