"""What Discord refuses, and what a bot of ours must never send: each finding is one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.fakes.discord.world import SUPPRESS_EMBEDS, Json, as_list, mentioned_roles, mentioned_users

CREATE_FIELDS = {
    "content", "nonce", "enforce_nonce", "tts", "embeds", "allowed_mentions", "message_reference", "components",
    "sticker_ids", "attachments", "flags", "poll",
}  # fmt: skip
EDIT_FIELDS = {"content", "embeds", "flags", "allowed_mentions", "components", "attachments"}
FOLLOWUP_FIELDS = {"content", "tts", "embeds", "allowed_mentions", "components", "attachments", "flags", "poll"}
COMMAND_FIELDS = {
    "name",
    "type",
    "description",
    "options",
    "contexts",
    "integration_types",
    "default_member_permissions",
}
OPTION_FIELDS = {"name", "type", "description", "required", "choices", "autocomplete"}

_LINK = re.compile(r"https?://")
_NAME = re.compile(r"[-_a-z0-9]{1,32}")


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """An answer other than 2xx."""

    status: int
    code: int
    message: str


def refuse(status: int, code: int, message: str) -> Refused:
    return Refused(status, code, message)


def message_faults(body: Json, known: set[str], flags: int) -> Iterator[str]:
    """What Discord answers with 400 to a message's body."""
    if unknown := set(body) - known:
        yield f"unknown fields {sorted(unknown)}"
    content = body.get("content")
    if content is not None and not isinstance(content, str):
        yield "content is not a string"
    elif content and len(content.encode("utf-16-le")) // 2 > 2000:
        yield f"content of {len(content)} characters, above 2000"
    if "content" in body and not str(content or "").strip() and not body.get("components") and not body.get("embeds"):
        yield "an empty message"
    if len(str(body.get("nonce", ""))) > 25:
        yield "a nonce above 25 characters"
    if flags & ~(SUPPRESS_EMBEDS | 1 << 6 | 1 << 12 | 1 << 15):
        yield f"flags {flags} that bots cannot set"
    yield from _component_faults(as_list(body.get("components")))


def _component_faults(rows: list[Json]) -> Iterator[str]:
    if len(rows) > 5:
        yield f"{len(rows)} rows of components, above 5"
    ids = []
    for row in rows:
        buttons = as_list(row.get("components"))
        if row.get("type") != 1 or not 1 <= len(buttons) <= 5:
            yield "a row must hold 1 to 5 buttons"
        for button in buttons:
            ids.append(str(button.get("custom_id", "")))
            if button.get("type") != 2 or not 1 <= len(ids[-1]) <= 100:
                yield f"a custom_id of {len(ids[-1])} characters, not 1 to 100"
            if not 1 <= len(str(button.get("label", ""))) <= 80:
                yield "a label that is not 1 to 80 characters"
    if len(set(ids)) < len(ids):
        yield "two components with one custom_id"


def message_sins(body: Json, flags: int, *, reply: bool) -> Iterator[str]:
    """What Discord would do and people would suffer."""
    content = str(body.get("content") or "")
    allowed = body.get("allowed_mentions")
    if not isinstance(allowed, dict):
        allowed = {"parse": ["everyone", "users", "roles"], "replied_user": True}
    parse = str(allowed.get("parse") or "")
    if ("@everyone" in content or "@here" in content) and "everyone" in parse:
        yield "pings everyone"
    if mentioned_roles(content) and ("roles" in parse or allowed.get("roles")):
        yield "pings a role"
    if mentioned_users(content) and ("users" in parse or allowed.get("users")):
        yield "pings a person"
    if reply and allowed.get("replied_user", False):
        yield "pings the person replied to"
    if _LINK.search(content) and not flags & SUPPRESS_EMBEDS:
        yield "unfurls a link"


def command_faults(commands: list[Json]) -> Iterator[str]:
    """What Discord refuses in a list of application commands."""
    names = [str(command.get("name")) for command in commands]
    if len(names) > 100 or len(set(names)) < len(names):
        yield "more than 100 commands, or two of one name"
    for command in commands:
        yield from _command_faults(command)


def _command_faults(command: Json) -> Iterator[str]:
    name, options = str(command.get("name")), as_list(command.get("options"))
    if unknown := set(command) - COMMAND_FIELDS:
        yield f"/{name}: unknown fields {sorted(unknown)}"
    if len(options) > 25:
        yield f"/{name}: {len(options)} options, above 25"
    required = [bool(option.get("required")) for option in options]
    if required != sorted(required, reverse=True):
        yield f"/{name}: a required option after an optional one"
    for described in (command, *options):
        if not _NAME.fullmatch(str(described.get("name"))):
            yield f"/{name}: the name {described.get('name')!r}"
        if not 1 <= len(str(described.get("description", ""))) <= 100:
            yield f"/{name}: a description that is not 1 to 100 characters"
    for option in options:
        if unknown := set(option) - OPTION_FIELDS:
            yield f"/{name}: unknown option fields {sorted(unknown)}"
        if option.get("autocomplete") and option.get("choices"):
            yield f"/{name}: choices and autocomplete exclude each other"
        if len(as_list(option.get("choices"))) > 25:
            yield f"/{name}: more than 25 choices"


@dataclass(slots=True)
class _Window:
    started: float
    used: int = 0


class Rates:
    """Discord's fixed windows: 5 calls a route and channel in 5 s, 50 calls in all in 1 s."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.on = True
        self._now = now
        self._windows: dict[str, _Window] = {}

    def spend(self, bucket: str, limit: int, seconds: float) -> tuple[bool, Mapping[str, str]]:
        """Whether the call is within the limit, and the headers that say so."""
        now = self._now()
        window = self._windows.get(bucket)
        if window is None or now >= window.started + seconds:
            window = self._windows[bucket] = _Window(now)
        window.used += 1
        left = window.started + seconds - now
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - window.used)),
            "X-RateLimit-Reset": f"{now + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": bucket.split(" ", 1)[0],
        }
        return window.used <= limit, headers
