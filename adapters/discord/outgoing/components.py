"""Buttons, menus and forms as Discord's components, and the values of sent forms."""

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
LONGEST_DESCRIPTION = 100
LONGEST_TEXT = 4_000


def rows(choices: Sequence[Control], reply: str) -> list[Json]:
    """Return a row for each menu, then rows of buttons. `reply` is the message that answers reply to."""
    menus = [[_menu(number, menu, reply)] for number, menu in enumerate(c for c in choices if isinstance(c, Menu))]
    buttons = [_button(choice, reply) for choice in choices if isinstance(choice, Choice)]
    starts = range(0, len(buttons), BUTTONS_IN_A_ROW)
    component_rows = [*menus, *(buttons[start : start + BUTTONS_IN_A_ROW] for start in starts)]
    return [{"type": ROW, "components": row} for row in component_rows]


def _button(choice: Choice, reply: str) -> Json:
    custom_id = ControlAction(choice.command, choice.arguments, reply).custom_id()
    return {"type": BUTTON, "style": GREY, "label": choice.label, "custom_id": custom_id}


def _menu(number: int, menu: Menu, reply: str) -> Json:
    custom_id = ControlAction(menu.command, menu.arguments, reply, menu.option, f"{number or ''}").custom_id()
    return {"type": SELECT, "custom_id": custom_id, "placeholder": menu.label, "options": _options(menu.items)}


def _options(items: Sequence[Item], selected: Sequence[str] = ()) -> list[Json]:
    options = []
    for item in items:
        option: Json = {"value": item.value, "label": item.label}
        if item.summary:
            option["description"] = item.summary
        if item.value in selected:
            option["default"] = True
        options.append(option)
    return options


def modal(form: Form, reply: str) -> Json:
    """Return a form as a modal. Raises UserError for a form that it would shorten.

    Arguments that the custom id cannot hold become fields at the top, the longest first.
    """
    action, fields = ControlAction(form.command, form.arguments, reply), list(form.fields)
    for name in sorted(form.arguments, key=lambda name: -len(form.arguments[name])):
        if action.fits_component:
            break
        fields.insert(0, Field(name, name.capitalize(), value=form.arguments[name]))
        rest = {key: value for key, value in action.arguments.items() if key != name}
        action = replace(action, arguments=rest)
    if not action.fits_component or len(fields) > MOST_FIELDS:
        raise UserError(f"A form can't hold so much text. Write all of it as a command: `/{form.command} …`.")
    return {
        "custom_id": action.custom_id(),
        "title": form.title[:LONGEST_TITLE],
        "components": [_labelled(field) for field in fields],
    }


def _labelled(field: Field) -> Json:
    label: Json = {"type": LABEL, "label": field.label[:LONGEST_LABEL], "component": _input(field)}
    if field.hint:
        label["description"] = field.hint[:LONGEST_DESCRIPTION]
    return label


def _input(field: Field) -> Json:
    base: Json = {"custom_id": field.name, "required": field.required}
    if field.kind in ("line", "text"):
        if len(field.value) > LONGEST_TEXT:
            raise UserError(f"“{field.label}” is too long for a form. Write the new value after the command.")
        value: Json = {"value": field.value} if field.value else {}
        style = ONE_LINE if field.kind == "line" else LINES
        return base | {"type": TEXT, "style": style, "max_length": LONGEST_TEXT} | value
    several = field.kind == "several"
    selected = field.value.split(",") if several else [field.value]
    most = len(field.items) if several else 1
    bounds: Json = {"min_values": int(field.required), "max_values": most}
    return base | {"type": SELECT, "options": _options(field.items, selected)} | bounds


def form_values(data: InteractionData) -> Mapping[str, str]:
    """Return the values of a sent form by field; several values are joined by commas."""
    inputs = [label["component"] for label in data.get("components", ()) if "component" in label]
    return {
        entry["custom_id"]: ",".join(entry["values"]) if "values" in entry else entry.get("value", "")
        for entry in inputs
    }
