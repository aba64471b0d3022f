"""The calls that Slack refuses, and those that harm its people: each finding is one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from markdown_it import MarkdownIt

from tests.fakes.slack.blocks import message_faults
from tests.fakes.slack.world import Json, as_list

TIER_1, TIER_2, TIER_3, TIER_4, POSTS, FREE = 1, 20, 50, 100, 300, 10_000
"""Calls per minute, by method and workspace."""

POSTS_AT_ONCE = 5
"""Posts into one channel before the rule of one per second applies."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method's rules. `reads` methods take no JSON: Slack reads their arguments from the query or a form."""

    arguments: frozenset[str]
    per_minute: int
    required: frozenset[str] = frozenset()
    reads: bool = False


def _method(per_minute: int, required: str, optional: str = "", *, reads: bool = False) -> Method:
    needed = frozenset(required.split())
    return Method(needed | frozenset(optional.split()), per_minute, needed, reads)


KINDS = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}
"""The names of the kinds of channels in scopes and events."""

KINDS_LISTED = {"public_channel": "channel", "private_channel": "group", "mpim": "mpim", "im": "im"}
"""The kinds of channels by their names in lists of channels."""

_CONTENT = "text blocks markdown_text parse link_names"
METHODS: Mapping[str, Method] = {
    "auth.test": _method(FREE, "", reads=True),
    "apps.connections.open": _method(FREE, "", reads=True),
    "files.info": _method(TIER_4, "file", "cursor limit page count", reads=True),
    "users.conversations": _method(TIER_2, "", "user types cursor limit exclude_archived", reads=True),
    "users.info": _method(TIER_4, "user", "include_locale", reads=True),
    "usergroups.list": _method(TIER_2, "", "include_users include_count include_disabled", reads=True),
    "conversations.info": _method(TIER_3, "channel", "include_locale include_num_members", reads=True),
    "conversations.open": _method(TIER_3, "users", "return_im"),
    "conversations.history": _method(
        TIER_3, "channel", "cursor include_all_metadata inclusive latest limit oldest", reads=True
    ),
    "conversations.replies": _method(
        TIER_3, "channel ts", "cursor include_all_metadata inclusive latest limit oldest", reads=True
    ),
    "chat.postMessage": _method(
        POSTS, "channel", f"{_CONTENT} thread_ts metadata unfurl_links unfurl_media mrkdwn reply_broadcast"
    ),
    "chat.postEphemeral": _method(TIER_4, "channel user", f"{_CONTENT} thread_ts"),
    "chat.update": _method(TIER_3, "channel ts", f"{_CONTENT} metadata reply_broadcast"),
    "chat.delete": _method(TIER_3, "channel ts"),
    "chat.startStream": _method(
        TIER_2, "channel thread_ts", "markdown_text recipient_team_id recipient_user_id chunks task_display_mode"
    ),
    "chat.appendStream": _method(TIER_4, "channel ts", "markdown_text chunks"),
    "chat.stopStream": _method(TIER_2, "channel ts", "markdown_text blocks metadata chunks session_status"),
    "agents.sessions.setStatus": _method(
        TIER_3, "status", "channel_id thread_ts title initiator_user_id"
    ),
    "files.getUploadURLExternal": _method(TIER_4, "filename length", "alt_txt snippet_type", reads=True),
    "files.completeUploadExternal": _method(TIER_4, "files", "channel_id thread_ts initial_comment"),
    "views.open": _method(TIER_4, "trigger_id view"),
    "views.publish": _method(TIER_4, "user_id view", "hash"),
}  # fmt: skip

GRANTS = {
    "agents.": "assistant:write",
    "chat.": "chat:write",
    "conversations.history": "{kind}:history",
    "conversations.info": "{kind}:read",
    "conversations.open": "im:write",
    "conversations.replies": "{kind}:history",
    "files.info": "files:read",
    "files.": "files:write",
    "usergroups.": "usergroups:read",
    "users.conversations": "{kind}:read",
    "users.": "users:read",
}
"""The scope that a method needs, by the beginning of its name; it may depend on the kind of the channel."""


def scope_of(method: str, kind: str) -> str:
    """Return the scope for a method in a channel of this kind; "" for none."""
    return next((scope.format(kind=KINDS[kind]) for name, scope in GRANTS.items() if method.startswith(name)), "")


_PING = re.compile(r"<(?:!(?:channel|here|everyone|group|subteam\b)|@[UWB]\w)")
_LINK = re.compile(r"https?://\S", re.IGNORECASE)
_MARKDOWN = MarkdownIt("commonmark")
_PLAIN_PING = re.compile(r"@(channel|here|everyone)\b")


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """A refused call: an answer with ok false."""

    error: str


