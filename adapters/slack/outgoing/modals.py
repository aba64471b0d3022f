"""Forms as Slack's modals, which hold all data needed after they are sent."""

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
"""The most characters of an input."""

MOST_ENTRIES = 100
CALLBACK = "form"


def modal_view(form: Form, target: SlackReplyTarget) -> Json:
    """Return the modal of a form. Raises UserError for a form that it cannot hold.

    `target` is the place of the request.
    """
    origin = asdict(replace(target, opening=""))
    data = {"command": form.command, "arguments": dict(form.arguments), "handle": origin}
    state = json.dumps(data, ensure_ascii=False)
    if len(state) > LONGEST_STATE:
        raise UserError(f"A form can't hold so much text. Write all of it as a command: `/{form.command} …`.")
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "title": plain(_shortened(form.title, LONGEST_TITLE)),
        "submit": plain("Send"),
        "close": plain("Cancel"),
        "private_metadata": state,
        "blocks": [_input(field, form) for field in form.fields],
    }


def read_modal(sent: View) -> tuple[str, Mapping[str, str], SlackReplyTarget]:
    """Return command, arguments and target of a sent modal; "" for those of other apps."""
    try:
        data: object = json.loads(sent.get("private_metadata", ""))
    except ValueError:
        data = None
    if sent.get("callback_id") != CALLBACK or not isinstance(data, dict):
        return "", {}, SlackReplyTarget("")
    inputs = sent.get("state", {}).get("values", {})
    values = {name: _value(next(iter(elements.values()), Control())) for name, elements in inputs.items()}
    arguments = {str(key): str(value) for key, value in data["arguments"].items()}
    return str(data["command"]), arguments | values, SlackReplyTarget(**data["handle"])


def _input(field: Field, form: Form) -> Json:
    if len(field.value) > LONGEST_TEXT:
        raise UserError(
            f"“{field.label}” is longer than a form's limit of {LONGEST_TEXT:,} characters. "
            f"Write it as a command: `/{form.command} …`."
        )
    block: Json = {
        "type": "input",
        "block_id": field.name,
        "label": plain(field.label),
        "optional": not field.required,
        "element": _text(field) if field.kind in ("line", "text") else _select(field),
    }
    return block | ({"hint": plain(field.hint)} if field.hint else {})


def _text(field: Field) -> Json:
    element: Json = {"type": "plain_text_input", "action_id": field.name, "multiline": field.kind == "text"}
    return element | {"max_length": LONGEST_TEXT} | ({"initial_value": field.value} if field.value else {})


def _select(field: Field) -> Json:
    assert 0 < len(field.items) <= MOST_ENTRIES, "a menu has 1 to 100 entries"
    options = [entry(item) for item in field.items]
    several = field.kind == "several"
    element: Json = {"type": "multi_static_select" if several else "static_select", "action_id": field.name}
    values = field.value.split(",") if several else [field.value]
    selected = [option for option in options if option["value"] in values]
    if selected:
        element |= {"initial_options": selected} if several else {"initial_option": selected[0]}
    return element | {"options": options}


def _value(element: Control) -> str:
    """Return the text or the selected values of an input; several values are joined by commas."""
    if element.get("type") == "plain_text_input":
        return element.get("value", "")
    selected = element.get("selected_options") or [element.get("selected_option", {})]
    return ",".join(option.get("value", "") for option in selected)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
