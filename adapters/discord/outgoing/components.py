"""Buttons, menus and forms as Discord's components, and what people put into a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from adapters.discord.payloads import InteractionData
from adapters.discord.reply_target import ControlAction
from adapters.discord.rest_api import Json
from adapters.shared.paced_draft import Control
from bot.interfaces.errors import UserError
from bot.interfaces.replies import Choice, Field, Form, Item, Menu

ROW, BUTTON, SELECT, TEXT, LABEL = 1, 2, 3, 4, 18
GREY, ONE_LINE, LINES = 2, 1, 2
BUTTONS_IN_A_ROW = 5
MOST_FIELDS = 5
LONGEST_TITLE = LONGEST_LABEL = 45
LONGEST_HINT = 100
LONGEST_TEXT = 4_000


def rows(choices: Sequence[Control], reply: str) -> list[Json]:
    """A row for each menu, and the buttons after them. `reply` is the message that answers reply to."""
    menus = [[_menu(number, menu, reply)] for number, menu in enumerate(c for c in choices if isinstance(c, Menu))]
    buttons = [_button(choice, reply) for choice in choices if isinstance(choice, Choice)]
    starts = range(0, len(buttons), BUTTONS_IN_A_ROW)
    filled = [*menus, *(buttons[start : start + BUTTONS_IN_A_ROW] for start in starts)]
    return [{"type": ROW, "components": row} for row in filled]


def _button(choice: Choice, reply: str) -> Json:
    custom_id = ControlAction(choice.command, choice.arguments, reply).custom_id()
    return {"type": BUTTON, "style": GREY, "label": choice.label, "custom_id": custom_id}


def _menu(number: int, menu: Menu, reply: str) -> Json:
    custom_id = ControlAction(menu.command, menu.arguments, reply, menu.option, f"{number or ''}").custom_id()
    return {"type": SELECT, "custom_id": custom_id, "placeholder": menu.label, "options": _options(menu.items)}


def _options(items: Sequence[Item], chosen: Sequence[str] = ()) -> list[Json]:
    made = []
    for item in items:
        option: Json = {"value": item.value, "label": item.label}
        if item.summary:
            option["description"] = item.summary
        if item.value in chosen:
            option["default"] = True
        made.append(option)
    return made


def modal(form: Form, reply: str) -> Json:
    """A form as Discord shows it. Raises UserError for one that it cannot show without losing text.

    Arguments that it cannot carry unseen are fields at its top, the longest first.
    """
    meaning, fields = ControlAction(form.command, form.arguments, reply), list(form.fields)
    for name in sorted(form.arguments, key=lambda name: -len(form.arguments[name])):
        if meaning.fits:
            break
        fields.insert(0, Field(name, name.capitalize(), value=form.arguments[name]))
        rest = {key: value for key, value in meaning.arguments.items() if key != name}
        meaning = replace(meaning, arguments=rest)
    if not meaning.fits or len(fields) > MOST_FIELDS:
        raise UserError(f"That is more than a form holds: write all of it as a command, /{form.command}.")
    return {
        "custom_id": meaning.custom_id(),
        "title": form.title[:LONGEST_TITLE],
        "components": [_labelled(field) for field in fields],
    }


def _labelled(field: Field) -> Json:
    label: Json = {"type": LABEL, "label": field.label[:LONGEST_LABEL], "component": _input(field)}
    if field.hint:
        label["description"] = field.hint[:LONGEST_HINT]
    return label


def _input(field: Field) -> Json:
    base: Json = {"custom_id": field.name, "required": field.required}
    if field.kind in ("line", "text"):
        if len(field.value) > LONGEST_TEXT:
            raise UserError(f"{field.label} has more text than a form takes: write the new value after the command.")
        now: Json = {"value": field.value} if field.value else {}
        style = ONE_LINE if field.kind == "line" else LINES
        return base | {"type": TEXT, "style": style, "max_length": LONGEST_TEXT} | now
    several = field.kind == "several"
    chosen = field.value.split(",") if several else [field.value]
    most = len(field.items) if several else 1
    bounds: Json = {"min_values": int(field.required), "max_values": most}
    return base | {"type": SELECT, "options": _options(field.items, chosen)} | bounds


def form_values(data: InteractionData) -> Mapping[str, str]:
    """What a sent form holds, by field; of several values the list, with commas."""
    inputs = [label["component"] for label in data.get("components", ()) if "component" in label]
    return {
        entry["custom_id"]: ",".join(entry["values"]) if "values" in entry else entry.get("value", "")
        for entry in inputs
    }
