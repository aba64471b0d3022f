"""The calls that Discord refuses, and those that harm its people: each finding is one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.fakes.discord.world import (
    BUTTON,
    LABEL,
    SELECT,
    SUPPRESS_EMBEDS,
    TEXT_INPUT,
    Json,
    as_list,
    mentioned_roles,
    mentioned_users,
)

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
SUBCOMMAND_FIELDS = {"name", "type", "description", "options"}
ON_MESSAGE, MOST_ON_MESSAGES = 3, 15
SUBCOMMAND, OPTION_TYPES = 1, {3, 4, 5, 6, 7, 8, 9, 10, 11}
BUTTON_FIELDS = {"type", "style", "label", "emoji", "custom_id", "disabled"}
SELECT_FIELDS = {"type", "custom_id", "placeholder", "options", "min_values", "max_values", "disabled"}
ITEM_FIELDS = {"value", "label", "description", "emoji", "default"}
MODAL_FIELDS = {"custom_id", "title", "components"}
LABEL_FIELDS = {"type", "label", "description", "component"}
INPUT_FIELDS = {"type", "custom_id", "style", "min_length", "max_length", "required", "value", "placeholder"}
ATTACHMENT_FIELDS = {"id", "filename", "description"}

_LINK = re.compile(r"https?://")
_NAME = re.compile(r"[-_a-z0-9]{1,32}")


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """A refused call: an answer other than 2xx."""

    status: int
    code: int
    message: str


def refuse(status: int, code: int, message: str) -> Refused:
    return Refused(status, code, message)


def message_faults(body: Json, known: set[str], flags: int) -> Iterator[str]:
    """Yield the faults for which Discord refuses a message's body with 400."""
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


def attachment_faults(body: Json, files: Mapping[int, tuple[str, bytes]], here: set[str]) -> Iterator[str]:
    """Yield the attachments that name neither an uploaded file nor one that is `here` already."""
    listed = as_list(body.get("attachments"))
    if len(listed) > 10:
        yield f"{len(listed)} attachments, above 10"
    for entry in listed:
        if unknown := set(entry) - ATTACHMENT_FIELDS:
            yield f"unknown attachment fields {sorted(unknown)}"
        if str(entry.get("id")) not in here and entry.get("id") not in files:
            yield f"attachment {entry.get('id')} without a file"
        if len(str(entry.get("description") or "")) > 1024:
            yield "a description above 1024 characters"
    if unlisted := set(files) - {entry.get("id") for entry in listed}:
        yield f"files {sorted(unlisted)} that no attachment names"


def _component_faults(rows: list[Json]) -> Iterator[str]:
    if len(rows) > 5:
        yield f"{len(rows)} rows of components, above 5"
    ids = []
    for row in rows:
        held = as_list(row.get("components"))
        kinds = [one.get("type") for one in held]
        if row.get("type") != 1 or (kinds != [SELECT] and not (1 <= len(held) <= 5 and set(kinds) == {BUTTON})):
            yield "a row must hold 1 to 5 buttons or a menu"
        for one in held:
            ids.append(one.get("custom_id"))
            yield from _select_faults(one, SELECT_FIELDS) if one.get("type") == SELECT else _button_faults(one)
    yield from _id_faults(ids)


def _id_faults(ids: list[object]) -> Iterator[str]:
    for one in ids:
        if not isinstance(one, str) or not 1 <= len(one) <= 100:
            yield f"a custom_id of {len(str(one))} characters, not 1 to 100"
    if len(set(ids)) < len(ids):
        yield "two components with one custom_id"


def _button_faults(button: Json) -> Iterator[str]:
    if unknown := set(button) - BUTTON_FIELDS:
        yield f"unknown button fields {sorted(unknown)}"
    if not 1 <= len(str(button.get("label", ""))) <= 80:
        yield "a label that is not 1 to 80 characters"


def _select_faults(select: Json, known: set[str]) -> Iterator[str]:
    items = as_list(select.get("options"))
    if unknown := set(select) - known:
        yield f"unknown menu fields {sorted(unknown)}"
    if not 1 <= len(items) <= 25 or len({item.get("value") for item in items}) < len(items):
        yield f"{len(items)} entries in a menu, not 1 to 25 different ones"
    if len(str(select.get("placeholder", ""))) > 150:
        yield "a placeholder above 150 characters"
    for item in items:
        if set(item) - ITEM_FIELDS or not all(1 <= len(str(item.get(key, ""))) <= 100 for key in ("value", "label")):
            yield f"a menu's entry {item}"
        if not 1 <= len(str(item.get("description", "-"))) <= 100:
            yield "an entry's description that is not 1 to 100 characters"
    least, most = int(str(select.get("min_values", 1))), int(str(select.get("max_values", 1)))
    if not 0 <= least <= most <= max(1, len(items)):
        yield f"a menu of {len(items)} that takes {least} to {most}"
    if sum(bool(item.get("default")) for item in items) > most:
        yield "more entries chosen beforehand than may be"
    if select.get("required") and not least:
        yield "a required menu that takes nothing"


