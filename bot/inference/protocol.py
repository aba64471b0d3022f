"""What the bot and the process that holds the models say to each other: one JSON object a line, standard library only.

The bot writes Load, Generate, Count, Cancel and Shutdown to the process's standard input; each but the last two gets a
number of the bot's choosing, which every event about it carries back. The process ends when its input closes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

DataType = Literal["auto", "float32", "bfloat16", "float16"]
FailureKind = Literal["context-too-long", "out-of-memory", "no-such-model", "unsupported", "failed"]
FinishReason = Literal["complete", "length", "stopped"]


@dataclass(frozen=True, slots=True)
class Load:
    """Declare a model under the name `model` and load it; answered by Loaded or Failed.

    `source` is "bundled:NAME", an absolute folder or a Hub id, which needs `revision`, a commit. `context` is in
    tokens, 0 for what the model says of itself. `at_once` answers are written at a time, each on `threads` threads.
    """

    id: int
    model: str
    source: str
    revision: str = ""
    context: int = 0
    at_once: int = 2
    threads: int = 1
    dtype: DataType = "auto"


@dataclass(frozen=True, slots=True)
class Generate:
    """Answer `messages`, pairs of role and text: Progress and Piece any number of times, then Finished or Failed.

    `max_tokens` 0 means as many as the window holds. `temperature` None means as the model's makers chose, 0 the
    likeliest token each time.
    """

    id: int
    model: str
    messages: Sequence[Sequence[str]]
    max_tokens: int = 0
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many tokens `messages` take as a prompt; answered by Counted or Failed."""

    id: int
    model: str
    messages: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the answer with this number at its next token; it still ends in Finished, "stopped"."""

    id: int


@dataclass(frozen=True, slots=True)
class Shutdown:
    """End the process now."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What is waited for: a place in the queue, 1 for next, or, at 0, something told in `text`."""

    id: int
    text: str
    position: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """The next characters of an answer; never half of one."""

    id: int
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an answer."""

    id: int
    reason: FinishReason
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model is ready; `context` is its window in tokens."""

    id: int
    context: int


@dataclass(frozen=True, slots=True)
class Counted:
    """The length of a prompt."""

    id: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The request came to nothing; `message` is a sentence for people. The process goes on."""

    id: int
    kind: FailureKind
    message: str


Ask: TypeAlias = Load | Generate | Count | Cancel | Shutdown
Event: TypeAlias = Progress | Piece | Finished | Loaded | Counted | Failed

_ASKS: dict[str, type[Ask]] = {kind.__name__: kind for kind in (Load, Generate, Count, Cancel, Shutdown)}
_EVENTS: dict[str, type[Event]] = {kind.__name__: kind for kind in (Progress, Piece, Finished, Loaded, Counted, Failed)}


def encode(message: Ask | Event) -> bytes:
    """One line, its newline included."""
    fields: dict[str, object] = {"type": type(message).__name__, **asdict(message)}
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def decode_ask(line: bytes) -> Ask:
    """What the bot wrote. Raises ValueError, KeyError or TypeError for anything else."""
    fields = json.loads(line)
    return _ASKS[fields.pop("type")](**fields)


def decode_event(line: bytes) -> Event:
    """What the process wrote. Raises ValueError, KeyError or TypeError for anything else."""
    fields = json.loads(line)
    return _EVENTS[fields.pop("type")](**fields)
