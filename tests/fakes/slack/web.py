"""The part of the Web API that the bot uses; every other method is a violation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tests.fakes.slack.rules import KINDS_LISTED, Refused, body_faults, sins, words
from tests.fakes.slack.surfaces import Surfaces
from tests.fakes.slack.world import (
    RESPONSE_URL_SECONDS,
    RESPONSE_URL_USES,
    Act,
    Channel,
    Json,
    Message,
    Stream,
    World,
    as_list,
)

SESSION_STATES = ("active", "processing", "suspended", "closed")


@dataclass(slots=True)
class WebApi:
    """The handler of calls, which reads and changes the world.

    `statuses` are the states of the sessions, by (channel, thread).
    """

    world: World
    violate: Callable[[str], None]
    deleted: Callable[[Message], None] = lambda message: None
    updated: Callable[[Message, Json], None] = lambda message, before: None
    socket_url: str = ""
    statuses: dict[tuple[str, str], str] = field(default_factory=dict)
    status_changes: list[tuple[str, str, str]] = field(default_factory=list)
    surfaces: Surfaces = field(init=False)

    def __post_init__(self) -> None:
        self.surfaces = Surfaces(self.world, self.violate, self._writable)

    def answer(self, method: str, body: Json) -> Json:
        """Return the answer to a call. Raises Refused."""
        known: Mapping[str, Callable[[Json], Json]] = {
            "auth.test": self._auth_test,
            "apps.connections.open": lambda body: {"url": self.socket_url},
            "users.info": self._user,
            "files.info": self._file,
            "users.conversations": self._conversations,
            "usergroups.list": self._groups,
            "conversations.info": lambda body: {"channel": self._known(body).json()},
            "conversations.open": self._open,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "chat.postMessage": self._post,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "chat.startStream": self._start,
            "chat.appendStream": self._append,
            "chat.stopStream": self._stop,
            "agents.sessions.setStatus": self._set_status,
            **self.surfaces.methods,
        }
        return known[method](body)

    def respond(self, act: Act, body: Json) -> None:
        """Handle a POST to a response_url. Raises Refused."""
        act.uses += 1
        if act.uses > RESPONSE_URL_USES:
            raise self._fault("used_url", "a response_url used more than 5 times")
        if self.world.clock.now() > act.made + RESPONSE_URL_SECONDS:
            raise self._fault("expired_url", "a response_url used after 30 minutes")
        known = {"text", "blocks", "response_type", "replace_original", "delete_original"}
        if unknown := set(body) - known - {"unfurl_links", "unfurl_media"}:
            raise self._fault("invalid_arguments", f"response_url with unknown arguments {sorted(unknown)}")
        self._check("response_url", body)
        user = "" if body.get("response_type") == "in_channel" else act.user
        if body.get("replace_original") and act.message:
            original = self._any(act.channel, act.message)
            original.text, original.blocks = str(body.get("text") or ""), as_list(body.get("blocks"))
            original.versions.append(original.shown)
            return
        ts = self.world.clock.ts()
        message = Message(ts, act.channel, self.world.bot.id, str(body.get("text") or ""), act.thread, bot=True)
        message.blocks, message.only_for, message.source = as_list(body.get("blocks")), user, act.trigger
        if user:
            message.versions.append(message.shown)
            self.world.hidden.append(message)
        else:
            self.world.add_message(message)

    # Reading ---------------------------------------------------------------------------------------------------------

    def _auth_test(self, body: Json) -> Json:
        world = self.world
        return {
            "url": "https://team.slack.invalid/",
            "team": world.team_name,
            "team_id": world.team,
            "user": world.bot.name,
            "user_id": world.bot.id,
            "bot_id": "B000000001",
        }

    def _user(self, body: Json) -> Json:
        user = self.world.users.get(str(body["user"]))
        if user is None:
            raise Refused("user_not_found")
        return {"user": user.json()}

    def _file(self, body: Json) -> Json:
        found = self.world.hidden_files.get(str(body["file"]))
        if found is None:
            raise Refused("file_not_found")
        return {"file": found}

    def _conversations(self, body: Json) -> Json:
        """Return the channels of a person; of closed channels only those of the bot."""
        kinds = {KINDS_LISTED[kind] for kind in str(body.get("types") or "public_channel").split(",")}
        bot = self.world.bot.id
        user, listed = str(body.get("user") or bot), [c for c in self.world.channels.values() if c.kind in kinds]
        found = [c for c in listed if user in c.members and (c.kind == "channel" or bot in c.members)]
        start, limit = int(str(body.get("cursor") or 0)), int(str(body.get("limit") or 100))
        following = str(start + limit) if start + limit < len(found) else ""
        page = [channel.json() for channel in found[start : start + limit]]
        return {"channels": page, "response_metadata": {"next_cursor": following}}

    def _groups(self, body: Json) -> Json:
        found = [group.json() for group in self.world.groups.values()]
        if str(body.get("include_users", "")).lower() not in ("1", "true"):
            found = [{key: value for key, value in group.items() if key != "users"} for group in found]
        return {"usergroups": found}

    def _open(self, body: Json) -> Json:
        user = str(body["users"])
        if user not in self.world.users:
            raise Refused("user_not_found")
        found = self.world.direct_channel(user)
        if found is None:
            found = Channel(self.world.clock.id("D"), "", "im", {user, self.world.bot.id})
            self.world.channels[found.id] = found
        return {"channel": {"id": found.id}}

    def _history(self, body: Json) -> Json:
        channel = self._readable(body)
        top = [m for m in self.world.visible(channel.id) if not m.thread or m.thread == m.ts]
        found = _between(top, body)[::-1]
        limit = int(str(body.get("limit") or 100))
        messages = [self._show(message, body) for message in found[:limit]]
        return {"messages": messages, "has_more": len(found) > limit}

    def _replies(self, body: Json) -> Json:
        """Return a thread's messages, oldest first; the root is always the first, as with Slack."""
        channel, thread = self._readable(body), str(body["ts"])
        thread_messages = list(self.world.visible(channel.id, thread))
        if not thread_messages or thread_messages[0].ts != thread:
            raise Refused("thread_not_found")
        found = _between(thread_messages[1:], body)
        start, limit = int(str(body.get("cursor") or 0)), int(str(body.get("limit") or 1000))
        page = found[start : start + limit]
        more = start + limit < len(found)
        cursor = {"next_cursor": str(start + limit)} if more else {}
        messages = [self._show(message, body) for message in [thread_messages[0], *page]]
        return {"messages": messages, "has_more": more, "response_metadata": cursor}

    def _show(self, message: Message, body: Json) -> Json:
        asked = str(body.get("include_all_metadata", "")).lower() in ("1", "true")
        fields = message.json(metadata=asked)
        replies = [m for m in self.world.visible(message.channel, message.ts) if m.ts != message.ts]
        if replies:
            fields |= {"thread_ts": message.ts, "reply_count": len(replies), "latest_reply": replies[-1].ts}
        return fields

    # Writing ---------------------------------------------------------------------------------------------------------

    def _post(self, body: Json) -> Json:
        channel = self._writable(body)
        self._check("chat.postMessage", body, needs_content=True)
        message = self._add(channel, body)
        return {"channel": channel.id, "ts": message.ts, "message": message.json()}

    def _post_ephemeral(self, body: Json) -> Json:
        channel, user = self._writable(body), str(body["user"])
        self._check("chat.postEphemeral", body, needs_content=True)
        if user not in channel.members:
            raise Refused("user_not_in_channel")
        thread = str(body.get("thread_ts") or "")
        if thread and all(message.ts == thread for message in self.world.visible(channel.id, thread)):
            self.violate("an ephemeral message in a thread that has not begun, where nobody sees it")
        ts = self.world.clock.ts()
        message = Message(ts, channel.id, self.world.bot.id, str(body.get("text") or ""), bot=True, only_for=user)
        message.thread, message.blocks = thread, as_list(body.get("blocks"))
        message.versions.append(message.shown)
        self.world.hidden.append(message)
        return {"message_ts": ts}

    def _update(self, body: Json) -> Json:
        message = self._mine("chat.update", body, "cant_update_message")
        if message.stream is not None and message.stream.open(self.world.clock.now()):
            if self.world.stream_error:
                raise Refused("streaming_state_conflict")
            raise self._fault("streaming_state_conflict", "chat.update of a message that is being streamed")
        self._check("chat.update", body, needs_content=True)
        before = message.json()
        message.text = str(body.get("markdown_text") or body.get("text") or "")
        if "blocks" in body or "text" in body or "markdown_text" in body:
            message.blocks = as_list(body.get("blocks"))
        if isinstance(body.get("metadata"), dict):
            message.metadata = body["metadata"]  # type: ignore[assignment]  # just seen to be a dict
        message.stream = None
        message.versions.append(message.shown)
        self.updated(message, before)
        shown = {
            key: value for key, value in message.json().items() if key not in ("ts", "thread_ts", "parent_user_id")
        }
        return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": shown}

    def _delete(self, body: Json) -> Json:
        message = self._mine("chat.delete", body, "cant_delete_message")
        if message.stream is not None and message.stream.open(self.world.clock.now()):
            if self.world.stream_error:
                raise Refused("cant_delete_message")
            raise self._fault("cant_delete_message", "chat.delete of a message that is being streamed")
        message.deleted = True
        self.deleted(message)
        return {"channel": message.channel, "ts": message.ts}

    def _start(self, body: Json) -> Json:
        channel = self._writable(body)
        self._check("chat.startStream", body)
        if channel.kind != "im":
            self.violate("chat.startStream in a channel, where one person sees the answer grow")
        if channel.kind != "im" and not (body.get("recipient_user_id") and body.get("recipient_team_id")):
            raise self._fault("missing_recipient", "chat.startStream in a channel without its recipient")
        message = self._add(channel, body)
        message.stream = Stream(self.world.clock.now())
        self._note_status(channel.id, message.thread, "processing")
        return {"channel": channel.id, "ts": message.ts}

    def _append(self, body: Json) -> Json:
        message = self._streaming("chat.appendStream", body)
        if not body.get("markdown_text") and not body.get("chunks"):
            raise self._fault("no_text", "chat.appendStream of nothing")
        self._grow("chat.appendStream", message, body)
        return {"channel": message.channel, "ts": message.ts}

    def _stop(self, body: Json) -> Json:
        message = self._streaming("chat.stopStream", body)
        self._grow("chat.stopStream", message, body)
        assert message.stream is not None
        message.stream.stopped = True
        message.blocks = as_list(body.get("blocks"))
        if isinstance(body.get("metadata"), dict):
            message.metadata = body["metadata"]  # type: ignore[assignment]  # just seen to be a dict
        state = str(body.get("session_status") or "active")
        if state not in SESSION_STATES:
            raise self._fault("invalid_arguments", f"the session status {state!r}")
        message.versions.append(message.shown)
        self._note_status(message.channel, message.thread, state)
        return {"channel": message.channel, "ts": message.ts, "message": message.json()}

    def _set_status(self, body: Json) -> Json:
        channel = self._writable({"channel": body.get("channel_id")})
        state, thread = str(body["status"]), str(body.get("thread_ts") or "")
        if state not in SESSION_STATES:
            raise self._fault("invalid_arguments", f"the session status {state!r}")
        if (channel.id, thread) not in self.world.messages:
            raise self._fault("thread_not_found", "a status for a thread that does not exist")
        self._note_status(channel.id, thread, state)
        return {"status": state}

    # Shared parts ----------------------------------------------------------------------------------------------------

    def _note_status(self, channel: str, thread: str, state: str) -> None:
        self.statuses[channel, thread] = state
        self.status_changes.append((channel, thread, state))

    def _add(self, channel: Channel, body: Json) -> Message:
        if isinstance(marked := body.get("metadata"), dict) and not marked.get("event_type"):
            raise self._fault("invalid_metadata_format", "metadata without an event_type")
        thread = str(body.get("thread_ts") or "")
        if thread and (channel.id, thread) not in self.world.messages:
            raise self._fault("thread_not_found", "an answer in a thread that does not exist")
        text = str(body.get("markdown_text") or body.get("text") or "")
        message = Message(self.world.clock.ts(), channel.id, self.world.bot.id, text, thread, bot=True)
        message.blocks = as_list(body.get("blocks"))
        if isinstance(body.get("metadata"), dict):
            message.metadata = body["metadata"]  # type: ignore[assignment]  # just seen to be a dict
        return self.world.add_message(message)

    def _grow(self, method: str, message: Message, body: Json) -> None:
        whole = message.text + str(body.get("markdown_text") or "")
        if len(whole) > 40_000:
            raise self._fault("msg_too_long", f"a stream of {len(whole)} characters, above 40,000")
        self._check(method, body | {"ts": message.ts}, shown=whole)
        message.text = whole
        message.versions.append(message.shown)

    def _streaming(self, method: str, body: Json) -> Message:
        message = self._mine(method, body, "message_not_owned_by_app")
        stream, now = message.stream, self.world.clock.now()
        if stream is not None and stream.open(now) and self.world.stream_error:
            raise Refused(self.world.stream_error)
        if stream is not None and stream.by_user and method == "chat.appendStream":
            raise Refused("stopped_by_user")
        if stream is None or not stream.open(now):
            if stream is not None and stream.stopped and method == "chat.appendStream":
                self.violate("chat.appendStream to a stream that was stopped")  # stopping twice is how one finds out
            raise Refused("message_not_in_streaming_state")
        return message

    def _check(self, method: str, body: Json, *, needs_content: bool = False, shown: str = "") -> None:
        for error, fault in body_faults(body, needs_content=needs_content):
            self.violate(f"{method}: {fault}")
            if error:
                raise Refused(error)
        for sin in sins(method, "\n".join((shown, words(body))), body):
            self.violate(sin)

    def _mine(self, method: str, body: Json, error: str) -> Message:
        message = self.world.messages.get((str(body["channel"]), str(body["ts"])))
        if message is None or message.deleted:
            raise Refused("message_not_found")
        if message.user != self.world.bot.id:
            raise self._fault(error, f"{method} of a message that is not the bot's")
        return message

    def _any(self, channel: str, ts: str) -> Message:
        hidden = (message for message in self.world.hidden if message.ts == ts)
        return self.world.messages.get((channel, ts)) or next(hidden)

    def _channel(self, body: Json) -> Channel:
        channel = self.world.channels.get(str(body.get("channel")))
        if channel is None:
            raise Refused("channel_not_found")
        return channel

    def _known(self, body: Json) -> Channel:
        """Return a channel that the bot can see. Raises Refused."""
        channel = self._channel(body)
        if channel.kind != "channel" and self.world.bot.id not in channel.members:
            raise Refused("channel_not_found")
        return channel

    def _readable(self, body: Json) -> Channel:
        channel = self._channel(body)
        if self.world.bot.id not in channel.members:
            raise Refused("not_in_channel" if channel.kind == "channel" else "channel_not_found")
        if int(str(body.get("limit") or 100)) > 1_000:
            raise self._fault("invalid_limit", "a limit above 1,000")
        return channel

    def _writable(self, body: Json) -> Channel:
        channel = self._readable({"channel": body.get("channel")})
        if channel.archived:
            raise Refused("is_archived")
        if channel.frozen:
            raise Refused("restricted_action")
        return channel

    def _fault(self, error: str, fault: str) -> Refused:
        self.violate(fault)
        return Refused(error)


def _between(messages: Iterable[Message], body: Json) -> list[Message]:
    oldest, latest = float(str(body.get("oldest") or 0)), float(str(body.get("latest") or "inf"))
    edges = str(body.get("inclusive", "")).lower() in ("1", "true")
    return [
        message
        for message in messages
        if oldest < float(message.ts) < latest or (edges and float(message.ts) in (oldest, latest))
    ]
