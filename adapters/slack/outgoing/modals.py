"""Forms as Slack's modals, which carry all that must be known when they are sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace

from adapters.slack.payloads import Control, View
from adapters.slack.reply_target import Json, SlackReplyTarget, entry, plain
from bot.interfaces.errors import UserError
from bot.interfaces.replies import Field, Form

LONGEST_TITLE = 24
LONGEST_STATE = 3_000
LONGEST_TEXT = 3_000
"""Characters of an input."""

MOST_ENTRIES = 100
CALLBACK = "form"


def modal_view(form: Form, target: SlackReplyTarget) -> Json:
    """The modal of a form that was asked for where `target` says. Raises UserError for what it cannot hold."""
    origin = asdict(replace(target, opening=""))
    meaning = {"command": form.command, "arguments": dict(form.arguments), "handle": origin}
    state = json.dumps(meaning, ensure_ascii=False)
    if len(state) > LONGEST_STATE:
        raise UserError(f"That is more than a form of Slack's holds: write all of it as a command, /{form.command}.")
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "title": plain(_cut(form.title, LONGEST_TITLE)),
        "submit": plain("Send"),
        "close": plain("Cancel"),
        "private_metadata": state,
        "blocks": [_input(field, form) for field in form.fields],
    }


def read_modal(sent: View) -> tuple[str, Mapping[str, str], SlackReplyTarget]:
    """Command, arguments and origin of a modal that was sent; "" for what is none of ours."""
    try:
        meaning: object = json.loads(sent.get("private_metadata", ""))
    except ValueError:
        meaning = None
    if sent.get("callback_id") != CALLBACK or not isinstance(meaning, dict):
        return "", {}, SlackReplyTarget("")
    inputs = sent.get("state", {}).get("values", {})
    values = {name: _value(next(iter(boxes.values()), Control())) for name, boxes in inputs.items()}
    arguments = {str(key): str(said) for key, said in meaning["arguments"].items()}
    return str(meaning["command"]), arguments | values, SlackReplyTarget(**meaning["handle"])


def _input(field: Field, form: Form) -> Json:
    if len(field.value) > LONGEST_TEXT:
        raise UserError(
            f"“{field.label}” has become longer than a form of Slack's can hold: {LONGEST_TEXT:,} characters. "
            f"Write it as a command: /{form.command}."
        )
    asked: Json = {
        "type": "input",
        "block_id": field.name,
        "label": plain(field.label),
        "optional": not field.required,
        "element": _text(field) if field.kind in ("line", "text") else _select(field),
    }
    return asked | ({"hint": plain(field.hint)} if field.hint else {})


def _text(field: Field) -> Json:
    box: Json = {"type": "plain_text_input", "action_id": field.name, "multiline": field.kind == "text"}
    return box | {"max_length": LONGEST_TEXT} | ({"initial_value": field.value} if field.value else {})


def _select(field: Field) -> Json:
    assert 0 < len(field.items) <= MOST_ENTRIES, "too little or too much to choose from"
    options = [entry(item) for item in field.items]
    several = field.kind == "several"
    box: Json = {"type": "multi_static_select" if several else "static_select", "action_id": field.name}
    wanted = field.value.split(",") if several else [field.value]
    chosen = [option for option in options if option["value"] in wanted]
    if chosen:
        box |= {"initial_options": chosen} if several else {"initial_option": chosen[0]}
    return box | {"options": options}


def _value(box: Control) -> str:
    """What was written or chosen; several are joined by commas."""
    if box.get("type") == "plain_text_input":
        return box.get("value", "")
    chosen = box.get("selected_options") or [box.get("selected_option", {})]
    return ",".join(option.get("value", "") for option in chosen)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
