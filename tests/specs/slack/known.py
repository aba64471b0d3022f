"""Known differences between Slack and its types: each with its reason, and an example that the types still refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tests.fakes.slack.world import shown_view

Json: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Known:
    """One difference; `mend` changes a value of this kind and name into one that the types accept."""

    kind: str
    name: str
    reason: str
    example: object
    mend: Callable[[Json], Json]

    def mended(self, kind: str, name: str, value: object) -> object:
        if (kind, name) != (self.kind, self.name) or not isinstance(value, dict):
            return value
        return self.mend(value)


def _renamed(value: Json, old: str, new: str) -> Json:
    return {new if key == old else key: item for key, item in value.items()}


def _without(value: Json, *names: str) -> Json:
    return {key: item for key, item in value.items() if key not in names}


def _inside(value: Json, *path: str, change: Callable[[Json], Json]) -> Json:
    """Return a value with the objects at a path changed; the path passes through lists."""
    if not path:
        return change(value)

    def below(item: object) -> object:
        if isinstance(item, list):
            return [below(one) for one in item]
        return _inside(item, *path[1:], change=change) if isinstance(item, dict) else item

    return {key: below(item) if key == path[0] else item for key, item in value.items()}


def _listed(value: Json, *path: str, without: str) -> Json:
    """Return a value without one entry of a list of words."""
    if len(path) > 1:
        return _inside(value, *path[:-1], change=lambda inner: _listed(inner, path[-1], without=without))
    found = value.get(path[0])
    return value | {path[0]: [one for one in found if one != without]} if isinstance(found, list) else value


def _unshared(event: Json) -> Json:
    """Return an event, and the messages in it, without the fields of Slack's own attachments."""
    event = _inside(event, "attachments", change=lambda one: _without(one, *_OF_SHARES))
    for name in ("message", "previous_message"):
        event = _inside(event, name, change=_unshared)
    return event


def _filtered(value: Json, name: str, matches: Callable[[Json], bool]) -> Json:
    """Return a value with only some of the objects in a list."""
    found = value.get(name)
    return value | {name: [one for one in found if matches(one)]} if isinstance(found, list) else value


def _with_context(event: Json) -> Json:
    """Return a change whose message has the fields that only the event has, as the types require."""
    around = {key: event[key] for key in ("channel", "channel_type", "event_ts") if key in event}
    for name in ("message", "previous_message"):
        inner = event.get(name)
        if isinstance(inner, dict):
            event = event | {name: _without(inner, *_TOMBSTONE.get(str(inner.get("subtype")), ())) | around}
    return event


def _undescribed(values: Json) -> Json:
    """Return the values of a form without the descriptions of chosen options."""
    found: Json = {}
    for block, elements in values.items():
        found[block] = elements
        if isinstance(elements, dict):
            found[block] = {key: _chosen(state) for key, state in elements.items()}
    return found


def _chosen(state: object) -> object:
    if not isinstance(state, dict):
        return state
    for name in ("selected_option", "selected_options"):
        state = _inside(state, name, change=lambda option: _without(option, "description"))
    return state


_TOMBSTONE: Mapping[str, tuple[str, ...]] = {"tombstone": ("subtype", "hidden")}
_SAID: Json = {"type": "message", "user": "U1", "text": "a", "ts": "1.0"}
_AROUND: Json = {
    "type": "message",
    "hidden": True,
    "channel": "C1",
    "channel_type": "channel",
    "ts": "2",
    "event_ts": "2",
}
_FULL: Json = {**_SAID, "channel": "C1", "channel_type": "channel", "event_ts": "1.0"}
_MENTION: Json = {**_SAID, "type": "app_mention", "channel": "C1", "event_ts": "1.0"}
_OF_SHARES = ("is_share", "is_msg_unfurl", "from_url", "author_id", "channel_id", "message_blocks")
_PLAIN: Json = {"type": "plain_text", "text": "a"}
_ACTING: Json = {
    "type": "block_actions",
    "team": {"id": "T1", "domain": "team"},
    "user": {"id": "U1", "username": "ada"},
    "token": "a",
    "response_url": "a",
    "trigger_id": "a",
    "api_app_id": "A1",
    "container": {},
}
_PICKED: Json = {
    "type": "static_select",
    "block_id": "b",
    "action_id": "a",
    "action_ts": "1",
    "selected_option": {"text": _PLAIN, "value": "a", "description": _PLAIN},
}
_CHOSEN: Json = {key: _PICKED[key] for key in ("type", "selected_option")}
_MANIFEST: Json = {"display_information": {"name": "Shoulders"}}


