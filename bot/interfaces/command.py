"""A command as it is declared once and offered natively on every platform."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

OptionKind = Literal["text", "flag", "who", "channel", "file"]


@dataclass(frozen=True, slots=True)
class Option:
    """One argument of a command. `suggested` options are completed while typing, by `Intake.suggest`.

    A "flag" arrives as "yes" or is absent; "who" (a person, a role, everyone, guests) and "channel" arrive as a
    Subject is written; a "file" comes as the request's attachment, where the platform's commands take files. `named`
    options are typed by name (`--model gpt`), the others by their place.
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

    One with `subcommands` is only their group: "config" with "show" and "set" is asked for as "config show" and
    "config set", and where people write the bare name as the first of them. `administrative` ones are for
    administrators, by the platform's word at that moment, and those of them that are `central` change what there is for
    every workspace of the bot; `unrestricted` ones are for everybody, whatever the rules say. A `dialog` one may have a
    form, by `Intake.dialog`.
    `converses` commands belong to a conversation and begin one where there is none. `passes` commands do not wait in
    the conversation's lane. Of `alone` ones a person has one at a time, until its answer is shown. `quiet` commands are
    answered to the person alone, on platforms that can. `hidden` ones are not offered: adapters or buttons ask for
    them. One with a `shortcut`, its label, can be asked for by pointing at a message, which `replies_to` names then;
    its words are the argument "text", its files the attachments.
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
    """Every command that can be asked for, by what it is asked for: "ask", "config show", "config set"."""
    paths: dict[str, Command] = {}
    for command in commands:
        if command.subcommands:
            paths |= {f"{command.name} {subcommand.name}": subcommand for subcommand in command.subcommands}
        else:
            paths[command.name] = command
    return paths


def usage(path: str, command: Command) -> str:
    """How a command is typed, without what is written by name: "/similar ONE [TEXT]"."""
    places = (option for option in command.options if not option.named and option.kind not in ("flag", "file"))
    words = (option.name.upper() if option.required else f"[{option.name.upper()}]" for option in places)
    return " ".join((f"/{path}", *words))
