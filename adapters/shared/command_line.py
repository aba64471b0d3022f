"""Commands as people type them, the same on every platform: `ask --model gpt Why?`, `config set language French`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from bot.interfaces.command import Command, Option, by_path
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Subject

_NAME = re.compile(r"\s*/?([a-z0-9-]{1,32})(?:\s+|$)", re.IGNORECASE)
QUOTES = (('"', '"'), ("“", "”"), ("'", "'"))
_DASHES = "(?:--|[—–])"  # some keyboards replace two hyphens by a dash
_QUOTED = r"\"[^\"]*\"|“[^”]*”|'[^']*'(?=\s|$)"
_VALUE = rf"{_QUOTED}|\S+"
_SHORT = r"(?!channel:\w+\|)(?P<short>[a-z][\w-]*)[:=]"  # except a channel reference, `channel:ID|NAME`
_LEADING = re.compile(
    rf"{_DASHES}(?P<long>[a-z][\w-]*)(?:=(?P<equals>{_VALUE}))?(?:\s+|$)|{_SHORT}(?P<value>{_VALUE})(?:\s+|$)"
)
_TRAILING = re.compile(
    rf"(?:^|(?<=\s))(?:{_DASHES}(?P<long>[a-z][\w-]*)(?:(?:=|\s+)(?P<value>{_VALUE}))?"
    rf"|{_SHORT}(?P<short_value>{_QUOTED}|[^\s\"”']+))\s*$"
)
_WORD = re.compile(rf"\s*({_VALUE})(?:\s+|$)")


def find_command(text: str, commands: Sequence[Command]) -> tuple[str, Command, str] | None:
    """Return the path of the command that a text begins with, the command, and the text after it.

    None for no command. The bare name of a command with subcommands selects the first subcommand.
    """
    paths = by_path(command for command in commands if not command.hidden)
    first = _NAME.match(text)
    if first is None:
        return None
    name, rest = first[1].lower(), text[first.end() :]
    if name in paths:
        return name, paths[name], rest
    below = [path for path in paths if path.startswith(f"{name} ")]
    second = _NAME.match(rest) if below else None
    if second and (path := f"{name} {second[1].lower()}") in below:
        return path, paths[path], rest[second.end() :]
    return (below[0], paths[below[0]], rest) if below else None


def nearest_command(text: str, commands: Sequence[Command], others: Sequence[str] = ()) -> str:
    """Return the name that resembles the typed command most, "" for none; `others` are names beside the commands."""
    first = _NAME.match(text)
    names = [*(command.name for command in commands if not command.hidden), *others]
    return next(iter(difflib.get_close_matches(first[1].lower() if first else "", names, 1)), "")


def parse_arguments(path: str, command: Command, text: str) -> Mapping[str, str]:
    """Return a command's arguments from the text after its name. Raises UserError for an unknown option.

    Options by name, `--last 50` or `last:50`, come first. For a command that does not converse they may also stand
    between the other words or at the end. The other words are the values of the options that are not `named`: one word
    each, and the rest of the text for the last of them.
    """
    arguments, rest = _leading(path, command, text.strip())
    if not command.converses:
        rest = _trailing(path, command, rest, arguments)
    positional = [option for option in command.options if option.kind != "flag" and not option.named]
    positional = [option for option in positional if option.name not in arguments]
    for option in positional[:-1]:
        if word := _WORD.match(rest):
            arguments[option.name], rest = _unquoted(word[1]), rest[word.end() :]
            more, rest = ({}, rest) if command.converses else _leading(path, command, rest)
            arguments |= more
    if rest.strip():
        if not positional:
            raise UserError(f"`/{path}` takes no text after it.{options_sentence(command)}")
        arguments[positional[-1].name] = _unquoted(rest.strip())
    return arguments


def written_command(path: str, command: Command, arguments: Mapping[str, str]) -> str:
    """Return a command with its arguments as people would type it: "/answer When? last:50"."""
    options = [option for option in command.options if arguments.get(option.name)]
    last = next((option for option in reversed(options) if option.kind != "flag" and not option.named), None)
    typed = (_written(option, arguments[option.name], takes_rest=option is last) for option in options)
    return " ".join((f"/{path}", *typed))


def _written(option: Option, value: str, *, takes_rest: bool) -> str:
    """Return one option; a value that `takes_rest` needs no quotes."""
    if option.kind == "flag":
        return f"--{option.name}"
    if option.kind in ("who", "channel") and (subject := Subject.read(value)):
        value = subject.label
    if not takes_rest and any(map(str.isspace, value)):
        value = f'"{value}"'
    return f"{option.name}:{value}" if option.named else value


def options_sentence(command: Command) -> str:
    """Return a sentence that lists the options written by name; "" for none."""
    written = [f"`--{option.name}`" for option in command.options if option.kind == "flag" or option.named]
    return f" Options: {', '.join(written)}." if written else ""


def _leading(path: str, command: Command, rest: str) -> tuple[dict[str, str], str]:
    arguments: dict[str, str] = {}
    while found := _LEADING.match(rest):
        name = (found["long"] or found["short"]).lower()
        option = _option(path, command, name, strict=bool(found["long"]))
        value = found["equals"] or found["value"]
        if option is None or (found["short"] and command.converses and not option.named and option.kind != "flag"):
            break
        rest = rest[found.end() :]
        if value is None and option.kind != "flag":
            word = _WORD.match(rest)
            value, rest = (word[1], rest[word.end() :]) if word else ("", "")
        arguments[option.name] = "yes" if option.kind == "flag" else _unquoted(value or "")
    return arguments, rest


def _trailing(path: str, command: Command, rest: str, arguments: dict[str, str]) -> str:
    while found := _TRAILING.search(rest):
        option = _option(path, command, (found["long"] or found["short"]).lower(), strict=False)
        if option is None or option.name in arguments:
            break
        flag, value = option.kind == "flag", found["value"] or found["short_value"]
        is_by_name = found["long"] or flag or option.named
        if not is_by_name or (value not in (None, "yes") if flag else value is None):
            break
        arguments[option.name] = _unquoted(value or "yes")
        rest = rest[: found.start()].rstrip()
    return rest


def _option(path: str, command: Command, name: str, *, strict: bool) -> Option | None:
    """Return the option of this name; None where the word is not an option.

    With `strict`, a misspelt name raises UserError.
    """
    options = {option.name: option for option in command.options}
    if name in options:
        return options[name]
    if strict and (not command.converses or difflib.get_close_matches(name, options, 1)):
        raise UserError(f"`/{path}` has no option `--{name}`.{options_sentence(command)}")
    return None


def _unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and (word[0], word[-1]) in QUOTES else word
