"""What a typed line asks for, and what could complete it. Knows no terminal."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from adapters.shared.command_line import find_command, nearest_command, parse_arguments
from bot.interfaces.command import Command, Option
from bot.interfaces.errors import UserError

LEAVE = ("quit", "exit")
NAME = re.compile(r"/[a-z0-9-]{1,32}(?:\s+|$)")

Suggest = Callable[[str, str, str, Mapping[str, str]], Awaitable[Sequence[str]]]
"""Values for a command's option, given what was typed of it and the arguments before it."""


@dataclass(frozen=True, slots=True)
class LineCompletion:
    """`text` takes the place of the last `typed` characters; `summary` explains it."""

    text: str
    typed: int
    summary: str = ""


def read(line: str, commands: Sequence[Command]) -> tuple[str, Mapping[str, str]]:
    """The command and its arguments. Raises UserError for a command that there is not, or an option of none.

    A line that does not begin like a command is said to the bot.
    """
    if not NAME.match(line):
        return "chat", {"text": line}
    found = find_command(line, commands)
    if found is None:
        near = nearest_command(line, commands, LEAVE)
        hint = f"Did you mean /{near}?" if near else "/help lists them."
        raise UserError(f"There is no command {line.split()[0]}. {hint}")
    path, command, rest = found
    return path, parse_arguments(path, command, rest)


async def complete(line: str, commands: Sequence[Command], suggest: Suggest) -> Sequence[LineCompletion]:
    """How a line that begins with a slash may go on."""
    offered = {command.name: command for command in commands if not command.hidden}
    name, space, rest = line.partition(" ")
    if not name.startswith("/"):
        return ()
    if not space:
        summaries = {f"/{command.name}": command.summary for command in offered.values()} | {"/quit": "Leave"}
        return [
            LineCompletion(text, len(line), summary) for text, summary in summaries.items() if text.startswith(name)
        ]
    group = offered.get(name.removeprefix("/"))
    if group and group.subcommands and " " not in rest:
        return [
            LineCompletion(f"{subcommand.name} ", len(rest), subcommand.summary)
            for subcommand in group.subcommands
            if subcommand.name.startswith(rest)
        ]
    found = find_command(line, commands) if group else None
    return await _complete_options(*found, suggest) if found else ()


async def _complete_options(path: str, command: Command, rest: str, suggest: Suggest) -> Sequence[LineCompletion]:
    """Options by name, the values of the one being typed, or those of the option whose place this is."""
    before, _, word = rest.rpartition(" ")
    try:
        given = parse_arguments(path, command, before)
    except UserError:  # what stands there cannot be asked, or not yet: a quotation that goes on
        return ()
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        by_name = [option for option in command.options if option.named or option.kind == "flag"]
        options = [option for option in by_name if option.name.startswith(name)]
        if not equals:
            return [_option_completion(option, word) for option in options]
        return [
            found
            for option in options
            if option.name == name
            for found in await _values(path, option, value, given, suggest)
        ]
    waiting = (o for o in command.options if o.kind != "flag" and not o.named and o.name not in given)
    place = next(waiting, None)
    if place and (place.suggested or place.choices):
        return await _values(path, place, word, given, suggest)
    return ()


def _option_completion(option: Option, word: str) -> LineCompletion:
    return LineCompletion(f"--{option.name}" + (" " if option.kind == "flag" else "="), len(word), option.summary)


async def _values(
    path: str, option: Option, typed_so_far: str, given: Mapping[str, str], suggest: Suggest
) -> Sequence[LineCompletion]:
    values = await suggest(path, option.name, typed_so_far, given) if option.suggested else option.choices
    return [LineCompletion(value, len(typed_so_far)) for value in values if typed_so_far.lower() in value.lower()]
