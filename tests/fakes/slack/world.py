"""The state of the fake Slack (people, channels, messages, acts) and its form in JSON."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Literal, TypeAlias

from tests.fakes.slack import defaults

Json: TypeAlias = dict[str, object]

APP: Final = defaults.APP
"""The app's id."""

TEAM: Final = "T000000001"

STREAM_SECONDS: Final = 300.0
"""The lifetime of a native stream in seconds, active or not."""

RESPONSE_URL_SECONDS: Final = 1_800.0
RESPONSE_URL_USES: Final = 5

TRIGGER_SECONDS: Final = 3.0

_CONTROL = re.compile(r"<(?:@[UW]\w+|#C\w+|![^>]+|https?://[^>]+|mailto:[^>]+)(?:\|[^>]*)?>")


def escape(text: str) -> str:
    """Return typed text as apps receive it: entities escaped, Slack's control sequences unchanged."""
    kept = [found.span() for found in _CONTROL.finditer(text)]
    pieces, at = [], 0
    for start, end in kept:
        pieces += [_entities(text[at:start]), text[start:end]]
        at = end
    return "".join([*pieces, _entities(text[at:])])


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_list(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


@dataclass(slots=True)
class Clock:
    """Wall time that a test can advance; message timestamps are made from it."""

    ahead: float = 0.0
    _last: int = 0
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def now(self) -> float:
        return time.time() + self.ahead

    def ts(self) -> str:
        self._last = max(int(self.now() * 1_000_000), self._last + 1)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def id(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers):09d}"


@dataclass(slots=True)
class User:
    id: str
    name: str
    team: str
    admin: bool = False
    owner: bool = False
    guest: bool = False
    bot: bool = False
    stranger: bool = False

    def json(self) -> Json:
        handle = self.name.lower().replace(" ", ".")
        names = {"display_name": self.name, "real_name": self.name}
        normal = {f"{key}_normalized": name for key, name in names.items()}
        return {
            **defaults.USER,
            "id": self.id,
            "team_id": self.team,
            "name": handle,
            "real_name": self.name,
            "profile": {**defaults.PROFILE, **names, **normal, "team": self.team},
            "is_admin": self.admin or self.owner,
            "is_owner": self.owner,
            "is_primary_owner": False,
            "is_restricted": self.guest,
            "is_ultra_restricted": False,
            "is_stranger": self.stranger,
            "is_bot": self.bot,
            "deleted": False,
        }


@dataclass(slots=True)
class Channel:
    id: str
    name: str
    kind: Literal["channel", "group", "im", "mpim"] = "channel"
    members: set[str] = field(default_factory=set)
    archived: bool = False
    frozen: bool = False  # the bot may read but not write

    def json(self) -> Json:
        return {
            "id": self.id,
            "name": self.name,
            "is_channel": self.kind == "channel",
            "is_im": self.kind == "im",
            "is_mpim": self.kind == "mpim",
            "is_private": self.kind != "channel",
            "is_archived": self.archived,
        }


@dataclass(slots=True)
class Group:
    """A user group."""

    id: str
    handle: str
    users: list[str] = field(default_factory=list)

    def json(self) -> Json:
        known: Json = {"id": self.id, "handle": self.handle, "name": self.handle.title(), "users": list(self.users)}
        return {**defaults.GROUP, **known, "user_count": len(self.users)}


@dataclass(slots=True)
class Upload:
    """An upload: its URL, its bytes, and True once it is shared."""

    id: str
    name: str
    length: int
    summary: str = ""
    content: bytes | None = None
    shared: bool = False


@dataclass(slots=True)
class View:
    """A modal that a person has open."""

    id: str
    user: str
    content: Json

    @property
    def blocks(self) -> list[Json]:
        return as_list(self.content.get("blocks"))

    def json(self) -> Json:
        return shown_view(self.id, self.content)


@dataclass(slots=True)
class Stream:
    """A message that is being streamed; `dead` means that Slack ended the stream, `by_user` that its person did."""

    started: float
    stopped: bool = False
    dead: bool = False
    by_user: bool = False

    def open(self, now: float) -> bool:
        return not self.stopped and not self.dead and now < self.started + STREAM_SECONDS


