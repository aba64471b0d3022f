"""Tasks in the menu of a message: Slack shows five at most, so the last one opens a form with the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.slack.payloads import SlackMessage
from bot.interfaces.command import Command
from bot.interfaces.replies import LONGEST_LABEL, Field, Form, Item

MOST = 5
FIRST = ("summarise", "translate", "transcribe", "describe")
"""Tasks that stand in the menu themselves."""

MORE, MORE_LABEL = "more-tasks", "Do something with this…"
MORE_SUMMARY = "Choose from all the other tasks"

LONGEST_WORDS = 1_500
"""Characters of a message that the form carries; a longer one is read again."""


def arranged(commands: Sequence[Command]) -> tuple[Sequence[Command], Sequence[Command]]:
    """Those that stand in the menu, and those behind its last entry."""
    offered = [command for command in commands if command.shortcut and not command.hidden]
    if len(offered) <= MOST:
        return offered, ()
    direct = sorted((one for one in offered if one.name in FIRST), key=lambda one: FIRST.index(one.name))
    return direct, sorted((one for one in offered if one.name not in FIRST), key=lambda one: one.shortcut)


def form(commands: Sequence[Command], message: SlackMessage, words: str) -> Form:
    """What the last entry opens for a message; `words` are what it says."""
    _, rest = arranged(commands)
    items = tuple(Item(one.name, one.shortcut, one.summary[:LONGEST_LABEL]) for one in rest)
    said = {"text": words} if len(words) <= LONGEST_WORDS and not message.get("files") else {}
    task = Field("task", "What to do", "choice", items[0].value if items else "", items)
    return Form(MORE_LABEL, MORE, (task,), {"message": message.get("ts", ""), **said})


def chosen(arguments: Mapping[str, str]) -> tuple[str, Mapping[str, str], str]:
    """From the form as it was sent: the command, its arguments and the message that it is about."""
    said = {"text": arguments["text"]} if "text" in arguments else {}
    return arguments.get("task", ""), said, arguments.get("message", "")
