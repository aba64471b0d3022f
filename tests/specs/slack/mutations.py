"""Broken records that show how well Slack's types judge: kind, name and value."""

from __future__ import annotations

from typing import TypeAlias

Case: TypeAlias = tuple[str, str, object]
Json: TypeAlias = dict[str, object]

_PLAIN: Json = {"type": "plain_text", "text": "Go"}
_BUTTON: Json = {"type": "button", "text": _PLAIN, "action_id": "go", "value": "1"}


def _post(**more: object) -> Case:
    return "call", "chat.postMessage", {"channel": "C1", "text": "a", **more}


def _button(**more: object) -> Case:
    return _post(blocks=[{"type": "actions", "elements": [{**_BUTTON, **more}]}])


def _modal(**more: object) -> Case:
    view: Json = {"type": "modal", "title": _PLAIN, "blocks": [], **more}
    return "call", "views.open", {"trigger_id": "1", "view": view}


def _message(**more: object) -> Case:
    message: Json = {
        "type": "message",
        "channel": "C1",
        "channel_type": "channel",
        "user": "U1",
        "text": "a",
        "ts": "1",
    }
    return "event", "message", {**message, "event_ts": "1", **more}


RIGHT: dict[str, Case] = {
    "a post": _post(unfurl_links=False, unfurl_media=False, thread_ts="1"),
    "a button": _button(style="danger"),
    "a form": _modal(submit=_PLAIN, callback_id="a", private_metadata="a"),
    "a message": _message(thread_ts="1", client_msg_id="a"),
    "an answer": ("answer", "chat.postMessage", {"ok": True, "channel": "C1", "ts": "1", "message": {"text": "a"}}),
    "a status": ("call", "agents.sessions.setStatus", {"channel_id": "C1", "thread_ts": "1", "status": "active"}),
}
"""The records that the broken ones are made from."""

CAUGHT: dict[str, Case] = {
    "a text that is a number": _post(text=5),
    "a post without a channel": ("call", "chat.postMessage", {"text": "a"}),
    "a misspelt argument": _post(unfurl_link=False),
    "an unknown block": _post(blocks=[{"type": "nosuch", "text": "a"}]),
    "a button's text as a string": _button(text="Go"),
    "a button's style": _button(style="red"),
    "a misspelt field of a button": _button(action="x"),
    "a stream that grows nowhere": ("call", "chat.appendStream", {"channel": "C1", "markdown_text": "a"}),
    "metadata without a payload": (
        "call",
        "chat.stopStream",
        {"channel": "C1", "ts": "1", "metadata": {"event_type": "a"}},
    ),
    "a form without a title": ("call", "views.open", {"trigger_id": "1", "view": {"type": "modal", "blocks": []}}),
    "a form with an unknown field": _modal(titel=_PLAIN),
    "a form without a trigger": ("call", "views.open", {"view": {"type": "modal", "title": _PLAIN, "blocks": []}}),
    "a page that is a form": ("call", "views.publish", {"user_id": "U1", "view": {"type": "modal", "blocks": []}}),
    "a kind of response": ("call", "response_url", {"text": "a", "response_type": "public"}),
    "an unknown method": ("call", "chat.postMessages", {"channel": "C1"}),
    "files that are a list of names": ("call", "files.completeUploadExternal", {"files": ["F1"]}),
    "a limit in words": ("call", "conversations.history", {"channel": "C1", "limit": "ten"}),
    "an answer's ts as a number": ("answer", "chat.postMessage", {"ok": True, "ts": 1.5}),
    "an answer with an unknown field": ("answer", "users.info", {"ok": True, "person": {}}),
    "a user who is a name": ("answer", "users.info", {"ok": True, "user": "ada"}),
    "a message without a ts": ("event", "message", {"type": "message", "channel": "C1", "user": "U1", "text": "a"}),
    "a kind of channel": _message(channel_type="dm"),
    "a subtype": _message(subtype="bot_messages"),
    "an unknown event": ("event", "app_mentions", {"type": "app_mentions"}),
    "an unknown envelope": ("envelope", "block_action", {"type": "block_action"}),
    "a command without its words": ("envelope", "slash_commands", {"token": "a", "command": "/ask"}),
    "an unknown answer to a form": ("acknowledgement", "view_submission", {"response_action": "close"}),
    "an unknown scope": (
        "manifest",
        "agent",
        {"display_information": {"name": "a"}, "oauth_config": {"scopes": {"bot": ["chat:read"]}}},
    ),
    "a misspelt feature": ("manifest", "agent", {"display_information": {"name": "a"}, "features": {"agent": {}}}),
}

MISSED: dict[str, Case] = {
    **RIGHT,
    "a status that Slack refuses": (
        "call",
        "agents.sessions.setStatus",
        {"channel_id": "C1", "thread_ts": "1", "status": "busy"},
    ),
    "41,000 characters": _post(text="a" * 41_000),
    "a button's label of 76": _button(text={"type": "plain_text", "text": "a" * 76}),
    "a button without an action_id": _post(
        blocks=[{"type": "actions", "elements": [{"type": "button", "text": _PLAIN}]}]
    ),
    "an answer with less than Slack gives": ("answer", "users.info", {"ok": True}),
    "a description of 301 in the manifest": (
        "manifest",
        "agent",
        {"display_information": {"name": "a", "description": "a" * 301}},
    ),
}
"""Valid records, and those that only Slack itself refuses: the fake's own rules cover these."""
