"""The acts of people on the fake Discord, and their view of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import uuid4

from tests.fakes.attached import content_of, kind_of
from tests.fakes.discord.gateway import DIRECT_MESSAGES, GUILD_MESSAGES, GUILDS, Gateway
from tests.fakes.discord.rest import Rest
from tests.fakes.discord.world import (
    DEFAULT,
    DIRECT,
    EVERYONE,
    MANAGE_GUILD,
    PRIVATE_THREAD,
    READ_HISTORY,
    REPLY,
    SEND,
    TEXT_INPUT,
    THREAD,
    THREAD_STARTER,
    Channel,
    Guild,
    Interaction,
    Json,
    Message,
    Role,
    World,
    as_list,
)

ENTITIES = (6, 7, 8, 9)
"""Types of options whose values are ids."""

FILE, ON_MESSAGE = 11, 3


class People:
    """The part of FakeDiscord for people. Every change is dispatched to connected sessions."""

    def __init__(self, world: World, gateway: Gateway, rest: Rest) -> None:
        self.world = world
        self.gateway = gateway
        self.rest = rest
        self.clock = world.clock
        self.bot = world.bot.id
        self.files_url = ""
        self.held: dict[str, bytes] = {}  # contents of attachments, by name, in place of content_of

    def changed(self) -> None:
        """Wake the waits that the current state fulfils."""

    # People and places -----------------------------------------------------------------------------------------------

    def add_user(self, name: str, *, bot: bool = False) -> str:
        return self.world.add_user(name, bot=bot).id

    def add_guild(self, name: str, owner: str = "") -> str:
        """Add a guild with the bot in it; if the bot is connected, it joins the guild now."""
        guild = Guild(self.clock.snowflake(), name, owner or self.add_user("Owner"), self.clock.now())
        guild.roles[guild.id] = Role(guild.id, "@everyone", EVERYONE)
        own = Role(self.clock.snowflake(), self.world.bot.name, bot=self.bot)
        guild.roles[own.id] = own
        guild.members = {self.bot: [own.id], guild.owner: []}
        self.world.guilds[guild.id] = guild
        return guild.id

    def join(self, guild: str) -> None:
        """Add the bot to a guild that READY did not list."""
        found = self.world.guilds[guild]
        found.joined_at = self.clock.now()
        self.gateway.dispatch("GUILD_CREATE", self.world.guild_json(found), guild=guild)

    def leave(self, guild: str, *, unavailable: bool = False) -> None:
        """Remove the bot from a guild; `unavailable` is an outage of the guild, not a removal."""
        data: Json = {"id": guild} | ({"unavailable": True} if unavailable else {})
        if not unavailable:
            del self.world.guilds[guild].members[self.bot]
        self.gateway.dispatch("GUILD_DELETE", data, guild=guild)

    def add_role(self, guild: str, name: str, *, manages: bool = False) -> str:
        role = Role(self.clock.snowflake(), name, MANAGE_GUILD if manages else 0)
        self.world.guilds[guild].roles[role.id] = role
        self.gateway.dispatch("GUILD_ROLE_CREATE", {"guild_id": guild, "role": role.json()}, guild=guild)
        return role.id

    def add_member(self, guild: str, user: str, *roles: str) -> str:
        self.world.guilds[guild].members[user] = list(roles)
        return user

    def add_channel(self, guild: str, name: str, *, writable: bool = True, readable: bool = True) -> str:
        denied = (0 if writable else SEND) | (0 if readable else READ_HISTORY)
        channel = Channel(self.clock.snowflake(), name, guild=guild, denied=denied)
        return self._add_channel(channel, "CHANNEL_CREATE")

    def add_direct(self, user: str) -> str:
        """Return the direct messages between a person and the bot."""
        for channel in self.world.channels.values():
            if channel.type == DIRECT and channel.people == (user,):
                return channel.id
        channel = Channel(self.clock.snowflake(), "", DIRECT, people=(user,))
        self.world.channels[channel.id] = channel
        return channel.id

    def add_thread(self, channel: str, name: str, owner: str, message: str = "", people: Sequence[str] = ()) -> str:
        """Open a thread, of `message` if given, whose id it then has; with `people`, a private one for them."""
        parent, kind = self.world.channels[channel], PRIVATE_THREAD if people else THREAD
        made = Channel(message or self.clock.snowflake(), name, kind, parent.guild, channel, owner, tuple(people))
        self._add_channel(made, "THREAD_CREATE")
        if message:
            starter = Message(self.clock.snowflake(), made.id, owner, "", THREAD_STARTER, message)
            self.world.add_message(starter)
            self.gateway.dispatch_message("MESSAGE_CREATE", starter)
        return made.id

    def archive(self, thread: str, *, locked: bool = False) -> None:
        """Archive a quiet thread: Discord does not list it at the next connection."""
        self.world.channels[thread].archived, self.world.channels[thread].locked = True, locked

    def delete_channel(self, channel: str) -> None:
        """Delete a channel with its threads, or one thread."""
        found = self.world.channels.pop(channel)
        inside = [other.id for other in self.world.channels.values() if other.parent == channel]
        for thread in inside:
            del self.world.channels[thread]
        if found.type == THREAD:
            which = {"id": channel, "guild_id": found.guild, "parent_id": found.parent, "type": THREAD}
            self.gateway.dispatch("THREAD_DELETE", dict(which), guild=found.guild)
        else:
            self.gateway.dispatch("CHANNEL_DELETE", found.json(self.world.users), guild=found.guild)

    def _add_channel(self, channel: Channel, event: str) -> str:
        self.world.channels[channel.id] = channel
        self.gateway.dispatch(event, channel.json(self.world.users), guild=channel.guild)
        return channel.id

    # Acts ------------------------------------------------------------------------------------------------------------

    def mention(self, text: str = "") -> str:
        """Return `text` with a mention of the bot."""
        return f"<@{self.bot}> {text}".strip()

    def post(
        self,
        channel: str,
        author: str,
        text: str,
        *,
        reply_to: str = "",
        mention: bool = True,
        files: Sequence[str] = (),
        more: Json | None = None,
    ) -> str:
        """Write a message with a text and `more`, and return its id; `mention`: a reply pings the other author."""
        pings = [self.world.messages[reply_to].author] if reply_to and mention else []
        message = Message(self.clock.snowflake(), channel, author, text, REPLY if reply_to else DEFAULT, reply_to)
        message.pings = pings
        message.attachments = [self._attachment(name) for name in files]
        message.more = more or {}
        return self._posted(message)

    def forward(self, message: str, channel: str, author: str) -> str:
        """Forward a message to a channel: a message without a text, with a copy in it. Return its id."""
        found = self.world.messages[message]
        made = Message(self.clock.snowflake(), channel, author, "", DEFAULT, message)
        made.forwarded_from, made.more = found.channel, {"message_snapshots": [self.world.snapshot(found)]}
        return self._posted(made)

    def _posted(self, message: Message) -> str:
        self.world.add_message(message)
        self.gateway.dispatch_message("MESSAGE_CREATE", message)
        self.changed()
        return message.id

    def _attachment(self, name: str) -> Json:
        url = f"{self.files_url}/{name}"
        media = kind_of(name)
        size = len(self.held.get(name) or content_of(name.removeprefix("huge-")))
        key = self.clock.snowflake()
        return {"id": key, "filename": name, "size": size, "url": url, "proxy_url": url, "content_type": media}

    def edit(self, message: str, text: str) -> None:
        found = self.world.messages[message]
        found.content, found.edited_at = text, self.clock.now()
        found.versions.append(text)
        self.gateway.dispatch_message("MESSAGE_UPDATE", found)

    def preview(self, message: str) -> None:
        """Add a link's preview to a message: an update without an edit."""
        self.gateway.dispatch_message("MESSAGE_UPDATE", self.world.messages[message])

    def delete(self, *messages: str) -> None:
        """Delete one message, or several of one channel at once."""
        found = [self.world.messages[message] for message in messages]
        for one in found:
            one.deleted = True
        channel = self.world.channels[found[0].channel]
        data: Json = {"channel_id": channel.id, **({"guild_id": channel.guild} if channel.guild else {})}
        which: Json = {"id": messages[0]} if len(messages) == 1 else {"ids": list(messages)}
        event = "MESSAGE_DELETE" if len(messages) == 1 else "MESSAGE_DELETE_BULK"
        intent = GUILD_MESSAGES if channel.guild else DIRECT_MESSAGES
        self.gateway.dispatch(event, data | which, guild=channel.guild, intent=intent)

    def slash(
        self, channel: str, user: str, command: str, options: Mapping[str, str | bool] | None = None
    ) -> Interaction:
        """Use a registered command, or a subcommand such as "config set". People, roles and channels are ids."""
        known = {str(option["name"]): option for option in self.options(command)}
        given = options or {}
        assert set(given) <= set(known), f"/{command} has no {set(given) - set(known)}"
        missing = [name for name, option in known.items() if option.get("required") and name not in given]
        assert not missing, f"/{command} needs {missing}"
        filled: list[Json] = [
            {"name": name, "type": known[name]["type"], "value": value} for name, value in given.items()
        ]
        files = list[Json]()
        for option in filled:
            if option["type"] == FILE:
                files.append(self._attachment(str(option["value"])))
                option["value"] = files[-1]["id"]
        ids = [str(option["value"]) for option in filled if option["type"] in ENTITIES]
        resolved = self._resolved(self.world.channels[channel].guild, ids) | (
            {"attachments": {file["id"]: self.world.signed(file) for file in files}} if files else {}
        )
        return self._interact(
            2, channel, user, self._used(command, filled) | ({"resolved": resolved} if resolved else {})
        )

    def shortcut(self, message: str, label: str, user: str) -> Interaction:
        """Choose a shortcut in a message's menu."""
        found = self.world.messages[message]
        declared = next(c for c in self.rest.commands if (c["name"], c["type"]) == (label, ON_MESSAGE))
        resolved: Json = {"messages": {message: self.world.message_json(found)}}
        data: Json = {"id": declared["id"], "name": label, "type": ON_MESSAGE, "target_id": message}
        return self._interact(2, found.channel, user, data | {"resolved": resolved})

    def type(
        self, channel: str, user: str, command: str, option: str, typed: str, given: Mapping[str, str] | None = None
    ) -> Interaction:
        """Type the beginning of an option with completions; they arrive in the interaction's `choices`."""
        before: list[Json] = [{"name": name, "type": 3, "value": value} for name, value in (given or {}).items()]
        focused: Json = {"name": option, "type": 3, "value": typed, "focused": True}
        return self._interact(4, channel, user, self._used(command, [*before, focused]))

    def press(self, message: str, label: str, user: str) -> Interaction:
        """Press a button under a message."""
        found = self.world.messages[message]
        data: Json = {"component_type": 2, "custom_id": found.buttons[label]}
        return self._interact(3, found.channel, user, data, source=message)

    def pick(self, message: str, label: str, value: str, user: str) -> Interaction:
        """Pick an entry of a menu under a message."""
        found = self.world.messages[message]
        menu = found.menus[label]
        assert value in {item["value"] for item in as_list(menu["options"])}, f"{label} has no {value}"
        data: Json = {"component_type": 3, "custom_id": menu["custom_id"], "values": [value]}
        return self._interact(3, found.channel, user, data, source=message)

    def submit(self, opened: Interaction, values: Mapping[str, str]) -> Interaction:
        """Change fields of the form that an interaction opened, and send it. A comma separates several values."""
        fields = [label["component"] for label in as_list(opened.modal["components"])]
        inputs = {str(field["custom_id"]): field for field in as_list(fields)}
        assert set(values) <= set(inputs), f"the form has no {set(values) - set(inputs)}"
        sent = [{"type": 18, "id": n, "component": _filled(f, values)} for n, f in enumerate(inputs.values(), 1)]
        data: Json = {"custom_id": opened.modal["custom_id"], "components": sent}
        return self._interact(5, opened.channel, opened.user, data, source=opened.source)

    def options(self, command: str) -> list[Json]:
        """Return the options of a registered command or subcommand."""
        name, _, below = command.partition(" ")
        options = as_list(self._declared(name).get("options"))
        if not below:
            assert not any(option["type"] == 1 for option in options), f"/{command} is only a group"
            return options
        return as_list(next(option for option in options if option["name"] == below).get("options"))

    def _declared(self, name: str) -> Json:
        return next(declared for declared in self.rest.commands if declared["name"] == name)

    def _used(self, command: str, filled: list[Json]) -> Json:
        name, _, below = command.partition(" ")
        options: list[Json] = [{"name": below, "type": 1, "options": filled}] if below else filled
        return {"id": self._declared(name)["id"], "name": name, "type": 1, "options": options}

    def _resolved(self, guild: str, ids: Sequence[str]) -> Json:
        found: dict[str, dict[str, Json]] = {"users": {}, "members": {}, "roles": {}, "channels": {}}
        for key in ids:
            if key in self.world.channels:
                found["channels"][key] = {"id": key, "name": self.world.channels[key].name, "type": 0}
            elif guild and key in self.world.guilds[guild].roles:
                found["roles"][key] = self.world.guilds[guild].roles[key].json()
            else:
                found["users"][key] = self.world.users[key].json()
                if guild:
                    member = self.world.guilds[guild].member(key)
                    found["members"][key] = {name: member[name] for name in member if name not in ("deaf", "mute")}
        return {kind: entries for kind, entries in found.items() if entries}

    def _interact(self, kind: int, channel: str, user: str, data: Json, source: str = "") -> Interaction:
        made = Interaction(self.clock.snowflake(), f"token-{uuid4().hex}", kind, user, channel, source)
        self.world.interactions[made.id] = self.world.by_token[made.token] = made
        where = self.world.channels[channel]
        event: Json = {
            "id": made.id,
            "application_id": self.bot,
            "type": kind,
            "token": made.token,
            "version": 1,
            "data": data,
            "channel_id": channel,
            "channel": where.json(self.world.users),
            "attachment_size_limit": self.world.largest_file(channel),
            "entitlements": [],
            "authorizing_integration_owners": {},
            "locale": "en-US",
            "app_permissions": str(EVERYONE),
        }
        if where.guild:
            guild = self.world.guilds[where.guild]
            allowed = guild.permissions(user) & ~where.forbidden.get(user, 0)
            rights = {"user": self.world.users[user].json(), "permissions": str(allowed)}
            event |= {"guild_id": guild.id, "member": guild.member(user) | rights}
        else:
            event["user"] = self.world.users[user].json()
        if source:
            event["message"] = self.world.message_json(self.world.messages[source])
        self.gateway.dispatch("INTERACTION_CREATE", event, guild=where.guild, intent=GUILDS | DIRECT_MESSAGES)
        return made

    # Views -----------------------------------------------------------------------------------------------------------

    def messages(self, channel: str) -> list[Message]:
        """Return the messages in a channel that everybody sees, oldest first."""
        return list(self.world.history(channel))

    def message(self, message: str) -> Message:
        return self.world.messages[message]

    def only_seen_by(self, user: str) -> list[Message]:
        """Return the ephemeral messages to one person."""
        return [m for m in self.world.messages.values() if m.only_for == user and not m.deleted]

    def answers_to(self, asked: str | Interaction) -> list[Message]:
        """Return the bot's messages that reply to a message (first parts of answers), or that answer an interaction."""
        if isinstance(asked, Interaction):
            found = [self.world.messages[message] for message in asked.messages]
        else:
            found = [m for m in self.world.messages.values() if m.reference == asked and m.author == self.bot]
        return [message for message in found if not message.deleted]


def _filled(field: Json, values: Mapping[str, str]) -> Json:
    """Return a field as it is sent: the person's value, or the value at the form's opening."""
    name = str(field["custom_id"])
    if field["type"] == TEXT_INPUT:
        text = values.get(name, str(field.get("value", "")))
        assert text or not field.get("required", True), f"{name} is required"
        assert len(text) <= int(str(field.get("max_length", 4_000))), f"{name} takes no more than that"
        return {"type": TEXT_INPUT, "id": 1, "custom_id": name, "value": text}
    items = as_list(field["options"])
    chosen = [str(item["value"]) for item in items if item.get("default")]
    if name in values:
        chosen = [value for value in values[name].split(",") if value]
    assert set(chosen) <= {item["value"] for item in items}, f"{name} has no {chosen}"
    assert chosen or not field.get("required", True), f"{name} is required"
    return {"type": field["type"], "id": 1, "custom_id": name, "values": chosen}
