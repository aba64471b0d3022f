"""A reply: the chunks that a command streams, and the answer that they add up to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bot.interfaces.messages import Turn


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call, as the backend counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Used:
    """For the core's own books, not drawn: what the call of a model took so far, as its server says."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer, appended to what came before. Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of what a model thinks on its way to the answer: never part of what is remembered, shown on request."""

    text: str


@dataclass(frozen=True, slots=True)
class Status:
    """What the bot is doing while there is nothing to read yet. `position` is the place in a queue, 1 for next.

    A place in a queue is shown in words, and so is a `long` wait, such as for a download. An attempt at asking a model
    that failed and is made again is `lost`: "read" where the model had its prompt by then, else "unread".
    """

    text: str
    position: int = 0
    long: bool = False
    lost: Literal["", "read", "unread"] = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence of the bot's own, shown after the answer and set apart from it. Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A button. Pressing it asks for `command` with `arguments`, as the person who pressed it."""

    label: str
    command: str
    arguments: Mapping[str, str] = field(default_factory=dict)


LONGEST_LABEL = 75
"""Characters of a button's label, of an item's, and of an item's summary."""


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
    """The buttons and menus under the answer; each Choices replaces the last."""

    choices: tuple[Choice | Menu, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file that belongs to the answer, shown after its text. `summary` describes it to who cannot see it."""

    __pydantic_config__ = {"ser_json_bytes": "base64", "val_json_bytes": "base64"}  # noqa: RUF012 -- how it is kept

    name: str
    content: bytes
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Private:
    """The first chunk of a reply that only the person may see although the request did not ask for that.

    A refusal is one: where the platform can show nothing to one person in that place, it becomes a direct message.
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
    """The end of a reply: the last chunk of every one. "length" means that the model ran into its own limit."""

    reason: DoneReason = "complete"
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class ModelAsked:
    """For the core's own books, not drawn: the model is about to be asked.

    `question` is the turn to store, None when it is stored already; `parent` is the turn before it or, without a
    question, the one that is answered.
    """

    model: str
    parent: int | None
    question: Turn | None


Piece: TypeAlias = Text | Thought | Status | Used | Done
"""The parts of a model's stream."""


Chunk: TypeAlias = Text | Thought | Status | Note | Choices | File | Private | ModelAsked | Done


Reply: TypeAlias = AsyncGenerator[Chunk, None]


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that a finished reply shows; delivering it twice must look like delivering it once."""

    text: str
    notes: tuple[str, ...] = ()
    choices: tuple[Choice | Menu, ...] = ()
    files: tuple[File, ...] = ()
    private: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One platform message of a draft: `text` as it was first sent, `message` its id once the platform said so."""

    index: int
    text: str
    message: str = ""
