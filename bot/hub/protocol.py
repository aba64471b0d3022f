"""Requests to the child process that talks with the Hub, and its events: one JSON object a line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator, TypeAdapter


@dataclass(frozen=True, slots=True)
class Search:
    """Find models by words and by one of the Hub's tasks, "" for any. The answer is Hits."""

    words: str
    task: str = ""
    limit: int = 15
    do: Literal["search"] = "search"


@dataclass(frozen=True, slots=True)
class Inspect:
    """Describe a model. The answer is FoundModel. `revision` is a branch, a tag or a commit; "" is the newest."""

    model: str
    revision: str = ""
    do: Literal["inspect"] = "inspect"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a model's repository. `hash` is "sha256:…", "git:…" for a small file, or "" if the Hub states none."""

    path: str
    size: int
    hash: str


@dataclass(frozen=True, slots=True)
class Pull:
    """Download files of a commit into a folder. The answers are DownloadProgress events, then Pulled.

    A file or a part that an earlier attempt left in the folder is used. `lock` is the path of a lock file: only one
    process downloads the model at a time.
    """

    model: str
    revision: str
    files: tuple[RemoteFile, ...]
    folder: str
    lock: str
    do: Literal["pull"] = "pull"


@dataclass(frozen=True, slots=True)
class Hit:
    """One result of a search."""

    model: str
    task: str = ""
    licence: str = ""
    downloads: int = 0
    gated: bool = False


@dataclass(frozen=True, slots=True)
class Hits:
    """The results of a search."""

    hits: tuple[Hit, ...]
    event: Literal["hits"] = "hits"


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model's repository at one commit.

    `own_code`: it has Python code. `chats`: it has a chat template. `numbers` is the number of its weights, 0 if the
    Hub does not state it.
    """

    model: str
    revision: str
    task: str = ""
    licence: str = ""
    own_code: bool = False
    chats: bool = False
    model_type: str = ""
    architectures: tuple[str, ...] = ()
    files: tuple[RemoteFile, ...] = field(default=())
    numbers: int = 0
    event: Literal["found"] = "found"


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """The bytes of all files that are on the disk already, and their total."""

    done: int
    total: int
    event: Literal["progress"] = "progress"


@dataclass(frozen=True, slots=True)
class Pulled:
    """The download is complete, and every file matches its hash."""

    event: Literal["pulled"] = "pulled"


@dataclass(frozen=True, slots=True)
class HubFailed:
    """The request failed; `message` is a sentence for people."""

    message: str
    event: Literal["failed"] = "failed"


HubRequest: TypeAlias = Search | Inspect | Pull
HubEvent: TypeAlias = Hits | FoundModel | DownloadProgress | Pulled | HubFailed

_REQUEST: TypeAdapter[HubRequest] = TypeAdapter(Annotated[HubRequest, Discriminator("do")])
_EVENT: TypeAdapter[HubEvent] = TypeAdapter(Annotated[HubEvent, Discriminator("event")])


def encode_request(request: HubRequest) -> bytes:
    """Return a request as a line of JSON."""
    return _REQUEST.dump_json(request) + b"\n"


def decode_request(line: bytes) -> HubRequest:
    """Parse a request. Raises ValueError."""
    return _REQUEST.validate_json(line)


def encode_event(event: HubEvent) -> bytes:
    """Return an event as a line of JSON."""
    return _EVENT.dump_json(event) + b"\n"


def decode_event(line: bytes) -> HubEvent:
    """Parse an event. Raises ValueError."""
    return _EVENT.validate_json(line)
