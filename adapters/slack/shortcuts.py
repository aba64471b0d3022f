"""Tasks in the menu of a message. Slack shows at most five, so the last entry opens a form with the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.slack.payloads import SlackMessage
from bot.interfaces.command import Command
from bot.interfaces.replies import LONGEST_LABEL, Field, Form, Item

MOST = 5
IN_MENU = ("summarise", "translate", "transcribe", "describe")
"""The tasks that are entries of the menu."""

MORE, MORE_LABEL = "more-tasks", "Do something with this…"
MORE_SUMMARY = "Choose one of the other tasks"

LONGEST_WORDS = 1_500
"""The most characters of a message in the form; a longer message is read again after the form is sent."""


def menu_and_form(commands: Sequence[Command]) -> tuple[Sequence[Command], Sequence[Command]]:
    """Return the commands in the menu, and those in the form of its last entry."""
    visible = [command for command in commands if command.shortcut and not command.hidden]
    if len(visible) <= MOST:
        return visible, ()
    in_menu = sorted((one for one in visible if one.name in IN_MENU), key=lambda one: IN_MENU.index(one.name))
    return in_menu, sorted((one for one in visible if one.name not in IN_MENU), key=lambda one: one.shortcut)


def form(commands: Sequence[Command], message: SlackMessage, text: str) -> Form:
    """Return the form of the last entry for a message with the text `text`."""
    _, others = menu_and_form(commands)
    items = tuple(Item(one.name, one.shortcut, one.summary[:LONGEST_LABEL]) for one in others)
    arguments_of_task = {"text": text} if len(text) <= LONGEST_WORDS and not message.get("files") else {}
    task = Field("task", "What to do", "choice", items[0].value if items else "", items)
    return Form(MORE_LABEL, MORE, (task,), {"message": message.get("ts", ""), **arguments_of_task})


def read_form(arguments: Mapping[str, str]) -> tuple[str, Mapping[str, str], str]:
    """Return the command, the arguments and the message of a sent form."""
    arguments_of_task = {"text": arguments["text"]} if "text" in arguments else {}
    return arguments.get("task", ""), arguments_of_task, arguments.get("message", "")
