"""The acts of people on the fake Slack, and their view of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from adapters.slack.manifest import EVENTS
from tests.fakes.attached import content_of, kind_of
from tests.fakes.slack import defaults
from tests.fakes.slack.rules import KINDS
from tests.fakes.slack.socket import Envelope, SocketMode
from tests.fakes.slack.views import Acting
from tests.fakes.slack.web import WebApi
from tests.fakes.slack.world import APP, Channel, Group, Json, Message, User, World, escape


class People(Acting):
    """The part of FakeSlack for people. Every change is delivered to the bot's sockets."""

    base_url: str

    def __init__(self, world: World, web: WebApi, socket: SocketMode) -> None:
        self.world = world
        self.web = web
        self.socket = socket
        self.clock = world.clock
        self.bot = world.bot.id
        self.team = world.team
        self.subscribed = set(EVENTS)
        self.held: dict[str, bytes] = {}  # contents of files, by name, in place of content_of

    def changed(self) -> None:
        """Wake the waits that the current state fulfils."""

    # People and places -----------------------------------------------------------------------------------------------

    def add_user(
        self, name: str, *, admin: bool = False, owner: bool = False, guest: bool = False, bot: bool = False
    ) -> str:
        user = User(self.clock.id("U"), name, self.team, admin, owner, guest, bot)
        self.world.users[user.id] = user
        return user.id

    def change(self, user: str, **rights: bool) -> None:
        """Change the `admin`, `owner` or `guest` flag of a person."""
        changed = self.world.users[user]
        for right, value in rights.items():
            setattr(changed, right, value)
        fields = changed.json()
        fields["profile"] = {**fields["profile"], "fields": None}  # type: ignore[dict-item]  # an object
        self.event({"type": "user_change", "user": fields, "cache_ts": 1, "event_ts": self.clock.ts()})

    def add_channel(
        self, name: str, *users: str, kind: Literal["channel", "group", "mpim"] = "channel", joined: bool = True
    ) -> str:
        """Add a channel with the bot and `users` in it; `joined` False leaves the bot out."""
        members = {*users, *([self.bot] if joined else [])}
        channel = Channel(self.clock.id("G" if kind != "channel" else "C"), name, kind, members)
        self.world.channels[channel.id] = channel
        return channel.id

    def add_direct(self, user: str) -> str:
        """Return the direct messages between a person and the bot."""
        found = self.world.direct_channel(user)
        if found is None:
            found = Channel(self.clock.id("D"), "", "im", {user, self.bot})
            self.world.channels[found.id] = found
        return found.id

    # Acts ------------------------------------------------------------------------------------------------------------

    def mention(self, text: str = "") -> str:
        """Return `text` with a mention of the bot."""
        return f"<@{self.bot}> {text}".strip()

    def post(
        self,
        channel: str,
        user: str,
        text: str,
        thread_ts: str = "",
        *,
        files: Sequence[str] = (),
        quiet: bool = False,
        blocks: Sequence[Json] = (),
        attachments: Sequence[Json] = (),
    ) -> str:
        """Write a message and return its ts. A mention causes app_mention and message, in this order, as on Slack.

        `quiet` delivers nothing, as if the bot was offline or Slack lost the event.
        """
        ts = self.clock.ts()
        message = Message(ts, channel, user, escape(text), thread_ts)
        message.bot = self.world.users[user].bot
        message.files = [self._file_json(name) for name in files]
        message.subtype = "file_share" if files else ""
        message.blocks, message.attachments = list(blocks), list(attachments)
        self.world.channels[channel].members.add(user)
        self.world.add_message(message)
        if not quiet:
            self.tell(message)
        self.changed()
        return ts

    def _file_json(self, name: str) -> Json:
        key, held = self.clock.id("F"), self.held.get(name) or content_of(name.removeprefix("huge-"))
        url = f"{self.base_url}/files-pri/{self.team}-{key}/{name}"
        kind = name.rpartition(".")[2]
        shown: Json = {"title": name, "filetype": kind, "permalink": f"https://team.slack.invalid/files/{key}"}
        known: Json = {"id": key, "name": name, "mimetype": kind_of(name), "size": len(held), "url_private": url}
        file: Json = {**defaults.FILE, **shown, **known}
        if not name.startswith("theirs"):
            return file
        self.world.hidden_files[key] = file  # of another organisation: only files.info describes it
        return {"id": key, "file_access": "check_file_info", "mode": "file_access"}

    def tell(self, message: Message) -> list[Envelope | None]:
        """Deliver a message's events."""
        channel = self.world.channels[message.channel]
        if self.bot not in channel.members:
            return []
        said = message.json() | {
            "channel": message.channel,
            "channel_type": channel.kind,
            "event_ts": message.ts,
            "client_msg_id": self.clock.id("m"),
        }
        if message.subtype == "file_share":
            del said["team"], said["client_msg_id"]
        sent: list[Envelope | None] = []
        if f"<@{self.bot}>" in message.text and channel.kind != "im":
            kept = {
                key: value
                for key, value in said.items()
                if key not in ("files", "subtype", "channel_type", "parent_user_id")
            }
            sent.append(self.event(kept | {"type": "app_mention"}))
        return [*sent, self.event(said)]

    def event(self, event: Json, **envelope: object) -> Envelope | None:
        """Deliver any event that the app subscribes to; keywords change the envelope."""
        name = str(event["type"])
        if name == "message":
            name = f"message.{KINDS[self.world.channels[str(event['channel'])].kind]}"
        if name not in self.subscribed:
            return None
        payload: Json = {
            "type": "event_callback",
            "token": "legacy",
            "team_id": self.team,
            "context_team_id": self.team,
            "api_app_id": APP,
            "event_id": self.clock.id("Ev"),
            "event_time": int(self.clock.now()),
            "event": event,
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": self.team,
                    "user_id": self.bot,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
        }
        return self.socket.deliver("events_api", payload | envelope)

    def edit(self, channel: str, ts: str, text: str) -> None:
        """Change a message."""
        message = self.world.messages[channel, ts]
        before = message.json()
        message.text = escape(text)
        message.versions.append(message.shown)
        self.changed_message(message, before)

    def changed_message(self, message: Message, before: Json) -> None:
        """Deliver the change of a message."""
        self._tell_change(
            message, {"subtype": "message_changed", "message": message.json(), "previous_message": before}
        )

    def delete(self, channel: str, ts: str) -> None:
        """Delete a message; one with answers leaves a tombstone."""
        message = self.world.messages[channel, ts]
        message.deleted = True
        self.deleted_message(message)

    def deleted_message(self, message: Message) -> None:
        """Deliver the deletion of a message."""
        before = message.json()
        gone: Json = {"subtype": "message_deleted", "deleted_ts": message.ts, "previous_message": before}
        if any(reply.ts != message.ts for reply in self.world.visible(message.channel, message.ts)):
            stone: Json = {"type": "message", "subtype": "tombstone", "text": "This message was deleted."}
            stone |= {"user": "USLACKBOT", "ts": message.ts, "thread_ts": message.ts, "hidden": True}
            gone = {"subtype": "message_changed", "message": stone, "previous_message": before}
        self._tell_change(message, gone)

    def _tell_change(self, message: Message, change: Json) -> None:
        channel = self.world.channels[message.channel]
        event: Json = {"type": "message", "hidden": True, "channel": channel.id, "channel_type": channel.kind}
        ts = self.clock.ts()
        self.event(event | change | {"ts": ts, "event_ts": ts})

    def group(self, handle: str, *users: str) -> str:
        """Create a user group, or add people to it; return its id."""
        found = next((group for group in self.world.groups.values() if group.handle == handle), None)
        kind = "subteam_members_changed"
        if found is None:
            found, kind = Group(self.clock.id("S"), handle), "subteam_created"
            self.world.groups[found.id] = found
        found.users += users
        if kind == "subteam_created":
            self.event({"type": kind, "subteam": found.json(), "event_ts": self.clock.ts()})
        else:
            self._tell_members(found.id, {"added_users": list(users), "added_users_count": len(users)})
        return found.id

    def leave(self, group: str, user: str) -> None:
        """Remove a person from a user group."""
        self.world.groups[group].users.remove(user)
        self._tell_members(group, {"removed_users": [user], "removed_users_count": 1})

    def _tell_members(self, group: str, change: Json) -> None:
        event: Json = {"type": "subteam_members_changed", "subteam_id": group, "team_id": self.team}
        when: Json = {"date_previous_update": defaults.MADE, "date_update": int(self.clock.now())}
        self.event(event | when | change | {"event_ts": self.clock.ts()})

    def delete_channel(self, channel: str) -> None:
        """Delete a channel; of a private one Slack informs only its members."""
        found = self.world.channels.pop(channel)
        kind = "group_deleted" if found.kind == "group" else "channel_deleted"
        if found.kind != "group" or self.bot in found.members:
            by: Json = {"actor_id": "U0ADMIN", "date_deleted": int(self.clock.now())} if kind == "group_deleted" else {}
            self.event({"type": kind, "channel": channel, **by, "event_ts": self.clock.ts()})

    def uninstall(self) -> None:
        """Remove the bot from the workspace."""
        self.world.removed = True
        self.event({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [self.bot]}})
        self.event({"type": "app_uninstalled"})

    def join(self, channel: str, user: str = "", inviter: str = "") -> None:
        """Add a person, or the bot, to a channel."""
        joined = user or self.bot
        self.world.channels[channel].members.add(joined)
        event: Json = {"type": "member_joined_channel", "user": joined, "channel": channel, "channel_type": "C"}
        self.event(event | {"team": self.team, "inviter": inviter, "event_ts": self.clock.ts()})

    def stop_session(self, channel: str, thread: str, user: str) -> str:
        """Press Slack's own Stop button: Slack ends the streams there and sends an event. Return the event's ts."""
        streams = [m for m in self.world.visible(channel, thread) if m.stream and m.stream.open(self.clock.now())]
        for message in streams:
            assert message.stream is not None
            message.stream.dead = message.stream.by_user = True
        event: Json = {"type": "agent_session_stopped", "channel": channel, "thread_ts": thread, "user": user}
        ts = self.clock.ts()
        self.event(event | {"streaming_message_ts": [m.ts for m in streams], "event_ts": ts})
        return ts

    def end_streams(self) -> None:
        """End every open stream, as Slack does after five minutes."""
        for message in self.world.messages.values():
            if message.stream is not None:
                message.stream.dead = True

    # Views -----------------------------------------------------------------------------------------------------------

    def find(self, channel: str, ts: str) -> Message:
        return self._found(channel, ts)

    def messages(self, channel: str, thread: str | None = None) -> list[Message]:
        """Return the messages in a channel, or of one thread, that everybody sees, oldest first."""
        return list(self.world.visible(channel, thread))

    def answers(self, channel: str, thread: str | None = None) -> list[Message]:
        """Return the bot's messages there."""
        return [message for message in self.messages(channel, thread) if message.user == self.bot]

    def contents(self, message: Message) -> list[tuple[str, bytes]]:
        """Return the contents of the files that the bot put into a message."""
        uploads = [self.world.uploads[str(file["id"])] for file in message.files]
        return [(upload.name, upload.content or b"") for upload in uploads]

    def only_seen_by(self, user: str) -> list[Message]:
        """Return the ephemeral messages to one person."""
        return [message for message in self.world.hidden if message.only_for == user and not message.deleted]
