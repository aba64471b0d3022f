"""The declaration of a command and of its options."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

OptionKind = Literal["text", "flag", "who", "channel", "file"]


@dataclass(frozen=True, slots=True)
class Option:
    """One argument of a command.

    A "flag" arrives as "yes" or is absent. A "who" (a person, a role, everyone or guests) and a "channel" arrive in the
    written form of a Subject. A "file" arrives as an attachment of the request, on platforms whose commands take files.
    `suggested` options are completed during typing, by `Intake.suggest`. `named` options are typed by name
    (`--model gpt`), the others by position.
    """

    name: str
    summary: str
    kind: OptionKind = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    suggested: bool = False
    named: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A named thing that people can ask for, declared once and offered natively on every platform.

    - `subcommands`: this command is only their group. People ask for "config show" or "config set"; the bare name
      "config" is the first subcommand.
    - `administrative`: only for administrators; the platform is asked for that right at the time of the request.
    - `central`: an administrative command that changes all workspaces of the bot.
    - `unrestricted`: for everybody; no rule can deny it.
    - `dialog`: may have a form, from `Intake.dialog`.
    - `converses`: belongs to a conversation, and begins one if there is none.
    - `passes`: does not wait in the conversation's lane.
    - `alone`: a person can have one request of it at a time, until its answer is shown.
    - `quiet`: only the person sees the answer, on platforms that support that.
    - `hidden`: not offered in lists; adapters or buttons ask for it.
    - `shortcut`: the label of an entry in a message's menu. The request's `replies_to` is then that message's id, its
      argument "text" the message's text, and its attachments the message's files.
    """

    name: str
    summary: str
    options: tuple[Option, ...] = ()
    converses: bool = False
    passes: bool = False
    alone: bool = False
    quiet: bool = False
    hidden: bool = False
    administrative: bool = False
    central: bool = False
    unrestricted: bool = False
    dialog: bool = False
    shortcut: str = ""
    subcommands: tuple[Command, ...] = ()


def by_path(commands: Iterable[Command]) -> dict[str, Command]:
    """Map the paths that people can type ("ask", "config show", "config set") to their commands."""
    paths: dict[str, Command] = {}
    for command in commands:
        if command.subcommands:
            paths |= {f"{command.name} {subcommand.name}": subcommand for subcommand in command.subcommands}
        else:
            paths[command.name] = command
    return paths


def usage(path: str, command: Command) -> str:
    """Return a command's typed form, without named options, flags and files: "/similar ONE [TEXT]"."""
    positional = (option for option in command.options if not option.named and option.kind not in ("flag", "file"))
    words = (option.name.upper() if option.required else f"[{option.name.upper()}]" for option in positional)
    return " ".join((f"/{path}", *words))
