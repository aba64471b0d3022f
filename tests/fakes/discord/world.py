"""The state of the fake Discord (people, guilds, channels, messages, interactions) and its form in JSON."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Final, TypeAlias

from tests.fakes.discord import defaults

Json: TypeAlias = dict[str, object]

EPOCH_MS: Final = 1_420_070_400_000
EPHEMERAL: Final = 1 << 6
LOADING: Final = 1 << 7
SUPPRESS_EMBEDS: Final = 1 << 2
TEXT, DIRECT, THREAD, PRIVATE_THREAD = 0, 1, 11, 12
THREADS = (THREAD, PRIVATE_THREAD)
BUTTON, SELECT, TEXT_INPUT, LABEL = 2, 3, 4, 18
DEFAULT, REPLY, THREAD_STARTER = 0, 19, 21
VIEW, SEND, ATTACH, READ_HISTORY = 1 << 10, 1 << 11, 1 << 15, 1 << 16
MANAGE_GUILD, OPEN_THREADS, SEND_IN_THREADS = 1 << 5, 1 << 35, 1 << 38
EVERYONE: Final = VIEW | SEND | ATTACH | READ_HISTORY | OPEN_THREADS | SEND_IN_THREADS
TOKEN_SECONDS: Final = 15 * 60
LARGEST_FILE, LARGEST_BODY = 10 << 20, 25 << 20

_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")


@dataclass(slots=True)
class Clock:
    """Wall time that a test can advance; snowflakes are made from it."""

    ahead: float = 0.0
    _numbers: count[int] = field(default_factory=count)
    _last: int = 0

    def now(self) -> float:
        return time.time() + self.ahead

    def snowflake(self) -> str:
        made = (int(self.now() * 1000) - EPOCH_MS) << 22 | next(self._numbers) % 4096
        self._last = max(made, self._last + 1)
        return str(self._last)


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def made_at(snowflake: str) -> float:
    return ((int(snowflake) >> 22) + EPOCH_MS) / 1000


@dataclass(slots=True)
class User:
    id: str
    name: str
    bot: bool = False
    closed: bool = False  # takes no direct messages from bots

    def json(self) -> Json:
        return {
            "id": self.id,
            "username": self.name.lower().replace(" ", "_"),
            "global_name": self.name,
            "discriminator": "0",
            "avatar": None,
            "bot": self.bot,
            **defaults.USER,
        }


@dataclass(slots=True)
class Role:
    id: str
    name: str
    permissions: int = 0
    bot: str = ""

    def json(self) -> Json:
        tags = {"tags": {"bot_id": self.bot}} if self.bot else {}
        return {
            "id": self.id,
            "name": self.name,
            "permissions": str(self.permissions),
            "position": 1,
            **defaults.ROLE,
            "managed": bool(self.bot),
            "mentionable": True,
            "flags": 0,
            **tags,
        }


@dataclass(slots=True)
class Guild:
    id: str
    name: str
    owner: str
    joined_at: float
    roles: dict[str, Role] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)  # user → role ids
    system_channel: str | None = None
    largest_file: int = LARGEST_FILE  # more with boosts

    def permissions(self, user: str) -> int:
        if user == self.owner:
            return (1 << 53) - 1
        held = [self.id, *self.members.get(user, [])]
        total = 0
        for role in held:
            total |= self.roles[role].permissions
        return total

    def member(self, user: str) -> Json:
        return {
            "roles": self.members.get(user, []),
            "joined_at": stamp(self.joined_at),
            "nick": None,
            "avatar": None,
            "flags": 0,
            "deaf": False,
            "mute": False,
            "pending": False,
            **defaults.MEMBER,
        }


@dataclass(slots=True)
class Channel:
    """A channel. `denied` are permissions that everybody lacks, `forbidden` those that single people lack.

    `people` are the members of direct messages, or of a private thread.
    """

    id: str
    name: str
    type: int = TEXT
    guild: str = ""
    parent: str = ""
    owner: str = ""
    people: tuple[str, ...] = ()
    denied: int = 0
    forbidden: dict[str, int] = field(default_factory=dict)
    archived: bool = False
    locked: bool = False
    last_message: str | None = None

    def json(self, users: dict[str, User]) -> Json:
        base: Json = {"id": self.id, "type": self.type, "last_message_id": self.last_message, **defaults.CHANNEL}
        if self.type == DIRECT:
            return base | {"recipients": [users[person].json() for person in self.people]}
        base |= {"guild_id": self.guild, "name": self.name, "parent_id": self.parent or None}
        if self.type in THREADS:
            archive = {
                "archived": self.archived,
                "auto_archive_duration": 1440,
                "archive_timestamp": stamp(made_at(self.id)),
                "locked": self.locked,
            }
            base |= {"owner_id": self.owner, "message_count": 0, "member_count": 2, "thread_metadata": archive}
            return base | defaults.THREAD
        overwrite = {"id": self.guild, "type": 0, "allow": "0", "deny": str(self.denied)}
        people = [{"id": user, "type": 1, "allow": "0", "deny": str(deny)} for user, deny in self.forbidden.items()]
        return base | {"permission_overwrites": [*([overwrite] if self.denied else []), *people], "position": 0}


@dataclass(slots=True)
class Message:
    """One message with its history; `versions` holds every text that it has shown, oldest first."""

    id: str
    channel: str
    author: str
    content: str
    type: int = DEFAULT
    reference: str = ""
    flags: int = 0
    nonce: str = ""
    components: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)  # what the bot attached, by attachment id
    pings: list[str] = field(default_factory=list)
    interaction: str = ""
    only_for: str = ""
    deleted: bool = False
    edited_at: float = 0.0
    versions: list[str] = field(default_factory=list)
    more: Json = field(default_factory=dict)  # embeds, a poll and the like, as the API shows them
    forwarded_from: str = ""  # the channel; then `reference` is what is forwarded

    @property
    def buttons(self) -> dict[str, str]:
        """The custom ids of the message's buttons, by label."""
        return {str(one["label"]): str(one["custom_id"]) for one in self._components(BUTTON)}

    @property
    def menus(self) -> dict[str, Json]:
        """The entries of the message's menus, by placeholder."""
        return {str(one["placeholder"]): one for one in self._components(SELECT)}

    def _components(self, kind: int) -> list[Json]:
        every = (one for row in self.components for one in as_list(row.get("components")))
        return [one for one in every if one["type"] == kind]

    @property
    def loading(self) -> bool:
        return bool(self.flags & LOADING)


