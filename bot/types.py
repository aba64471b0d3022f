"""The words of this project as frozen values. Standard library only; see docs/design.md for what each word means."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
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
    """Who wrote, as the platform says at this moment.

    `roles` are ids of Discord's roles or Slack's user groups. A `guest` is somebody who is not a full member, or comes
    from another workspace. `home` is the workspace that the id belongs to, "" where ids are unique on the platform.
    `unsaid` is what the platform does not say right now and did not say before: the "roles", any of which they may
    have, or who the "person" is, who counts as a guest then.
    """

    id: str
    name: str
    roles: tuple[str, ...] = ()
    administrator: bool = False
    bot: bool = False
    guest: bool = False
    home: str = ""
    unsaid: Literal["", "roles", "person"] = ""


SubjectKind = Literal["everyone", "guests", "workspace", "person", "role", "channel"]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a rule or a limit is about; `name` is how people called it then and is not part of the key.

    As the value of an option it is written `everyone`, `guests`, `workspace` or `KIND:ID|NAME`.
    """

    kind: SubjectKind
    id: str = ""
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}|{self.name}" if self.id else self.kind

    @property
    def label(self) -> str:
        """How people recognise it."""
        if not self.id:
            return self.kind
        return f"#{self.name or self.id}" if self.kind == "channel" else f"@{self.name or self.id}"

    @classmethod
    def read(cls, text: str) -> Subject | None:
        """From how it is written; None for what is not one."""
        kind, _, rest = text.strip().partition(":")
        key, _, name = rest.partition("|")
        for known in ("everyone", "guests", "workspace"):
            if kind.lower().lstrip("@") == known and not rest:
                return cls(known)
        for named in ("person", "role", "channel"):
            if kind.lower() == named and key:
                return cls(named, key, name)
        return None


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
    """What was said around a request, read from the platform. `mine` marks the bot's own; `link` leads people there.

    `withheld` says, in a sentence or two, why the platform does not tell the bot what a message says and what helps.
    """

    id: str
    author: str
    text: str
    mine: bool = False
    attachments: tuple[Attachment, ...] = ()
    link: str = ""
    withheld: str = ""


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


OptionKind = Literal["text", "flag", "who", "channel", "file"]


@dataclass(frozen=True, slots=True)
class Option:
    """One argument of a command. `suggested` options are completed while typing, by `Intake.suggest`.

    A "flag" arrives as "yes" or is absent; "who" (a person, a role, everyone, guests) and "channel" arrive as a
    Subject is written; a "file" comes as the request's attachment, where the platform's commands take files. `named`
    options are typed by name (`--model gpt`), the others by their place.
    """

    name: str
    summary: str
    kind: OptionKind = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    suggested: bool = False
    named: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A named thing that people can ask for, declared once and offered natively on every platform.

    One with `subcommands` is only their group: "config" with "show" and "set" is asked for as "config show" and
    "config set", and where people write the bare name as the first of them. `administrative` ones are for
    administrators, by the platform's word at that moment, and those of them that are `central` change what there is for
    every workspace of the bot; `unrestricted` ones are for everybody, whatever the rules say. A `dialog` one may have a
    form, by `Intake.dialog`.
    `converses` commands belong to a conversation and begin one where there is none. `passes` commands do not wait in
    the conversation's lane. Of `alone` ones a person has one at a time, until its answer is shown. `quiet` commands are
    answered to the person alone, on platforms that can. `hidden` ones are not offered: adapters or buttons ask for
    them. One with a `shortcut`, its label, can be asked for by pointing at a message, which `replies_to` names then;
    its words are the argument "text", its files the attachments.
    """

    name: str
    summary: str
    options: tuple[Option, ...] = ()
    converses: bool = False
    passes: bool = False
    alone: bool = False
    quiet: bool = False
    hidden: bool = False
    administrative: bool = False
    central: bool = False
    unrestricted: bool = False
    dialog: bool = False
    shortcut: str = ""
    subcommands: tuple[Command, ...] = ()


def by_path(commands: Iterable[Command]) -> dict[str, Command]:
    """Every command that can be asked for, by what it is asked for: "ask", "config show", "config set"."""
    paths: dict[str, Command] = {}
    for command in commands:
        if command.subcommands:
            paths |= {f"{command.name} {subcommand.name}": subcommand for subcommand in command.subcommands}
        else:
            paths[command.name] = command
    return paths


def usage(path: str, command: Command) -> str:
    """How a command is typed, without what is written by name: "/similar ONE [TEXT]"."""
    places = (option for option in command.options if not option.named and option.kind not in ("flag", "file"))
    words = (option.name.upper() if option.required else f"[{option.name.upper()}]" for option in places)
    return " ".join((f"/{path}", *words))


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


Speaks = Literal["mentions", "threads", "everything"]
AnswersIn = Literal["auto", "thread", "place"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How the bot behaves in a place: to what it listens, and where it answers.

    "mentions": only when it is addressed; "threads": also what follows in threads where it takes part; "everything":
    every message. `answers_in` "auto" is the platform's custom: Slack's thread, Discord's reply. `keeps` says that what
    people say to each other here is wanted too, by `Intake.overhear`.
    """

    speaks: Speaks = "threads"
    answers_in: AnswersIn = "auto"
    keeps: bool = False


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


Piece: TypeAlias = Text | Thought | Status | Used | Done
"""The parts of a model's stream."""

Chunk: TypeAlias = Text | Thought | Status | Note | Choices | File | Private | Asked | Done
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
class Sampling:
    """How one answer is generated; None and 0 leave it to the model's own entry in the catalogue."""

    temperature: float | None = None
    max_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or a sound: its bytes, and what they are, such as "image/png"."""

    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message of a prompt, as a model reads it, with the pictures that belong to it."""

    role: Role
    text: str
    images: tuple[Media, ...] = ()


Prompt: TypeAlias = tuple[Utterance, ...]

Ability = Literal["chat", "embed", "transcribe", "speak", "paint"]
"""What a model can be asked for."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What was said from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a recording; without `segments` where a model does not tell the times."""

    text: str
    segments: tuple[Segment, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One platform message of a draft: `text` as it was first sent, `message` its id once the platform said so."""

    index: int
    text: str
    message: str = ""
