"""The HTTP API v10, as far as a bot of ours uses it; every other route is a violation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.rules import (
    CREATE_FIELDS,
    EDIT_FIELDS,
    FOLLOWUP_FIELDS,
    LARGEST_FILE,
    Refused,
    attachment_faults,
    command_faults,
    message_faults,
    message_sins,
    modal_faults,
    refuse,
)
from tests.fakes.discord.world import (
    ATTACH,
    DEFAULT,
    DIRECT,
    EPHEMERAL,
    LOADING,
    OPEN_THREADS,
    READ_HISTORY,
    REPLY,
    SEND,
    SUPPRESS_EMBEDS,
    TEXT,
    THREAD,
    THREAD_STARTER,
    TOKEN_SECONDS,
    Channel,
    Interaction,
    Json,
    Message,
    World,
    as_list,
    made_at,
)

NONCE_SECONDS = 300
"""How long a nonce is remembered: "a few minutes"."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read; `args` are the parts of its path, `files` those of a form by their numbers."""

    args: tuple[str, ...]
    body: Json
    query: Mapping[str, str]
    raw: object = None
    files: Mapping[int, tuple[str, bytes]] = field(default_factory=dict)


class Rest:
    """Answers calls from the world and changes it.

    `on_shown` is told each message of the bot when it is created or changed, without the cost of a wait. `syncs` counts
    how often commands were declared; `typing` lists the channels in which the bot typed.
    """

    def __init__(self, world: World, gateway: Gateway, violate: Callable[[str], None]) -> None:
        self.commands: list[Json] = []
        self.syncs = 0
        self.typing: list[str] = []
        self.on_shown: Callable[[Message], None] = lambda _: None
        self._world = world
        self._gateway = gateway
        self._violate = violate
        c, m, w = r"/channels/(\d+)", r"/messages/(\d+)", r"/webhooks/(\d+)/([\w.-]+)"
        self.routes: list[tuple[str, re.Pattern[str], Callable[[Call], object]]] = [
            (method, re.compile(path), answer)
            for method, path, answer in (
                ("GET", r"/users/@me", lambda call: world.bot.json()),
                ("POST", r"/users/@me/channels", self._open_direct),
                ("GET", r"/oauth2/applications/@me|/applications/@me", self._application),
                ("GET", r"/gateway/bot", lambda call: gateway.limits()),
                ("GET", r"/applications/(\d+)/commands", lambda call: self.commands),
                ("PUT", r"/applications/(\d+)/commands", self._put_commands),
                ("GET", r"/guilds/(\d+)", self._guild),
                ("GET", r"/guilds/(\d+)/members/(\d+)", self._member),
                ("GET", c, lambda call: self._channel(call).json(world.users)),
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
        }

    def _put_commands(self, call: Call) -> object:
        self.syncs += 1
        commands = as_list(call.raw)
        self._must_be_right("commands", command_faults(commands))
        self.commands = [self._declared(command) for command in commands]
        return self.commands

    def _declared(self, command: Json) -> Json:
        """As Discord gives it back: with much that nobody said, and without what is empty."""
        more: Json = {"default_member_permissions": None, "nsfw": False, "dm_permission": True, "version": "1"}
        more |= {"id": self._world.clock.snowflake(), "application_id": self._world.bot.id}
        return more | _without_nothing(command)

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
        return self._change(self._mine(call), call)

    def _delete(self, call: Call) -> None:
        self._remove(self._mine(call))

    def _mine(self, call: Call) -> Message:
        self._writable(call)
        message = self._world.messages.get(call.args[1])
        if message is not None and message.deleted:
            self._violate(f"message {message.id} is changed after it was deleted")
        if message is None or message.deleted or message.only_for or message.channel != call.args[0]:
            raise refuse(404, 10008, "Unknown Message")
        if message.author != self._world.bot.id:
            self._violate(f"message {message.id} of somebody else is changed")
            raise refuse(403, 50005, "Cannot edit a message authored by another user")
        return message

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

    def _callback(self, call: Call) -> Json | None:
        interaction = self._world.interactions.get(call.args[0])
        if interaction is None or interaction.token != call.args[1]:
            raise refuse(404, 10062, "Unknown interaction")
        if interaction.callback:
            self._violate(f"interaction {interaction.id} is answered twice")
            raise refuse(400, 40060, "Interaction has already been acknowledged.")
        if self._world.clock.now() - made_at(interaction.id) > 3:
            self._violate(f"interaction {interaction.id} is answered after more than 3 s")
            raise refuse(404, 10062, "Unknown interaction")
        kind, data = int(str(call.body.get("type"))), call.body.get("data")
        if set(call.body) - {"type", "data"} or (data is not None and not isinstance(data, dict)):
            raise self._fault(f"callback fields {sorted(call.body)}")
        allowed = {2: (4, 5, 9), 3: (4, 5, 6, 7, 9), 4: (8,), 5: (4, 5, 6, 7)}[interaction.kind]
        if interaction.kind == 5 and not interaction.source:
            allowed = (4, 5)
        if kind not in allowed:
            raise self._fault(f"callback type {kind} to an interaction of type {interaction.kind}")
        interaction.callback = kind
        self._respond(interaction, kind, data or {})
        return {"interaction": {"id": interaction.id, "type": interaction.kind}, "resource": {"type": kind}}

    def _respond(self, interaction: Interaction, kind: int, data: Json) -> None:
        flags = int(str(data.get("flags", 0)))
        if kind == 8:
            choices = as_list(data.get("choices"))
            interaction.choices = [str(choice["value"]) for choice in choices]
            if len(choices) > 25 or any(not 1 <= len(choice) <= 100 for choice in interaction.choices):
                raise self._fault("completions that are not at most 25 of at most 100 characters")
        elif kind == 5:
            interaction.ephemeral = bool(flags & EPHEMERAL)
            message = self._new_message({"content": ""}, interaction.channel, flags | LOADING)
            self._own(interaction, message, ephemeral=interaction.ephemeral)
            interaction.original = message.id
        elif kind == 6:
            interaction.original = interaction.source
        elif kind == 4:
            flags = self._check(data, FOLLOWUP_FIELDS, reply=False)
            message = self._new_message(data, interaction.channel, flags)
            self._own(interaction, message, ephemeral=bool(flags & EPHEMERAL))
            interaction.original = message.id
        elif kind == 9:
            self._must_be_right("modal", modal_faults(data))
            interaction.modal = data
        else:
            raise self._fault(f"callback type {kind} is not spoken here")

    def _follow_up(self, call: Call) -> Json:
        """While the first answer is only "thinking…", this fills it in, whatever its flags say."""
        interaction = self._alive(call)
        original = self._world.messages.get(interaction.original)
        if original is not None and original.loading and not original.deleted:
            original.flags &= ~LOADING
            return self._change(original, replace(call, body={k: v for k, v in call.body.items() if k != "flags"}))
        flags = self._check(call.body, FOLLOWUP_FIELDS, reply=False)
        message = self._new_message(call.body, interaction.channel, flags)
        self._own(interaction, message, ephemeral=bool(flags & EPHEMERAL))
        return self._show(message)

    def _own(self, interaction: Interaction, message: Message, *, ephemeral: bool) -> None:
        message.interaction = interaction.id
        message.only_for = interaction.user if ephemeral else ""
        interaction.messages.append(message.id)
        self._added(message)

    def _edit_answer(self, call: Call) -> Json:
        message = self._answer(call)
        message.flags &= ~LOADING
        return self._change(message, call)

    def _delete_answer(self, call: Call) -> None:
        self._remove(self._answer(call))

    def _answer(self, call: Call) -> Message:
        interaction = self._alive(call)
        name = interaction.original if call.args[2] == "@original" else call.args[2]
        message = self._world.messages.get(name)
        own = message is not None and name in (*interaction.messages, interaction.source)
        if message is None or not own or message.deleted:
            raise refuse(404, 10008, "Unknown Message")
        return message

    def _alive(self, call: Call) -> Interaction:
        interaction = self._world.by_token.get(call.args[1])
        if interaction is None or call.args[0] != self._world.bot.id or not interaction.callback:
            raise refuse(404, 10015, "Unknown Webhook")
        if self._world.clock.now() - made_at(interaction.id) > TOKEN_SECONDS:
            self._violate(f"interaction {interaction.id} is used after its token expired")
            raise refuse(401, 50027, "Invalid Webhook Token")
        return interaction

    def _channel(self, call: Call) -> Channel:
        channel = self._world.channels.get(call.args[0])
        if channel is None:
            raise refuse(404, 10003, "Unknown Channel")
        return channel

    def _writable(self, call: Call) -> Channel:
        channel = self._channel(call)
        above = self._world.channels[channel.parent].denied if channel.type == THREAD else 0
        if (channel.denied | above) & SEND:
            raise refuse(403, 50013, "Missing Permissions")
        return channel

    def _readable(self, call: Call) -> Message:
        self._channel(call)
        message = self._world.messages.get(call.args[1])
        if message is None or message.deleted or message.only_for or message.channel != call.args[0]:
            raise refuse(404, 10008, "Unknown Message")
        return message

    def _new_message(self, body: Json, channel: str, flags: int) -> Message:
        content, components = str(body.get("content") or ""), as_list(body.get("components"))
        bot = self._world.bot.id
        return Message(self._world.clock.snowflake(), channel, bot, content, flags=flags, components=components)

    def _attach(self, message: Message, call: Call) -> None:
        """The attachments that a change names are all that the message has then."""
        if "attachments" not in call.body and not call.files:
            return
        where = self._world.channels[message.channel]
        above = self._world.channels[where.parent].denied if where.type == THREAD else 0
        if (where.denied | above) & ATTACH and not message.interaction:
            raise refuse(403, 50013, "Missing Permissions")
        if any(len(content) > LARGEST_FILE for _, content in call.files.values()):
            self._violate("a file that is larger than Discord takes")
            raise refuse(413, 40005, "Request entity too large")
        self._must_be_right("message", attachment_faults(call.body, call.files, set(message.files)))
        shown, known = list[Json](), {str(one["id"]): one for one in message.attachments}
        for entry in as_list(call.body["attachments"]):
            shown.append(known.get(str(entry["id"])) or self._attached(message, entry, call.files))
        message.attachments = shown

    def _attached(self, message: Message, entry: Json, files: Mapping[int, tuple[str, bytes]]) -> Json:
        name, content = files[int(str(entry["id"]))]
        made = self._world.clock.snowflake()
        message.files[made] = content
        url = f"http://127.0.0.1/files/{made}/{name}"
        described = {"description": entry["description"]} if entry.get("description") else {}
        return {"id": made, "filename": name, "size": len(content), "url": url, "proxy_url": url} | described

    def _added(self, message: Message) -> Json:
        self._world.add_message(message)
        if not message.only_for:
            self._gateway.dispatch_message("MESSAGE_CREATE", message)
        self.on_shown(message)
        return self._show(message)

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


def _without_nothing(command: Json) -> Json:
    """A command as Discord gives it back: options have more fields, and what is empty is left out."""
    options = [_without_nothing(option) | {"name_localizations": None} for option in as_list(command.get("options"))]
    kept = {key: value for key, value in command.items() if key != "options"}
    return kept | ({"options": options} if options else {})