@dataclass(slots=True)
class Message:
    """One message with its history; `versions` holds every content that it has shown, oldest first."""

    ts: str
    channel: str
    user: str
    text: str
    thread: str = ""
    blocks: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    bot: bool = False
    files: list[Json] = field(default_factory=list)
    stream: Stream | None = None
    only_for: str = ""
    source: str = ""  # the act whose response_url brought it
    deleted: bool = False
    subtype: str = ""
    attachments: list[Json] = field(default_factory=list)
    parent: str = ""  # who began the thread
    versions: list[str] = field(default_factory=list)

    @property
    def shown(self) -> str:
        """The text that people read: the blocks, before them the message's text if it streams or no block has text."""
        written = [_block_text(block) for block in self.blocks]
        parts = [self.text] if self.stream is not None or not any(written) else []
        return "\n".join([*parts, *filter(None, written)])

    @property
    def buttons(self) -> Mapping[str, Json]:
        return elements(self.blocks, "button")

    @property
    def menus(self) -> Mapping[str, Json]:
        return elements(self.blocks, "static_select")

    def json(self, *, metadata: bool = False) -> Json:
        fields: Json = {"type": "message", "ts": self.ts, "user": self.user, "text": self.text, "team": TEAM}
        if self.thread:
            fields["thread_ts"] = self.thread
            fields |= {"parent_user_id": self.parent} if self.parent else {}
        if self.bot:
            fields["bot_id"] = defaults.BOT
        for name in ("blocks", "files", "subtype", "attachments"):
            if value := getattr(self, name):
                fields[name] = value
        if metadata and self.metadata:
            fields["metadata"] = self.metadata
        return fields


def shown_view(key: str, content: Json) -> Json:
    """Return a view as Slack shows it, with the fields that Slack adds."""
    added: Json = {"id": key, "team_id": TEAM, "app_installed_team_id": TEAM, "state": {"values": {}}}
    empty: Json = {"title": {"type": "plain_text", "text": "Shoulders"}}
    return {**defaults.VIEW, **empty, **added, **content}


def elements(blocks: list[Json], kind: str) -> Mapping[str, Json]:
    """Return the buttons and menus of one kind in a message, by label."""
    found = [element for block in blocks if block.get("type") == "actions" for element in _elements(block)]
    return {_label(element): element for element in found if element.get("type") == kind}


def _elements(block: Json) -> list[Json]:
    return as_list(block.get("elements"))


def _label(element: Json) -> str:
    text = element.get("text") or element.get("placeholder")
    return str(text.get("text")) if isinstance(text, dict) else ""


def _block_text(block: Json) -> str:
    text = block.get("text")
    if isinstance(text, dict):
        return str(text.get("text", ""))
    if block.get("type") == "context":
        return "\n".join(str(element.get("text", "")) for element in _elements(block))
    return str(text or "")


@dataclass(slots=True)
class Act:
    """A slash command or a pressed button, with the permissions of its response_url and trigger."""

    trigger: str
    user: str
    channel: str
    thread: str
    made: float
    message: str = ""
    uses: int = 0
    acknowledged: bool = False
    response_text: str = ""  # the acknowledgement's text, only for the person
    exchanged: bool = False


class World:
    """The whole state, by id."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.team, self.team_name = TEAM, "Team"
        self.removed = False  # True after the app's removal
        self.hidden_files: dict[str, Json] = {}  # files of other organisations, for files.info
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[tuple[str, str], Message] = {}
        self.hidden: list[Message] = []
        self.acts: dict[str, Act] = {}
        self.groups: dict[str, Group] = {}
        self.uploads: dict[str, Upload] = {}
        self.modals: dict[str, View] = {}
        self.homes: dict[str, Json] = {}
        self.stream_error = ""  # what streams that are open are refused with, though they stay open
        self.bot = User("U000000000", "shoulders", self.team, bot=True)
        self.users[self.bot.id] = self.bot

    def add_message(self, message: Message) -> Message:
        root = self.messages.get((message.channel, message.thread))
        message.parent = root.user if root and message.thread != message.ts else ""
        message.versions.append(message.shown)
        self.messages[message.channel, message.ts] = message
        return message

    def visible(self, channel: str, thread: str | None = None) -> Iterator[Message]:
        """Yield the messages that everybody sees, oldest first.

        `thread` is a root's ts, "" for the messages outside threads, None for all.
        """
        for message in sorted(self.messages.values(), key=lambda message: message.ts):
            here = message.channel == channel and not message.deleted
            if here and (thread is None or thread in (message.thread, message.ts)):
                yield message

    def direct_channel(self, user: str) -> Channel | None:
        members = {user, self.bot.id}
        return next((c for c in self.channels.values() if c.kind == "im" and c.members == members), None)