@dataclass(slots=True)
class Interaction:
    """One slash command, pressed button, picked entry, sent form or completion, with its responses."""

    id: str
    token: str
    kind: int
    user: str
    channel: str
    source: str = ""
    callback: int = 0
    ephemeral: bool = False
    original: str = ""
    messages: list[str] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    modal: Json = field(default_factory=dict)


def as_list(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def numbered(components: list[Json]) -> list[Json]:
    """Return components as Discord shows them: each with a number, and menus with their limits."""
    numbers = count(1)

    def shown(one: Json) -> Json:
        held = {"components": [shown(inner) for inner in as_list(one["components"])]} if "components" in one else {}
        menu = {"min_values": 1, "max_values": 1} if one["type"] == SELECT else {}
        return {"id": next(numbers), **menu, **one, **held}

    return [shown(one) for one in components]


def mentioned_users(content: str) -> list[str]:
    return list(dict.fromkeys(_USER.findall(content)))


def mentioned_roles(content: str) -> list[str]:
    return list(dict.fromkeys(_ROLE.findall(content)))


class World:
    """The whole state, by id."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.users: dict[str, User] = {}
        self.guilds: dict[str, Guild] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[str, Message] = {}
        self.in_channel: dict[str, list[str]] = {}
        self.interactions: dict[str, Interaction] = {}
        self.by_token: dict[str, Interaction] = {}
        self.signature = 1  # of the addresses of files; older ones have expired
        self.bot = self.add_user("Shoulders", bot=True)

    def add_user(self, name: str, *, bot: bool = False) -> User:
        user = User(self.clock.snowflake(), name, bot)
        self.users[user.id] = user
        return user

    def add_message(self, message: Message) -> Message:
        message.versions.append(message.content)
        self.messages[message.id] = message
        self.in_channel.setdefault(message.channel, []).append(message.id)
        if not message.only_for:
            self.channels[message.channel].last_message = message.id
        return message

    def largest_file(self, channel: str) -> int:
        """Return the most bytes of one file in a channel."""
        guild = self.guilds.get(self.channels[channel].guild)
        return guild.largest_file if guild else LARGEST_FILE

    def history(self, channel: str) -> Sequence[Message]:
        """Return the messages in a channel that everybody can see, oldest first."""
        found = (self.messages[message] for message in self.in_channel.get(channel, []))
        return [message for message in found if not message.deleted and not message.only_for]

    def guild_json(self, guild: Guild) -> Json:
        channels = [channel for channel in self.channels.values() if channel.guild == guild.id]
        return {
            **defaults.GUILD,
            "id": guild.id,
            "name": guild.name,
            "owner_id": guild.owner,
            "joined_at": stamp(guild.joined_at),
            "system_channel_id": guild.system_channel,
            "member_count": len(guild.members),
            "roles": [role.json() for role in guild.roles.values()],
            "channels": [channel.json(self.users) for channel in channels if channel.type == TEXT],
            "threads": [
                channel.json(self.users) for channel in channels if channel.type in THREADS and not channel.archived
            ],
            "members": [guild.member(self.bot.id) | {"user": self.bot.json()}],
        }

    def message_json(self, message: Message, *, intent: bool = True, nested: bool = True) -> Json:
        """Return a message as the API shows it; without the message-content intent most of others' are blank."""
        channel = self.channels[message.channel]
        content = self.may_read(message, intent=intent)
        names = dict.fromkeys([*mentioned_users(message.content), *message.pings])
        fields: Json = {
            "id": message.id,
            "channel_id": message.channel,
            "type": message.type,
            "author": self.users[message.author].json(),
            "content": message.content if content else "",
            "components": numbered(message.components) if content else [],
            "attachments": [self.signed(file) for file in message.attachments] if content else [],
            "embeds": [],
            "timestamp": stamp(made_at(message.id)),
            "edited_timestamp": stamp(message.edited_at) if message.edited_at else None,
            "flags": message.flags,
            "tts": False,
            "pinned": False,
            "mention_everyone": "@everyone" in message.content or "@here" in message.content,
            "mentions": [self.users[name].json() for name in names if name in self.users],
            "mention_roles": mentioned_roles(message.content),
        }
        fields |= {key: value for key, value in message.more.items() if content or key == "sticker_items"}
        if message.reference:
            elsewhere = channel.parent if message.type == THREAD_STARTER else message.forwarded_from
            fields["message_reference"] = {
                "type": int(bool(message.forwarded_from)),
                "message_id": message.reference,
                "channel_id": elsewhere or message.channel,
            }
        if message.reference and not message.forwarded_from:
            target = self.messages.get(message.reference)
            if nested and target is not None:
                exists = not target.deleted
                fields["referenced_message"] = (
                    self.message_json(target, intent=intent, nested=False) if exists else None
                )
        if message.interaction:
            user = self.users[self.interactions[message.interaction].user].json()
            fields["interaction_metadata"] = {
                "id": message.interaction,
                "type": 2,
                "user": user,
                "authorizing_integration_owners": {},
            }
        return fields

    def signed(self, file: Json) -> Json:
        """Return a file with a signed address, which expires."""
        return {
            key: f"{value}?ex={self.signature}" if key in ("url", "proxy_url") else value for key, value in file.items()
        }

    def snapshot(self, message: Message) -> Json:
        """Return the copy of a message in a forward: without its author and its channel."""
        fields = self.message_json(message, nested=False)
        held = ("type", "content", "mentions", "mention_roles", "attachments", "embeds", "timestamp")
        more = ("edited_timestamp", "flags", "components", "sticker_items", "message_snapshots")
        return {"message": {key: fields[key] for key in (*held, *more) if key in fields}}

    def may_read(self, message: Message, *, intent: bool) -> bool:
        """Return True if the bot receives a message's content."""
        direct = self.channels[message.channel].type == DIRECT
        own = message.author == self.bot.id
        return intent or direct or own or self.bot.id in {*mentioned_users(message.content), *message.pings}
