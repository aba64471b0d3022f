"""The changes of messages, by every call and interaction that writes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.rules import EDIT_FIELDS, Refused, attachment_faults, message_faults, message_sins, refuse
from tests.fakes.discord.world import (
    ATTACH,
    EPHEMERAL,
    SEND,
    SUPPRESS_EMBEDS,
    THREADS,
    Channel,
    Json,
    Message,
    World,
    as_list,
)


@dataclass(frozen=True, slots=True)
class Call:
    """One parsed request; `args` are the parameters of its path, `files` the files of a form by their numbers."""

    args: tuple[str, ...]
    body: Json
    query: Mapping[str, str]
    raw: object = None
    files: Mapping[int, tuple[str, bytes]] = field(default_factory=dict)


class Writing:
    """The part that finds, creates, changes and deletes messages, and dispatches the events.

    `on_shown` is called with each message of the bot at its creation and at every change: a cheaper signal than a wait.
    """

    def __init__(self, world: World, gateway: Gateway, violate: Callable[[str], None]) -> None:
        self.on_shown: Callable[[Message], None] = lambda _: None
        self._world = world
        self._gateway = gateway
        self._violate = violate

    def _channel(self, call: Call) -> Channel:
        channel = self._world.channels.get(call.args[0])
        if channel is None:
            raise refuse(404, 10003, "Unknown Channel")
        return channel

    def _writable(self, call: Call) -> Channel:
        channel = self._channel(call)
        above = self._world.channels[channel.parent].denied if channel.type in THREADS else 0
        if (channel.denied | above) & SEND:
            raise refuse(403, 50013, "Missing Permissions")
        if channel.locked:
            raise refuse(400, 160005, "Thread is locked")
        return channel

    def _must_be_open(self, channel: str) -> None:
        """Refuse a change in an archived thread."""
        if self._world.channels[channel].archived:
            raise refuse(400, 50083, "Thread is archived")

    def _readable(self, call: Call) -> Message:
        self._channel(call)
        message = self._world.messages.get(call.args[1])
        if message is None or message.deleted or message.only_for or message.channel != call.args[0]:
            raise refuse(404, 10008, "Unknown Message")
        return message

    def _mine(self, call: Call, *, edited: bool) -> Message:
        self._writable(call)
        message = self._world.messages.get(call.args[1])
        if message is not None and message.deleted:
            self._violate(f"message {message.id} is changed after it was deleted")
        if message is None or message.deleted or message.only_for or message.channel != call.args[0]:
            raise refuse(404, 10008, "Unknown Message")
        if message.author != self._world.bot.id:
            self._violate(f"message {message.id} of somebody else is changed")
            raise refuse(403, 50005, "Cannot edit a message authored by another user")
        if edited:
            self._must_be_open(message.channel)
        return message

    def _new_message(self, body: Json, channel: str, flags: int) -> Message:
        content, components = str(body.get("content") or ""), as_list(body.get("components"))
        bot = self._world.bot.id
        return Message(self._world.clock.snowflake(), channel, bot, content, flags=flags, components=components)

    def _added(self, message: Message) -> Json:
        self._world.add_message(message)
        if not message.only_for:
            self._gateway.dispatch_message("MESSAGE_CREATE", message)
        self.on_shown(message)
        return self._show(message)

    def _change(self, message: Message, call: Call) -> Json:
        body = call.body
        self._attach(message, call)
        flags = self._check(body, EDIT_FIELDS, reply=False, now=message.flags & SUPPRESS_EMBEDS)
        message.flags = flags | (message.flags & EPHEMERAL)
        if "content" in body:
            message.content = str(body["content"])
            message.versions.append(message.content)
            message.edited_at = self._world.clock.now()
        if "components" in body:
            message.components = as_list(body["components"])
        if not message.only_for:
            self._gateway.dispatch_message("MESSAGE_UPDATE", message)
        self.on_shown(message)
        return self._show(message)

    def _remove(self, message: Message) -> None:
        message.deleted = True
        if not message.only_for:
            channel = self._world.channels[message.channel]
            data: Json = {"id": message.id, "channel_id": message.channel}
            guild = {"guild_id": channel.guild} if channel.guild else {}
            self._gateway.dispatch("MESSAGE_DELETE", data | guild, guild=channel.guild, intent=1 << 9 | 1 << 12)

    def _attach(self, message: Message, call: Call) -> None:
        """Keep only the attachments that a change names."""
        if "attachments" not in call.body and not call.files:
            return
        where = self._world.channels[message.channel]
        above = self._world.channels[where.parent].denied if where.type in THREADS else 0
        if (where.denied | above) & ATTACH and not message.interaction:
            raise refuse(403, 50013, "Missing Permissions")
        if any(len(content) > self._world.largest_file(message.channel) for _, content in call.files.values()):
            self._violate("a file that is larger than Discord takes")
            raise refuse(413, 40005, "Request entity too large")
        self._must_be_right("message", attachment_faults(call.body, call.files, set(message.files)))
        kept, known = list[Json](), {str(one["id"]): one for one in message.attachments}
        for entry in as_list(call.body["attachments"]):
            kept.append(known.get(str(entry["id"])) or self._attached(message, entry, call.files))
        message.attachments = kept

    def _attached(self, message: Message, entry: Json, files: Mapping[int, tuple[str, bytes]]) -> Json:
        name, content = files[int(str(entry["id"]))]
        made = self._world.clock.snowflake()
        message.files[made] = content
        url = f"http://127.0.0.1/files/{made}/{name}"
        described = {"description": entry["description"]} if entry.get("description") else {}
        return {"id": made, "filename": name, "size": len(content), "url": url, "proxy_url": url} | described

    def _show(self, message: Message) -> Json:
        return self._world.message_json(message, intent=not self._gateway.refused_intents)

    def _check(self, body: Json, known: set[str], *, reply: bool, now: int = 0) -> int:
        flags = int(str(body.get("flags", now)))
        self._must_be_right("message", message_faults(body, known, flags))
        for sin in message_sins(body, flags, reply=reply):
            self._violate(f"a message {sin}")
        return flags

    def _must_be_right(self, what: str, faults: Iterable[str]) -> None:
        for fault in faults:
            raise self._fault(f"{what}: {fault}")

    def _fault(self, sentence: str) -> Refused:
        self._violate(sentence)
        return refuse(400, 50035, f"Invalid Form Body: {sentence}")