def modal_faults(modal: Json) -> Iterator[str]:
    """Yield the faults for which Discord refuses a form."""
    labels = as_list(modal.get("components"))
    if unknown := set(modal) - MODAL_FIELDS:
        yield f"unknown modal fields {sorted(unknown)}"
    if not 1 <= len(str(modal.get("title", ""))) <= 45:
        yield "a title that is not 1 to 45 characters"
    if not 1 <= len(labels) <= 5:
        yield f"{len(labels)} fields, not 1 to 5"
    yield from _id_faults([modal.get("custom_id")])
    ids: list[object] = []
    for label in labels:
        held = label.get("component")
        if label.get("type") != LABEL or set(label) - LABEL_FIELDS or not isinstance(held, dict):
            yield f"a field that is no label with a component: {label}"
            continue
        if not 1 <= len(str(label.get("label", ""))) <= 45 or not 1 <= len(str(label.get("description", "-"))) <= 100:
            yield "a label that is not 1 to 45 characters, or a description above 100"
        ids.append(held.get("custom_id"))
        yield from _input_faults(held)
    yield from _id_faults(ids)


def _input_faults(held: Json) -> Iterator[str]:
    if held.get("type") == SELECT:
        yield from _select_faults(held, SELECT_FIELDS | {"required"})
        return
    if held.get("type") != TEXT_INPUT or set(held) - INPUT_FIELDS or held.get("style") not in (1, 2):
        yield f"an input {held}"
    if not 1 <= len(str(held.get("value", "-"))) <= 4000 or not 1 <= int(str(held.get("max_length", 1))) <= 4000:
        yield "a value or a length that is not 1 to 4000"
    if len(str(held.get("placeholder", ""))) > 100:
        yield "a placeholder above 100 characters"


def message_sins(body: Json, flags: int, *, reply: bool) -> Iterator[str]:
    """Yield the harm of a valid message, such as pings of many people."""
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
    """Yield the faults for which Discord refuses a list of application commands."""
    names = [str(command.get("name")) for command in commands]
    if len(names) > 100 or len(set(names)) < len(names):
        yield "more than 100 commands, or two of one name"
    if sum(command.get("type") == ON_MESSAGE for command in commands) > MOST_ON_MESSAGES:
        yield f"more than {MOST_ON_MESSAGES} message commands"
    for command in commands:
        yield from _command_faults(command)


def _command_faults(command: Json) -> Iterator[str]:
    name, options = str(command.get("name")), as_list(command.get("options"))
    if unknown := set(command) - COMMAND_FIELDS:
        yield f"/{name}: unknown fields {sorted(unknown)}"
    if not str(command.get("default_member_permissions", "0")).isdigit():
        yield f"/{name}: default_member_permissions that are no number"
    if _characters(command) > 8000:
        yield f"/{name}: more than 8000 characters"
    if command.get("type") == ON_MESSAGE:
        if not 1 <= len(name) <= 32 or command.get("description") or options:
            yield f"the message command {name!r}: a name above 32 characters, a description or options"
        return
    yield from _named_faults(name, command)
    below = [option for option in options if option.get("type") == SUBCOMMAND]
    if not below:
        yield from _option_faults(name, options)
        return
    if len(below) < len(options) or len(below) > 25:
        yield f"/{name}: subcommands beside options, or more than 25"
    for subcommand in below:
        path = f"{name} {subcommand.get('name')}"
        if unknown := set(subcommand) - SUBCOMMAND_FIELDS:
            yield f"/{path}: unknown fields {sorted(unknown)}"
        yield from _named_faults(path, subcommand)
        yield from _option_faults(path, as_list(subcommand.get("options")))


def _named_faults(path: str, described: Json) -> Iterator[str]:
    if not _NAME.fullmatch(str(described.get("name"))):
        yield f"/{path}: the name {described.get('name')!r}"
    if not 1 <= len(str(described.get("description", ""))) <= 100:
        yield f"/{path}: a description that is not 1 to 100 characters"


def _option_faults(path: str, options: list[Json]) -> Iterator[str]:
    if len(options) > 25 or len({option.get("name") for option in options}) < len(options):
        yield f"/{path}: {len(options)} options, above 25, or two of one name"
    required = [bool(option.get("required")) for option in options]
    if required != sorted(required, reverse=True):
        yield f"/{path}: a required option after an optional one"
    for option in options:
        yield from _named_faults(path, option)
        if option.get("type") not in OPTION_TYPES or set(option) - OPTION_FIELDS:
            yield f"/{path}: the option {option}"
        if option.get("autocomplete") and option.get("choices"):
            yield f"/{path}: choices and autocomplete exclude each other"
        if (option.get("autocomplete") or option.get("choices")) and option.get("type") not in (3, 4, 10):
            yield f"/{path}: nothing can be suggested for an option of type {option.get('type')}"
        if len(as_list(option.get("choices"))) > 25:
            yield f"/{path}: more than 25 choices"


def _characters(described: Json) -> int:
    """Return the characters of names, descriptions and values, at all depths."""
    own = sum(len(str(described.get(key, ""))) for key in ("name", "description", "value"))
    below = [*as_list(described.get("options")), *as_list(described.get("choices"))]
    return own + sum(map(_characters, below))


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
        """Count a call; return True if it is within the limits, and the headers of the rate limit."""
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