KNOWN = (
    Known(
        "form",
        "files.getUploadURLExternal",
        "The method's page and Slack's Python library say alt_txt; the types say alt_text.",
        {"filename": "a.png", "length": 1, "alt_txt": "A picture"},
        lambda value: _renamed(value, "alt_txt", "alt_text"),
    ),
    Known(
        "manifest",
        "agent",
        "assistant:write is documented as a scope of bots with the agent surface; the types lack it.",
        _MANIFEST | {"oauth_config": {"scopes": {"bot": ["assistant:write"]}}},
        lambda value: _listed(value, "oauth_config", "scopes", "bot", without="assistant:write"),
    ),
    Known(
        "manifest",
        "agent",
        "agent_session_stopped is documented as an event; the types of events have it, those of the manifest lack it.",
        _MANIFEST | {"settings": {"event_subscriptions": {"bot_events": ["agent_session_stopped"]}}},
        lambda value: _listed(value, "settings", "event_subscriptions", "bot_events", without="agent_session_stopped"),
    ),
    Known(
        "event",
        "message",
        "The message inside message_changed has neither channel nor event_ts in Slack's documentation.",
        _AROUND | {"subtype": "message_changed", "message": _SAID, "previous_message": _SAID},
        _with_context,
    ),
    *(
        Known(
            "event",
            name,
            "The type of attachments is of those that apps send; Slack's own, of shares and links, have more fields.",
            {
                **said,
                "attachments": [{"text": "a", "fallback": "a", "is_share": True, "from_url": "https://a.example"}],
            },
            _unshared,
        )
        for name, said in (("message", _FULL), ("app_mention", _MENTION))
    ),
    Known(
        "event",
        "message",
        "A message of somebody from another organisation has user_team and source_team, as app_mention does.",
        {**_FULL, "user_team": "T9", "source_team": "T9"},
        lambda value: _without(value, "user_team", "source_team"),
    ),
    Known(
        "event",
        "message",
        "Of a file from another organisation Slack says no more than that files.info must be asked.",
        {
            **_FULL,
            "subtype": "file_share",
            "files": [{"id": "F1", "mode": "file_access", "file_access": "check_file_info"}],
        },
        lambda value: _filtered(value, "files", lambda file: file.get("file_access") != "check_file_info"),
    ),
    Known(
        "event",
        "channel_deleted",
        "Every event of the Events API has event_ts; the type of this one lacks it.",
        {"type": "channel_deleted", "channel": "C1", "event_ts": "1"},
        lambda value: _without(value, "event_ts"),
    ),
    Known(
        "envelope",
        "block_actions",
        "A menu's chosen option comes with all that it was offered with; the type lacks its description.",
        _ACTING | {"actions": [_PICKED]},
        lambda value: _inside(
            value, "actions", "selected_option", change=lambda option: _without(option, "description")
        ),
    ),
    Known(
        "envelope",
        "view_submission",
        "The same holds for what was chosen in a form.",
        {
            **_without(_ACTING, "response_url", "container"),
            "type": "view_submission",
            "user": {"id": "U1", "name": "ada"},
            "view": shown_view("V1", {"type": "modal", "blocks": [], "state": {"values": {"b": {"a": _CHOSEN}}}}),
        },
        lambda value: _inside(value, "view", "state", "values", change=_undescribed),
    ),
    Known(
        "envelope",
        "block_actions",
        "On an app's page nothing has a response_url; the type demands one.",
        _without(_ACTING, "response_url") | {"actions": []},
        lambda value: {"response_url": "", **value},
    ),
    Known(
        "answer",
        "conversations.replies",
        "Messages have subtypes in conversations.history; the type of the replies, made from examples, lacks it.",
        {"ok": True, "messages": [_SAID | {"subtype": "file_share"}]},
        lambda value: _inside(value, "messages", change=lambda message: _without(message, "subtype")),
    ),
)
