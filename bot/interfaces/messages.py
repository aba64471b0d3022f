"""The words of this project as frozen values. Standard library only; see docs/design.md for what each word means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol


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


class ReplyTarget(Protocol):
    """Where the answer to a request goes, in an adapter's own terms; the core keeps it and never reads it."""

    def dump(self) -> str:
        """Return all of it as text, from which the adapter can answer after a restart."""


@dataclass(frozen=True, slots=True)
class StoredTarget:
    """A reply target as the store gives it back; the adapter that wrote `text` reads it."""

    text: str = ""

    def dump(self) -> str:
        """Return the text as it was stored."""
        return self.text


@dataclass(frozen=True, slots=True)
class Request:
    """What an adapter hands to the core.

    `command` is a command's name; a mention, a direct message or a follow-up in a thread is "chat", its words in
    `arguments["text"]`. `addressed` is False for a post in a thread that does not mention the bot: it is accepted only
    where the bot already takes part in that thread. `replies_to` is the platform's id of the message replied to, "" for
    none. `message` is the platform's id of the asking message, "" for a slash command: answers reply to it, and people
    may reply to it. `private` asks for an answer that only the person sees. `reply_target` holds all that
    the adapter needs to answer, such as an interaction's token.
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
    reply_target: ReplyTarget = StoredTarget()

    @property
    def text(self) -> str:
        """The words said to the bot."""
        return self.arguments.get("text", "")


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
