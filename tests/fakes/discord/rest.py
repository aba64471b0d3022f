"""The part of the HTTP API v10 that the bot uses; every other route is a violation."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.fakes.discord import defaults
from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.interactions import Interactions
from tests.fakes.discord.rules import CREATE_FIELDS, command_faults, refuse
from tests.fakes.discord.world import (
    DEFAULT,
    DIRECT,
    OPEN_THREADS,
    READ_HISTORY,
    REPLY,
    TEXT,
    THREAD,
    THREAD_STARTER,
    THREADS,
    Channel,
    Json,
    Message,
    World,
    as_list,
    made_at,
    stamp,
)
from tests.fakes.discord.writing import Call

ENTRY_POINT = 4
NONCE_SECONDS = 300
"""The memory of a nonce in seconds; Discord's documentation has "a few minutes"."""


class Rest(Interactions):
    """The handler of calls, which reads and changes the world."""

    def __init__(self, world: World, gateway: Gateway, violate: Callable[[str], None]) -> None:
        super().__init__(world, gateway, violate)
        self.commands: list[Json] = []
        self.syncs = 0
        self.typing: list[str] = []
        c, m, w = r"/channels/(\d+)", r"/messages/(\d+)", r"/webhooks/(\d+)/([\w.-]+)"
        self.routes: list[tuple[str, re.Pattern[str], Callable[[Call], object]]] = [
            (method, re.compile(path), answer)
            for method, path, answer in (
                ("GET", r"/users/@me", lambda call: world.bot.json() | defaults.SELF),
                ("POST", r"/users/@me/channels", self._open_direct),
                ("GET", r"/oauth2/applications/@me|/applications/@me", self._application),
                ("GET", r"/gateway/bot", lambda call: gateway.limits()),
                ("GET", r"/applications/(\d+)/commands", lambda call: self.commands),
                ("PUT", r"/applications/(\d+)/commands", self._put_commands),
                ("GET", r"/guilds/(\d+)", self._guild),
                ("GET", r"/guilds/(\d+)/members/(\d+)", self._member),
                ("GET", r"/guilds/(\d+)/channels", self._channels),
                ("GET", c + r"/thread-members/(\d+)", self._thread_member),
                ("GET", c, lambda call: self._channel(call).json(world.users)),
                ("PATCH", c, self._change_thread),
                ("POST", c + r"/typing", self._typing),
                ("GET", c + r"/messages", self._history),
                ("POST", c + r"/messages", self._create),
                ("GET", c + m, lambda call: self._show(self._readable(call))),
                ("PATCH", c + m, self._edit),
                ("DELETE", c + m, self._delete),
                ("POST", c + m + r"/threads", self._open_thread),
                ("POST", r"/interactions/(\d+)/([\w.-]+)/callback", self._callback),
                ("POST", w, self._follow_up),
                ("GET", w + r"/messages/(\d+|@original)", lambda call: self._show(self._answer(call))),
                ("PATCH", w + r"/messages/(\d+|@original)", self._edit_answer),
                ("DELETE", w + r"/messages/(\d+|@original)", self._delete_answer),
            )
        ]

    def _application(self, call: Call) -> Json:
        bot = self._world.bot
        return {
            "id": bot.id,
            "name": bot.name,
            "description": "",
            "icon": None,
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "",
            "owner": bot.json(),
            "flags": 0,
            **defaults.APPLICATION,
        }

    def _put_commands(self, call: Call) -> object:
        self.syncs += 1
        commands = as_list(call.raw)
        kept = {str(command["id"]): command for command in self.commands if command["type"] == ENTRY_POINT}
        entry = [str(command.get("id")) for command in commands if command.get("type") == ENTRY_POINT]
        if entry != list(kept):
            raise refuse(400, 50240, "You cannot remove this app's Entry Point command in a bulk update operation.")
        commands = [command for command in commands if command.get("type") != ENTRY_POINT]
        self._must_be_right("commands", command_faults(commands))
        self.commands = [*(self._declared(command) for command in commands), *kept.values()]
        return self.commands

    def _declared(self, command: Json) -> Json:
        """Return a command as Discord returns it: with defaults, and without empty fields."""
        more: Json = {
            "default_member_permissions": None,
            "nsfw": False,
            "dm_permission": True,
            "version": "1",
            "type": 1,
            "description": "",
        }
        more |= {"id": self._world.clock.snowflake(), "application_id": self._world.bot.id}
        return more | _as_returned(command)

    def _guild(self, call: Call) -> Json:
        guild = self._world.guilds.get(call.args[0])
        if guild is None or self._world.bot.id not in guild.members:
            raise refuse(404, 10004, "Unknown Guild")
        inside = ("channels", "threads", "members", "joined_at", "member_count")
        return {key: value for key, value in self._world.guild_json(guild).items() if key not in inside}

    def _member(self, call: Call) -> Json:
        guild = self._world.guilds.get(call.args[0])
        if guild is None or call.args[1] not in guild.members:
            raise refuse(404, 10007, "Unknown Member")
        return guild.member(call.args[1]) | {"user": self._world.users[call.args[1]].json()}

    def _channels(self, call: Call) -> object:
        """Return a guild's channels, also those that the bot cannot see, without threads."""
        found = self._world.channels.values()
        here = [channel for channel in found if channel.guild == call.args[0] and channel.type == TEXT]
        return [channel.json(self._world.users) for channel in here]

    def _thread_member(self, call: Call) -> Json:
        if call.args[1] not in self._channel(call).people:
            raise refuse(404, 10007, "Unknown Member")
        joined = stamp(made_at(call.args[0]))
        return {"id": call.args[0], "user_id": call.args[1], "flags": 0, "join_timestamp": joined}

    def _open_direct(self, call: Call) -> Json:
        person = str(call.body.get("recipient_id"))
        if person not in self._world.users:
            raise refuse(400, 50033, "Invalid Recipient(s)")
        for channel in self._world.channels.values():
            if channel.type == DIRECT and channel.people == (person,):
                return channel.json(self._world.users)
        channel = Channel(self._world.clock.snowflake(), "", DIRECT, people=(person,))
        self._world.channels[channel.id] = channel
        return channel.json(self._world.users)

    def _change_thread(self, call: Call) -> Json:
        """Open an archived thread: the bot changes nothing else about channels."""
        thread = self._channel(call)
        if call.body != {"archived": False} or thread.type not in THREADS:
            raise self._fault(f"a channel is changed: {call.body}")
        self._writable(call)
        self._open(thread)
        return thread.json(self._world.users)

    def _open(self, thread: Channel) -> None:
        thread.archived = False
        self._gateway.dispatch("THREAD_UPDATE", thread.json(self._world.users), guild=thread.guild)

    def _typing(self, call: Call) -> None:
        self.typing.append(self._writable(call).id)

    def _history(self, call: Call) -> object:
        channel = self._channel(call)
        if channel.denied & READ_HISTORY:
            raise refuse(403, 50001, "Missing Access")
        limit = int(call.query.get("limit", "50"))
        if not 1 <= limit <= 100:
            raise self._fault(f"history: a limit of {limit}")
        found = list(self._world.history(channel.id))
        if "after" in call.query:
            chosen = [message for message in found if int(message.id) > int(call.query["after"])][:limit]
        else:
            before = int(call.query.get("before", str(1 << 63)))
            chosen = [message for message in found if int(message.id) < before][-limit:]
        return [self._show(message) for message in reversed(chosen)]

    def _create(self, call: Call) -> Json:
        channel = self._writable(call)
        if any(self._world.users[person].closed for person in channel.people):
            raise refuse(403, 50007, "Cannot send messages to this user")
        reference = call.body.get("message_reference")
        target = ""
        if isinstance(reference, dict):
            if channel.denied & READ_HISTORY:
                raise refuse(400, 160002, "Cannot reply without permission to read message history")
            target = str(reference.get("message_id"))
            found = self._world.messages.get(target)
            if found is None or found.deleted or found.channel != channel.id:
                if reference.get("fail_if_not_exists", True):
                    raise self._fault("a reply to a message that does not exist")
                target = ""
        flags = self._check(call.body, CREATE_FIELDS, reply=bool(target))
        nonce = str(call.body.get("nonce", ""))
        if nonce and call.body.get("enforce_nonce") and (twin := self._by_nonce(channel.id, nonce)):
            return self._show(twin)
        message = self._new_message(call.body, channel.id, flags)
        message.nonce, message.reference, message.type = nonce, target, REPLY if target else DEFAULT
        if channel.archived:
            self._open(channel)
        return self._added(message) | ({"nonce": nonce} if nonce else {})

    def _by_nonce(self, channel: str, nonce: str) -> Message | None:
        since = self._world.clock.now() - NONCE_SECONDS
        for name in reversed(self._world.in_channel.get(channel, [])):
            message = self._world.messages[name]
            if made_at(name) < since:
                return None
            if message.nonce == nonce and message.author == self._world.bot.id:
                return message
        return None

    def _edit(self, call: Call) -> Json:
        return self._change(self._mine(call, edited=True), call)

    def _delete(self, call: Call) -> None:
        self._remove(self._mine(call, edited=False))

    def _open_thread(self, call: Call) -> Json:
        parent = self._channel(call)
        if set(call.body) - {"name", "auto_archive_duration", "rate_limit_per_user"}:
            raise self._fault(f"thread fields {sorted(call.body)}")
        if not 1 <= len(str(call.body.get("name", "")).strip()) <= 100:
            raise self._fault("a thread's name that is not 1 to 100 characters")
        if parent.type != TEXT or parent.denied & OPEN_THREADS:
            raise refuse(403, 50013, "Missing Permissions")
        message = self._readable(call).id
        if message in self._world.channels:
            raise refuse(400, 160004, "A thread has already been created for this message")
        bot = self._world.bot.id
        made = Channel(message, str(call.body["name"]).strip(), THREAD, parent.guild, parent.id, bot)
        self._world.channels[message] = made
        self._gateway.dispatch("THREAD_CREATE", made.json(self._world.users), guild=made.guild)
        self._added(Message(self._world.clock.snowflake(), made.id, bot, "", THREAD_STARTER, message))
        return made.json(self._world.users)


def _as_returned(command: Json) -> Json:
    """Return a command as Discord returns it: options with more fields, empty values left out."""
    options = [_as_returned(option) | {"name_localizations": None} for option in as_list(command.get("options"))]
    kept = {key: value for key, value in command.items() if key != "options"}
    return kept | ({"options": options} if options else {})
