"""People, places and messages as frozen values; docs/glossary.md defines the words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Place:
    """A platform, a workspace, a channel and a thread: the key of privacy and settings.

    `thread` is "" outside a thread. Discord's direct messages have the workspace "@me". `direct` (a direct message) and
    `name` describe the place to people and models; they are not part of the key.
    """

    platform: str
    workspace: str
    channel: str
    thread: str = ""
    direct: bool = field(default=False, compare=False)
    name: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Person:
    """The author of a message or a press, as the platform reports them at that moment.

    `roles` are ids of Discord's roles or Slack's user groups. A `guest` is not a full member, or belongs to another
    workspace. `home` is the workspace of the id, "" on platforms where ids are unique. `unsaid` names the facts that
    the platform has not reported: "roles" means that the person may have any role, "person" that nothing is known
    about them; such a person counts as a guest.
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
    """The people or the channel that a rule or a limit applies to.

    `name` is the name at the time of writing and not part of the key. The written form, such as an option's value, is
    `everyone`, `guests`, `workspace` or `KIND:ID|NAME`.
    """

    kind: SubjectKind
    id: str = ""
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}|{self.name}" if self.id else self.kind

    @property
    def label(self) -> str:
        """The name for people: "#general", "@Ann" or "everyone"."""
        if not self.id:
            return self.kind
        return f"#{self.name or self.id}" if self.kind == "channel" else f"@{self.name or self.id}"

    @classmethod
    def read(cls, text: str) -> Subject | None:
        """Return the subject of a written form, None for any other text."""
        kind, _, rest = text.strip().partition(":")
        key, _, name = rest.partition("|")
        for group in ("everyone", "guests", "workspace"):
            if kind.lower().lstrip("@") == group and not rest:
                return cls(group)
        for single in ("person", "role", "channel"):
            if kind.lower() == single and key:
                return cls(single, key, name)
        return None


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that a person did; a platform may deliver it several times.

    `id` is unique within (platform, workspace): a Discord message or interaction id, Slack's "channel:ts" of a post or
    the trigger id of a command. `order` grows with the platform's own time within one place (Discord: the snowflake;
    Slack: microseconds); lanes sort by it.
    """

    id: str
    order: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a request. `size` is in bytes; `url` is the platform's address of the file."""

    name: str
    media_type: str = ""
    size: int = 0
    url: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A message near a request, read from the platform.

    `mine` marks the bot's own messages. `link` is the message's address for people. `withheld` is for a text that the
    platform does not show to the bot: a sentence or two with the reason and the next step.
    """

    id: str
    author: str
    text: str
    mine: bool = False
    attachments: tuple[Attachment, ...] = ()
    link: str = ""
    withheld: str = ""


class ReplyTarget(Protocol):
    """The address of a request's answer, in an adapter's own terms; the core stores it unread."""

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
    """A command with its arguments, place and person, as an adapter passes it to the core.

    `command` is a command's path; a mention, a direct message or a follow-up in a thread is "chat", with its text in
    `arguments["text"]`. `addressed` is False for a post in a thread without a mention: the core accepts it only if the
    bot already takes part in that thread. `replies_to` is the platform's id of the message replied to, "" for none.
    `message` is the platform's id of the request's own message, "" for a slash command: answers reply to it, and people
    may reply to it. `private` asks for an answer that only the person sees. `reply_target` holds
    everything that the adapter needs to answer, such as an interaction's token.
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
        """The text that the person wrote to the bot."""
        return self.arguments.get("text", "")


Speaks = Literal["mentions", "threads", "everything"]


AnswersIn = Literal["auto", "thread", "place"]


@dataclass(frozen=True, slots=True)
class Manner:
    """The bot's behaviour in a place: the messages that it answers, and the place of its answers.

    `speaks` "mentions": only messages that address it; "threads": also later messages in threads where it takes part;
    "everything": every message. `answers_in` "auto" is the platform's custom: a thread on Slack, a reply on Discord.
    `keeps` is True if the core also stores the messages between people here, through `Intake.overhear`.
    """

    speaks: Speaks = "threads"
    answers_in: AnswersIn = "auto"
    keeps: bool = False


Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One question or answer of a conversation, as stored. `complete` is False for a stopped or broken answer."""

    id: int
    parent: int | None
    role: Role
    person: str
    name: str
    text: str
    model: str = ""
    complete: bool = True
