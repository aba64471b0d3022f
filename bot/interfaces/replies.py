"""A reply: the chunks that a command streams, and the answer that they add up to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bot.interfaces.messages import Turn


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of one model call, as the backend counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Used:
    """The usage of a running model call so far, as its server reports it: for accounting, never drawn."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer in Markdown, appended to the pieces before it."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of a model's reasoning before its answer: shown on request, never part of the conversation."""

    text: str


@dataclass(frozen=True, slots=True)
class Status:
    """The bot's activity before the first text. `position` is the place in a queue, 1 for the next.

    Adapters show the text of a place in a queue and of a `long` wait, such as a download. `lost` marks a failed model
    call that the backend repeats: "read" if the model had received the prompt, else "unread".
    """

    text: str
    position: int = 0
    long: bool = False
    lost: Literal["", "read", "unread"] = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence of the bot in Markdown, shown after the answer and set apart from it."""

    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A button. Pressing it asks for `command` with `arguments`, as the person who pressed it."""

    label: str
    command: str
    arguments: Mapping[str, str] = field(default_factory=dict)


LONGEST_LABEL = 75
"""The most characters of a button's label, of an item's label and of an item's summary."""


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a menu or of a form's choice."""

    value: str
    label: str
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Menu:
    """A list to pick from, at most 25 items. Picking one asks for `command` with `arguments` and `option` set to it."""

    label: str
    command: str
    option: str
    items: tuple[Item, ...]
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choices:
    """The buttons and menus under the answer; each Choices replaces the one before it."""

    choices: tuple[Choice | Menu, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file of the answer, shown after its text. `summary` describes it to people who cannot see it."""

    __pydantic_config__ = {"ser_json_bytes": "base64", "val_json_bytes": "base64"}  # noqa: RUF012 -- pydantic's name

    name: str
    content: bytes
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Private:
    """The first chunk of a private reply to a request that did not ask for privacy, such as a refusal.

    If the platform cannot show a message to one person in that place, the reply becomes a direct message.
    """


FieldKind = Literal["line", "text", "choice", "several"]


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of a form: a line, a longer text, one of `items`, or several of them (joined by commas)."""

    name: str
    label: str
    kind: FieldKind = "line"
    value: str = ""
    items: tuple[Item, ...] = ()
    hint: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """A dialog, at most 5 fields. Sending it asks for `command` with `arguments` and the fields' values."""

    title: str
    command: str
    fields: tuple[Field, ...]
    arguments: Mapping[str, str] = field(default_factory=dict)


DoneReason = Literal["complete", "length", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Done:
    """The last chunk of every reply. "length" means that the model reached its length limit."""

    reason: DoneReason = "complete"
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class ModelAsked:
    """The start of a model call: for the store, never drawn.

    `question` is the turn to store, None for a turn that is stored already. `parent` is the turn before the question;
    without a question, it is the turn that the model answers.
    """

    model: str
    parent: int | None
    question: Turn | None


Piece: TypeAlias = Text | Thought | Status | Used | Done
"""An element of a model's stream."""


Chunk: TypeAlias = Text | Thought | Status | Note | Choices | File | Private | ModelAsked | Done
"""An element of a reply."""


Reply: TypeAlias = AsyncGenerator[Chunk, None]
"""The answer to a request, as the core streams it to an adapter."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole content of a finished reply. A second delivery must look like the first."""

    text: str
    notes: tuple[str, ...] = ()
    choices: tuple[Choice | Menu, ...] = ()
    files: tuple[File, ...] = ()
    private: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One platform message of a draft: `text` as first sent, `message` the platform's id, "" before it is known."""

    index: int
    text: str
    message: str = ""
