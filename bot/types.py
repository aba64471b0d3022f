"""The words of this project as frozen values. Standard library only; see docs/design.md for what each word means."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are said: the key of privacy and settings.

    `thread` is "" outside a thread. Discord's direct messages have the workspace "@me". `direct` and `name` describe
    the place to people and models; they are not part of the key.
    """

    platform: str
    workspace: str
    channel: str
    thread: str = ""
    direct: bool = field(default=False, compare=False)
    name: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Person:
    """Who wrote, as the platform says at this moment."""

    id: str
    name: str
    roles: tuple[str, ...] = ()
    administrator: bool = False
    bot: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """What a person did, not how it was delivered.

    `id` is unique within (platform, workspace): a Discord message or interaction id, Slack's "channel:ts" of a post or
    the trigger id of a command. `order` is an integer that grows with the platform's own time within one place
    (Discord: the snowflake; Slack: microseconds), so that lanes can sort by it.
    """

    id: str
    order: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a request. `size` is in bytes; `url` is where the platform serves it."""

    name: str
    media_type: str = ""
    size: int = 0
    url: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What was said around a request, read from the platform for context. `mine` marks the bot's own messages."""

    id: str
    author: str
    text: str
    mine: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What an adapter hands to the core.

    `command` is a command's name; a mention, a direct message or a follow-up in a thread is "chat", its words in
    `arguments["text"]`. `addressed` is False for a post in a thread that does not mention the bot: it is accepted only
    where the bot already takes part in that thread. `replies_to` is the platform's id of the message replied to, "" for
    none. `message` is the platform's id of the asking message, "" for a slash command: answers reply to it, and people
    may reply to it. `private` asks for an answer that only the person sees. `handle` is the adapter's own JSON:
    all that it needs to answer after a restart, such as an interaction token; the core keeps it and never reads it.
    """

    act: Act
    place: Place
    person: Person
    command: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    message: str = ""
    replies_to: str = ""
    addressed: bool = True
    private: bool = False
    handle: str = ""

    @property
    def text(self) -> str:
        """The words said to the bot."""
        return self.arguments.get("text", "")


OptionKind = Literal["text", "flag"]


@dataclass(frozen=True, slots=True)
class Option:
    """One argument of a command. `suggested` options are completed while typing, by `Intake.suggest`.

    A "flag" arrives as "yes" or is absent.
    """

    name: str
    summary: str
    kind: OptionKind = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    suggested: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A named thing that people can ask for, declared once and offered natively on every platform.

    `converses` commands belong to a conversation and begin one where there is none. `passes` commands do not wait in
    the conversation's lane. `quiet` commands are answered to the person alone, on platforms that can. `hidden` ones are
    not offered: adapters or buttons ask for them.
    """

    name: str
    summary: str
    options: tuple[Option, ...] = ()
    converses: bool = False
    passes: bool = False
    quiet: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call, as the backend counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer, appended to what came before. Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class Status:
    """What the bot is doing while there is nothing to read yet. `position` is the place in a queue, 1 for next."""

    text: str
    position: int = 0


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


@dataclass(frozen=True, slots=True)
class Choices:
    """The buttons under the answer; each Choices replaces the last."""

    choices: tuple[Choice, ...]


DoneReason = Literal["complete", "length", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a reply: the last chunk of every one. "length" means that the model ran into its own limit."""

    reason: DoneReason = "complete"
    usage: Usage = Usage()


Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One side's contribution to a conversation, as stored. `complete` is False for an answer stopped or broken off."""

    id: int
    parent: int | None
    role: Role
    person: str
    name: str
    text: str
    model: str = ""
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """For the core's own books, not drawn: the model is about to be asked.

    `question` is the turn to store, None when it is stored already; `parent` is the turn before it or, without a
    question, the one that is answered.
    """

    model: str
    parent: int | None
    question: Turn | None


Chunk: TypeAlias = Text | Status | Note | Choices | Asked | Done
Reply: TypeAlias = AsyncGenerator[Chunk, None]


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that a finished reply shows; delivering it twice must look like delivering it once."""

    text: str
    notes: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message of a prompt, as a model reads it."""

    role: Role
    text: str


Prompt: TypeAlias = tuple[Utterance, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One platform message of a draft: `text` as it was first sent, `message` its id once the platform said so."""

    index: int
    text: str
    message: str = ""
