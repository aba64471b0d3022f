"""What the bot asks of the process that talks with the Hub, and what that says: one JSON object a line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator, TypeAdapter


@dataclass(frozen=True, slots=True)
class Search:
    """Which models are there? Answered by Hits, those that most people use first. `task` is one of the Hub's."""

    words: str
    task: str = ""
    limit: int = 15
    do: Literal["search"] = "search"


@dataclass(frozen=True, slots=True)
class Inspect:
    """What is this model? Answered by Found. `revision` is a branch, a tag or a commit; "" is the newest."""

    model: str
    revision: str = ""
    do: Literal["look"] = "look"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a model's repository. `hash` is what its bytes come to: "sha256:…", or "git:…" for small ones."""

    path: str
    size: int
    hash: str


@dataclass(frozen=True, slots=True)
class Pull:
    """Download these files of a commit into a folder; answered by Progress and, when all are there, by Pulled.

    What an earlier attempt left in the folder is used. `lock` is a file that keeps other processes away.
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
    say: Literal["hits"] = "hits"


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model as its repository is at one commit.

    `own_code` says that it comes with Python code of its own, `chats` that it has a template for conversations.
    `numbers` is how many its weights are, 0 where the Hub does not say.
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
    say: Literal["found"] = "found"


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """How many bytes of all are there."""

    done: int
    total: int
    say: Literal["progress"] = "progress"


@dataclass(frozen=True, slots=True)
class Pulled:
    """Everything is there, and every byte was compared with its file's hash."""

    say: Literal["pulled"] = "pulled"


@dataclass(frozen=True, slots=True)
class HubFailed:
    """It came to nothing; `message` is a sentence for people."""

    message: str
    say: Literal["failed"] = "failed"


HubRequest: TypeAlias = Search | Inspect | Pull
HubEvent: TypeAlias = Hits | FoundModel | DownloadProgress | Pulled | HubFailed

_ASK: TypeAdapter[HubRequest] = TypeAdapter(Annotated[HubRequest, Discriminator("do")])
_EVENT: TypeAdapter[HubEvent] = TypeAdapter(Annotated[HubEvent, Discriminator("say")])


def encode_ask(ask: HubRequest) -> bytes:
    """One line."""
    return _ASK.dump_json(ask) + b"\n"


def decode_ask(line: bytes) -> HubRequest:
    """What the bot wrote."""
    return _ASK.validate_json(line)


def encode_event(event: HubEvent) -> bytes:
    """One line."""
    return _EVENT.dump_json(event) + b"\n"


def decode_event(line: bytes) -> HubEvent:
    """What the process wrote. Raises ValueError."""
    return _EVENT.validate_json(line)
