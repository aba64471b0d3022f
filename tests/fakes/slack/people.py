"""Acting as people on the stand-in Slack, and looking at what they see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tests.fakes.slack.socket import Envelope, SocketMode
from tests.fakes.slack.web import WebApi
from tests.fakes.slack.world import Act, Channel, Json, Message, User, World, escape

CHANNEL_TYPES = {"channel": "channel", "group": "group", "im": "im", "mpim": "mpim"}


class People:
    """The half of FakeSlack that people use. Everything that happens is delivered to the bot's sockets."""

    base_url: str

    def __init__(self, world: World, web: WebApi, socket: SocketMode) -> None:
        self.world = world
        self.web = web
        self.socket = socket
        self.clock = world.clock
        self.bot = world.bot.id
        self.team = world.team

    def changed(self) -> None:
        """Something happened."""

    # Who and where ---------------------------------------------------------------------------------------------------

    def add_user(
        self, name: str, *, admin: bool = False, owner: bool = False, guest: bool = False, bot: bool = False
    ) -> str:
        user = User(self.clock.id("U"), name, self.team, admin, owner, guest, bot)
        self.world.users[user.id] = user
        return user.id

    def add_channel(
        self, name: str, *users: str, kind: Literal["channel", "group", "mpim"] = "channel", joined: bool = True
    ) -> str:
        """A channel with the bot and `users` in it; `joined` False leaves the bot out."""
        members = {*users, *([self.bot] if joined else [])}
        channel = Channel(self.clock.id("G" if kind != "channel" else "C"), name, kind, members)
        self.world.channels[channel.id] = channel
        return channel.id

    def add_direct(self, user: str) -> str:
        """The direct messages between a person and the bot."""
        found = self.world.direct_channel(user)
        if found is None:
            found = Channel(self.clock.id("D"), "", "im", {user, self.bot})
            self.world.channels[found.id] = found
        return found.id

    # What they do ----------------------------------------------------------------------------------------------------

    def mention(self, text: str = "") -> str:
        """`text` said to the bot."""
        return f"<@{self.bot}> {text}".strip()

    def post(
        self, channel: str, user: str, text: str, thread_ts: str = "", *, files: Sequence[str] = (), quiet: bool = False
    ) -> str:
        """Write a message; its ts. A mention brings app_mention and message, in this order, as Slack does.

        `quiet` delivers nothing: the bot was away, or Slack lost it.
        """
        ts = self.clock.ts()
        message = Message(ts, channel, user, escape(text), thread_ts)
        message.bot = self.world.users[user].bot
        message.files = [_file(self.clock.id("F"), name, self.base_url) for name in files]
        message.subtype = "file_share" if files else ""
        self.world.channels[channel].members.add(user)
        self.world.add_message(message)
        if not quiet:
            self.tell(message)
        self.changed()
        return ts

    def tell(self, message: Message) -> list[Envelope]:
        """Deliver a message's events."""
        channel = self.world.channels[message.channel]
        if self.bot not in channel.members:
            return []
        said = message.json() | {
            "channel": message.channel,
            "channel_type": CHANNEL_TYPES[channel.kind],
            "event_ts": message.ts,
            "client_msg_id": self.clock.id("m"),
        }
        sent = []
        if f"<@{self.bot}>" in message.text and channel.kind != "im":
            kept = {key: value for key, value in said.items() if key not in ("files", "subtype", "channel_type")}
            sent.append(self.event(kept | {"type": "app_mention"}))
        return [*sent, self.event(said)]

    def event(self, event: Json) -> Envelope:
        """Deliver any event."""
        payload: Json = {
            "type": "event_callback",
            "team_id": self.team,
            "context_team_id": self.team,
            "api_app_id": "A000000001",
            "event_id": self.clock.id("Ev"),
            "event_time": int(self.clock.now()),
            "event": event,
            "authorizations": [{"team_id": self.team, "user_id": self.bot, "is_bot": True}],
        }
        return self.socket.deliver("events_api", payload)

    def edit(self, channel: str, ts: str, text: str) -> None:
        message = self.world.messages[channel, ts]
        message.text = escape(text)
        message.versions.append(message.shown)
        changed: Json = {"type": "message", "subtype": "message_changed", "hidden": True, "message": message.json()}
        self.event(changed | {"channel": channel, "channel_type": "channel", "ts": self.clock.ts()})

    def delete(self, channel: str, ts: str) -> None:
        message = self.world.messages[channel, ts]
        message.deleted = True
        gone: Json = {"type": "message", "subtype": "message_deleted", "hidden": True, "deleted_ts": ts}
        self.event(gone | {"channel": channel, "channel_type": "channel", "ts": self.clock.ts()})

    def command(self, channel: str, user: str, command: str, text: str = "") -> Act:
        """Use a slash command."""
        act = self._act(channel, user)
        where, who = self.world.channels[channel], self.world.users[user]
        name = {"im": "directmessage", "group": "privategroup"}.get(where.kind, where.name)
        payload: Json = {
            "token": "legacy",
            "team_id": self.team,
            "team_domain": "team",
            "channel_id": channel,
            "channel_name": name,
            "user_id": user,
            "user_name": who.name.lower(),
            "command": command,
            "text": escape(text),
            "api_app_id": "A000000001",
            "is_enterprise_install": "false",
            "response_url": f"{self.base_url}/response/{act.trigger}",
            "trigger_id": act.trigger,
        }
        self.socket.deliver("slash_commands", payload, act)
        return act

    def press(self, channel: str, ts: str, label: str, user: str) -> Act:
        """Press a button under a message, hidden or not."""
        message = self.find(channel, ts)
        button = message.buttons[label]
        act = self._act(channel, user, message.thread, ts)
        hidden = bool(message.only_for)
        container: Json = {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": hidden}
        action = {key: button.get(key) for key in ("action_id", "block_id", "value", "type", "text")}
        payload: Json = {
            "type": "block_actions",
            "api_app_id": "A000000001",
            "team": {"id": self.team, "domain": "team"},
            "user": {"id": user, "username": self.world.users[user].name.lower(), "team_id": self.team},
            "channel": {"id": channel, "name": self.world.channels[channel].name},
            "container": container | ({"thread_ts": message.thread} if message.thread else {}),
            "trigger_id": act.trigger,
            "response_url": f"{self.base_url}/response/{act.trigger}",
            "actions": [action | {"action_ts": self.clock.ts()}],
        }
        if not hidden:
            payload["message"] = message.json()
        self.socket.deliver("interactive", payload, act)
        return act

    def join(self, channel: str, user: str = "", inviter: str = "") -> None:
        """Somebody, or the bot, joins a channel."""
        joined = user or self.bot
        self.world.channels[channel].members.add(joined)
        event: Json = {"type": "member_joined_channel", "user": joined, "channel": channel, "channel_type": "C"}
        self.event(event | {"team": self.team, "inviter": inviter, "event_ts": self.clock.ts()})

    def stop_session(self, channel: str, thread: str, user: str) -> str:
        """Press Slack's own Stop button: Slack ends the streams there and tells the bot. The event's ts."""
        streams = [m for m in self.world.said(channel, thread) if m.stream and m.stream.open(self.clock.now())]
        for message in streams:
            assert message.stream is not None
            message.stream.dead = True
        event: Json = {"type": "agent_session_stopped", "channel": channel, "thread_ts": thread, "user": user}
        ts = self.clock.ts()
        self.event(event | {"streaming_message_ts": [m.ts for m in streams], "event_ts": ts})
        return ts

    def end_streams(self) -> None:
        """Every open stream dies, as it does by itself after five minutes."""
        for message in self.world.messages.values():
            if message.stream is not None:
                message.stream.dead = True

    def _act(self, channel: str, user: str, thread: str = "", message: str = "") -> Act:
        self.world.channels[channel].members.add(user)
        act = Act(self.clock.id("trigger-"), user, channel, thread, self.clock.now(), message)
        self.world.acts[act.trigger] = act
        return act

    # What they see ---------------------------------------------------------------------------------------------------

    def find(self, channel: str, ts: str) -> Message:
        hidden = (message for message in self.world.hidden if message.ts == ts)
        return self.world.messages.get((channel, ts)) or next(hidden)

    def messages(self, channel: str, thread: str | None = None) -> list[Message]:
        """What everybody sees in a channel, or of one thread, oldest first."""
        return list(self.world.said(channel, thread))

    def answers(self, channel: str, thread: str | None = None) -> list[Message]:
        """The bot's messages there."""
        return [message for message in self.messages(channel, thread) if message.user == self.bot]

    def only_seen_by(self, user: str) -> list[Message]:
        """Ephemeral messages to one person."""
        return [message for message in self.world.hidden if message.only_for == user and not message.deleted]


def _file(key: str, name: str, base_url: str) -> Json:
    media = "image/png" if name.endswith(".png") else "application/pdf" if name.endswith(".pdf") else "text/plain"
    return {"id": key, "name": name, "mimetype": media, "size": 3, "url_private": f"{base_url}/files/{key}/{name}"}
