"""The command of a typed line, and completions of it, independent of a terminal."""

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
"""An async function for values of an option: path, option, its typed beginning, and the arguments before it."""


@dataclass(frozen=True, slots=True)
class LineCompletion:
    """A completion: `text` replaces the last `typed` characters; `summary` explains it."""

    text: str
    typed: int
    summary: str = ""


def read(line: str, commands: Sequence[Command]) -> tuple[str, Mapping[str, str]]:
    """Return the command's path and its arguments. Raises UserError for an unknown command or option.

    A line that does not begin like a command is a message to the bot.
    """
    if not NAME.match(line):
        return "chat", {"text": line}
    found = find_command(line, commands)
    if found is None:
        nearest = nearest_command(line, commands, LEAVE)
        next_step = f"Did you mean `/{nearest}`?" if nearest else "`/help` lists the commands."
        raise UserError(f"There is no command `{line.split()[0]}`. {next_step}")
    path, command, rest = found
    return path, parse_arguments(path, command, rest)


async def complete(line: str, commands: Sequence[Command], suggest: Suggest) -> Sequence[LineCompletion]:
    """Return the completions of a line that begins with a slash."""
    offered = {command.name: command for command in commands if not command.hidden}
    name, space, rest = line.partition(" ")
    if not name.startswith("/"):
        return ()
    if not space:
        summaries = {f"/{command.name}": command.summary for command in offered.values()} | {"/quit": "Leave the chat"}
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
    """Return names of options, values of the option being typed, or values of the next option by position."""
    before, _, word = rest.rpartition(" ")
    try:
        arguments = parse_arguments(path, command, before)
    except UserError:  # the line is not valid, or not yet: its quotation is open
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
            for found in await _values(path, option, value, arguments, suggest)
        ]
    unfilled = (
        option
        for option in command.options
        if option.kind != "flag" and not option.named and option.name not in arguments
    )
    next_option = next(unfilled, None)
    if next_option and (next_option.suggested or next_option.choices):
        return await _values(path, next_option, word, arguments, suggest)
    return ()


def _option_completion(option: Option, word: str) -> LineCompletion:
    return LineCompletion(f"--{option.name}" + (" " if option.kind == "flag" else "="), len(word), option.summary)


async def _values(
    path: str, option: Option, prefix: str, arguments: Mapping[str, str], suggest: Suggest
) -> Sequence[LineCompletion]:
    values = await suggest(path, option.name, prefix, arguments) if option.suggested else option.choices
    return [LineCompletion(value, len(prefix)) for value in values if prefix.lower() in value.lower()]
