"""Messages between the bot and the models' process. Standard library only.

Each message is a line, `LENGTH JSON`, and LENGTH bytes after it: the raw values (pictures, sounds, vectors), one after
the other. The bot numbers its requests, and every event has its request's number. The process ends when its input
closes. An event's line has at most LONGEST_LINE bytes, and at most MOST_BYTES follow it.
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
"""Most bytes of an event's line."""

MOST_BYTES = 1 << 26
"""Most bytes after an event's line."""

FailureKind = Literal["context-too-long", "out-of-memory", "too-big", "no-such-model", "unsupported", "failed"]


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model and its settings.

    `model` is "bundled:NAME" or an absolute folder. `context` is the window in tokens, 0 for the model's own. `at_once`
    answers are generated at a time. `threads` 0 is half of the cores. `prefix` precedes each text for models that
    rewrite. `pipeline` is only for the skill "run".
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
    """Run a job, after loading its model if necessary.

    The events are any number of JobProgress and TextPiece, then JobEnded or JobFailed.
    """

    id: int
    source: ModelSource
    job: Job[JobAnswer]


@dataclass(frozen=True, slots=True)
class Warm:
    """Load a model without a job. The answer is Ready."""

    id: int
    source: ModelSource
    skill: Skill


@dataclass(frozen=True, slots=True)
class Unload:
    """Unload a model once its running jobs have ended. The answer is Inventory, at once."""

    id: int
    source: ModelSource


@dataclass(frozen=True, slots=True)
class ListLoaded:
    """List the loaded models. The answer is Inventory."""

    id: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the job with this number at its next step. A job that writes then ends with the reason "stopped"."""

    id: int


@dataclass(frozen=True, slots=True)
class Shutdown:
    """End the process at once."""


@dataclass(frozen=True, slots=True)
class Ready(JobAnswer):
    """A loaded model: its window in tokens (0 without one) and its size in bytes. `tools`: its template knows tools."""

    context: int
    tools: bool
    device: str
    dtype: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Resident:
    """A loaded model; `speed` is its latest in `unit` a second, 0 before its first job."""

    source: ModelSource
    skill: Skill
    ready: Ready
    busy: bool
    speed: float
    unit: str


@dataclass(frozen=True, slots=True)
class Inventory(JobAnswer):
    """The loaded models, the least recently used first. `limit` is for all models in main memory, in bytes."""

    models: tuple[Resident, ...]
    limit: int
    process_bytes: int


@dataclass(frozen=True, slots=True)
class JobProgress:
    """The progress of a waiting request: `text` for people, and its position in the queue, 1 for the next, or 0."""

    id: int
    text: str
    position: int = 0


@dataclass(frozen=True, slots=True)
class TextPiece:
    """The next whole characters of a text."""

    id: int
    text: str


@dataclass(frozen=True, slots=True)
class JobEnded:
    """The request has ended with an answer."""

    id: int
    answer: JobAnswer


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The request has failed; `message` is a sentence for people. The process continues."""

    id: int
    kind: FailureKind
    message: str


InferenceRequest: TypeAlias = Run | Warm | Unload | ListLoaded | Cancel | Shutdown
Event: TypeAlias = JobProgress | TextPiece | JobEnded | JobFailed
Message: TypeAlias = InferenceRequest | Event

_KINDS: Mapping[str, type] = {
    name: kind
    for name, kind in {**vars(jobs), **globals()}.items()
    if isinstance(kind, type) and is_dataclass(kind) and not name.startswith("_")
}
"""Every class that messages contain, by its name."""


class Stream(Protocol):
    """The used part of a binary file."""

    def readline(self) -> bytes:
        """Return the bytes up to the newline, or to the end."""

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""


def encode(message: Message) -> bytes:
    """Return a message's line and the bytes after it."""
    raw: list[bytes] = []

    def plain(value: object) -> dict[str, object]:
        if isinstance(value, bytes):
            raw.append(value)
            return {"bytes": len(value)}
        if not is_dataclass(value):
            raise TypeError(f"{type(value).__name__} cannot be part of a message")
        return {"is": type(value).__name__, **{field.name: getattr(value, field.name) for field in fields(value)}}

    line = json.dumps(message, default=plain, separators=(",", ":")).encode()
    return b"".join((b"%d " % sum(map(len, raw)), line, b"\n", *raw))


def encode_event(event: Event) -> bytes:
    """Return the event's line and bytes; for an answer that exceeds the limits, those of a JobFailed."""
    message = encode(event)
    if message.index(b"\n") < LONGEST_LINE and raw_size(message) <= MOST_BYTES:
        return message
    return encode(JobFailed(event.id, "failed", "The answer is too large to send. Ask for less at a time."))


def raw_size(line: bytes) -> int:
    """Return the number of bytes that follow the line."""
    return int(line[: line.index(b" ")])


def decode(line: bytes, raw: bytes = b"") -> Message:
    """Return the message of a line and the bytes after it. Raises ValueError, KeyError or TypeError for other data."""
    position = 0

    def restore(value: dict[str, object]) -> object:
        nonlocal position
        match value:
            case {"bytes": int(length), **others} if not others:
                position += length
                return raw[position - length : position]
            case {"is": str(name), **items}:
                restored: object = _KINDS[name](**{key: _immutable(item) for key, item in items.items()})
                return restored
        raise ValueError(f"not part of a message: {value}")

    message: Message = json.loads(line.partition(b" ")[2], object_hook=restore)
    return message


def _immutable(value: object) -> object:
    """Return lists as tuples, and texts without halves of surrogate pairs, which would break tokenizers."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    return tuple(map(_immutable, value)) if isinstance(value, list) else value


def read(stream: Stream) -> Message | None:
    """Return the next message; None at the end."""
    line = stream.readline()
    return decode(line, stream.read(raw_size(line))) if line.endswith(b"\n") else None