def body_faults(body: Json, *, needs_content: bool) -> Iterator[tuple[str, str]]:
    """Yield the errors with which Slack refuses a message's content."""
    text, markdown, blocks = str(body.get("text") or ""), body.get("markdown_text"), body.get("blocks")
    if needs_content and not text and not markdown and not blocks:
        yield "no_text", "a message without content"
    if len(text) > 40_000:
        yield "msg_too_long", f"text of {len(text)} characters, cut at 40,000"
    elif len(text) > 4_000:
        yield "", f"text of {len(text)} characters, above the advised 4,000"
    if markdown is not None:
        if len(str(markdown)) > 12_000:
            yield "msg_too_long", f"markdown_text of {len(str(markdown))} characters, above 12,000"
        if text or (blocks and "ts" not in body):
            yield "markdown_text_conflict", "markdown_text together with text or blocks"
    if blocks is not None:
        yield from (("invalid_blocks", fault) for fault in message_faults(blocks))


def words(body: Json) -> str:
    """Return all texts that a body shows."""
    pieces = [str(body.get("text") or ""), str(body.get("markdown_text") or "")]
    for block in as_list(body.get("blocks")):
        text = block.get("text")
        pieces.append(str(text.get("text", "")) if isinstance(text, dict) else str(text or ""))
        pieces += [str(element.get("text") or "") for element in as_list(block.get("elements"))]
    return "\n".join(pieces)


def sins(method: str, text: str, body: Json) -> Iterator[str]:
    """Yield the harm of a valid call, such as pings of many people. `text` is all that the message shows after it."""
    if _PING.search(text):
        yield f"{method} pings: {_PING.findall(text)[0]}"
    loose = body.get("parse") in ("full", "client") or body.get("link_names")
    if method == "chat.update" and body.get("parse") != "none":
        loose = True  # unlike chat.postMessage, its default parse mode is a client's
    if loose and _PLAIN_PING.search(text):
        yield f"{method} pings by a name in plain text"
    silent = body.get("unfurl_links") is False and body.get("unfurl_media") is False
    streams = method in ("chat.startStream", "chat.appendStream", "chat.stopStream")
    written = list(_outside_code(text)) if _LINK.search(text) or "](" in text else []
    if not (silent or streams) and any(_LINK.search(piece) for _, piece in written):
        yield f"{method} unfurls a link"
    if any(kind == "image" for kind, _ in written):
        yield f"{method} loads an image"
    for kind, target in written:
        label = kind.removeprefix("link ")
        if kind.startswith("link ") and urlsplit(target).hostname != _said(label):
            yield f"{method} hides where {label!r} leads"


def _said(label: str) -> str | None:
    """Return the host that a link's label looks like."""
    try:
        return urlsplit(label if _LINK.match(label) else f"https://{label}").hostname
    except ValueError:
        return None


def _outside_code(text: str) -> Iterator[tuple[str, str]]:
    """Yield a text's parts by CommonMark: ("text", …), ("image", address) and ("link LABEL", address)."""
    for block in _MARKDOWN.parse(text):
        tokens = block.children or ([block] if block.type == "html_block" else [])
        for index, token in enumerate(tokens):
            several_lines = token.type == "code_inline" and token.content not in text  # which Slack may read otherwise
            if token.type in ("text", "html_inline", "html_block") or several_lines:
                yield "text", token.content
            elif token.type == "image":
                yield "image", str(token.attrs["src"])
            elif token.type == "link_open":
                end = next(at for at in range(index, len(tokens)) if tokens[at].type == "link_close")
                label = "".join(inner.content for inner in tokens[index:end])
                yield f"link {label}", str(token.attrs["href"])


class Rates:
    """Slack's rate limits: sliding minutes for each method, and a bucket for each channel's posts."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.on = True
        self._now = now
        self._calls: dict[str, list[float]] = {}
        self._posts: dict[str, tuple[float, float]] = {}

    def spend(self, method: str, channel: str) -> float:
        """Count a call; return the seconds to wait, 0 if it is within the limits."""
        now = self._now()
        calls = [at for at in self._calls.get(method, []) if at > now - 60.0]
        self._calls[method] = [*calls, now]
        if len(calls) >= METHODS[method].per_minute:
            return calls[0] + 60.0 - now
        if method != "chat.postMessage":
            return 0.0
        left, at = self._posts.get(channel, (float(POSTS_AT_ONCE), now))
        left = min(POSTS_AT_ONCE, left + now - at)
        if left < 1.0:
            return 1.0 - left
        self._posts[channel] = (left - 1.0, now)
        return 0.0
