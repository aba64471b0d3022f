"""What a typed line asks for, and what could complete it. Knows no terminal."""

from __future__ import annotations

import difflib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.errors import UserError
from bot.types import Command, Option

LEAVE = ("quit", "exit")
NAME = re.compile(r"/([a-z0-9-]{1,32})(?:\s+|$)")
OPTION = re.compile(r"--([a-z0-9-]+)(?:=(\"[^\"]*\"|\S*))?(?:\s+|$)")

Suggest = Callable[[str, str, str], Awaitable[Sequence[str]]]
"""Values for a command's option, given what was typed of it."""


@dataclass(frozen=True, slots=True)
class Completion:
    """`text` takes the place of the last `typed` characters; `summary` explains it."""

    text: str
    typed: int
    summary: str = ""


def read(line: str, commands: Sequence[Command]) -> tuple[str, Mapping[str, str]]:
    """The command and its arguments. Raises UserError for a command that there is not, or an option of none.

    `/ask --model=gpt --private What is …` names options first; the other words are the first option that takes text.
    A line that does not begin like a command is said to the bot.
    """
    named = NAME.match(line)
    if named is None:
        return "chat", {"text": line}
    command = find(named[1], commands)
    rest, arguments = line[named.end() :], dict[str, str]()
    while match := OPTION.match(rest):
        option = next((option for option in command.options if option.name == match[1]), None)
        if option is None:
            raise UserError(f"/{command.name} has no option --{match[1]}.{_options(command)}")
        value, end = match[2], match.end()
        if value is None and option.kind == "text":
            word = re.match(r"\S+(?:\s+|$)", rest[end:])
            value, end = (word[0].strip(), end + word.end()) if word else ("", end)
        arguments[option.name] = "yes" if option.kind == "flag" else (value or "").strip('"')
        rest = rest[end:]
    if rest.strip():
        arguments[_first_text(command).name] = rest.strip()
    return command.name, arguments


def find(name: str, commands: Sequence[Command]) -> Command:
    """The command of this name. Raises UserError that names the nearest."""
    offered = {command.name: command for command in commands if not command.hidden}
    if name in offered:
        return offered[name]
    near = difflib.get_close_matches(name, [*offered, *LEAVE], 1)
    hint = f"Did you mean /{near[0]}?" if near else "/help lists them."
    raise UserError(f"There is no command /{name}. {hint}")


def _first_text(command: Command) -> Option:
    for option in command.options:
        if option.kind == "text":
            return option
    raise UserError(f"/{command.name} takes no words after it.{_options(command)}")


def _options(command: Command) -> str:
    names = ", ".join(f"--{option.name}" for option in command.options)
    return f" It has {names}." if names else ""


async def complete(line: str, commands: Sequence[Command], suggest: Suggest) -> Sequence[Completion]:
    """How a line that begins with a slash may go on."""
    offered = [command for command in commands if not command.hidden]
    name, space, rest = line.partition(" ")
    if not name.startswith("/"):
        return ()
    if not space:
        summaries = {f"/{command.name}": command.summary for command in offered} | {"/quit": "Leave"}
        return [Completion(text, len(line), summary) for text, summary in summaries.items() if text.startswith(name)]
    command = next((command for command in offered if f"/{command.name}" == name), None)
    return await _complete_options(command, rest, suggest) if command else ()


async def _complete_options(command: Command, rest: str, suggest: Suggest) -> Sequence[Completion]:
    """Options by name, the values of the one being typed, or those of the option that plain words are."""
    word = rest.rpartition(" ")[2]
    first = next((option for option in command.options if option.kind == "text"), None)
    if word.startswith("--"):
        name, equals, typed = word[2:].partition("=")
        options = [option for option in command.options if option.name.startswith(name)]
        if not equals:
            return [_option_completion(option, word) for option in options if not (option.required and option is first)]
        return [
            found
            for option in options
            if option.name == name
            for found in await _values(command, option, typed, suggest)
        ]
    if first and rest == word and (first.suggested or first.choices):
        return await _values(command, first, word, suggest)
    return ()


def _option_completion(option: Option, word: str) -> Completion:
    return Completion(f"--{option.name}" + ("=" if option.kind == "text" else " "), len(word), option.summary)


async def _values(command: Command, option: Option, typed: str, suggest: Suggest) -> Sequence[Completion]:
    values = await suggest(command.name, option.name, typed) if option.suggested else option.choices
    return [Completion(value, len(typed)) for value in values if typed.lower() in value.lower()]
