"""A command as people type it, on every platform alike: `ask --model gpt What is …`, `config set language French`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from bot.interfaces.command import Command, Option, by_path
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Subject

_NAME = re.compile(r"\s*/?([a-z0-9-]{1,32})(?:\s+|$)", re.IGNORECASE)
QUOTES = (('"', '"'), ("“", "”"), ("'", "'"))
_DASHES = "(?:--|[—–])"  # keyboards make a dash of two hyphens
_QUOTED = r"\"[^\"]*\"|“[^”]*”|'[^']*'(?=\s|$)"
_VALUE = rf"{_QUOTED}|\S+"
_SHORT = r"(?!channel:\w+\|)(?P<short>[a-z][\w-]*)[:=]"  # but for how a channel is written
_LEADING = re.compile(
    rf"{_DASHES}(?P<long>[a-z][\w-]*)(?:=(?P<equals>{_VALUE}))?(?:\s+|$)|{_SHORT}(?P<value>{_VALUE})(?:\s+|$)"
)
_TRAILING = re.compile(
    rf"(?:^|(?<=\s))(?:{_DASHES}(?P<long>[a-z][\w-]*)(?:(?:=|\s+)(?P<value>{_VALUE}))?"
    rf"|{_SHORT}(?P<said>{_QUOTED}|[^\s\"”']+))\s*$"
)
_WORD = re.compile(rf"\s*({_VALUE})(?:\s+|$)")


def find_command(words: str, commands: Sequence[Command]) -> tuple[str, Command, str] | None:
    """The path of the command that the words begin with, the command, and the words after it; None for none.

    The bare name of a command with subcommands means its first one.
    """
    paths = by_path(command for command in commands if not command.hidden)
    first = _NAME.match(words)
    if first is None:
        return None
    name, rest = first[1].lower(), words[first.end() :]
    if name in paths:
        return name, paths[name], rest
    below = [path for path in paths if path.startswith(f"{name} ")]
    second = _NAME.match(rest) if below else None
    if second and (path := f"{name} {second[1].lower()}") in below:
        return path, paths[path], rest[second.end() :]
    return (below[0], paths[below[0]], rest) if below else None


def nearest_command(words: str, commands: Sequence[Command], also: Sequence[str] = ()) -> str:
    """The name of a command that resembles what was typed, "" for none; `also` are further names."""
    first = _NAME.match(words)
    names = [*(command.name for command in commands if not command.hidden), *also]
    return next(iter(difflib.get_close_matches(first[1].lower() if first else "", names, 1)), "")


def parse_arguments(path: str, command: Command, words: str) -> Mapping[str, str]:
    """A command's arguments from the words after its name. Raises UserError for what looks like an option and is none.

    Options by name, `--last 50` or `last:50`, come first; for a command that does not converse also between the other
    words or last. Those are the values of the options that are not `named`, one word each, the last taking the rest.
    """
    given, rest = _leading(path, command, words.strip())
    if not command.converses:
        rest = _trailing(path, command, rest, given)
    places = [option for option in command.options if option.kind != "flag" and not option.named]
    places = [option for option in places if option.name not in given]
    for option in places[:-1]:
        if word := _WORD.match(rest):
            given[option.name], rest = _unquoted(word[1]), rest[word.end() :]
            more, rest = ({}, rest) if command.converses else _leading(path, command, rest)
            given |= more
    if rest.strip():
        if not places:
            raise UserError(f"/{path} takes no words after it.{option_hints(command)}")
        given[places[-1].name] = _unquoted(rest.strip())
    return given


def written_command(path: str, command: Command, given: Mapping[str, str]) -> str:
    """A command with its arguments as people would have typed it: "/answer When? last:50"."""
    said = [option for option in command.options if given.get(option.name)]
    last = next((option for option in reversed(said) if option.kind != "flag" and not option.named), None)
    return " ".join((f"/{path}", *(_written(option, given[option.name], whole=option is last) for option in said)))


def _written(option: Option, value: str, *, whole: bool) -> str:
    """One option; what is `whole` takes all that is left, and needs no quotes."""
    if option.kind == "flag":
        return f"--{option.name}"
    if option.kind in ("who", "channel") and (subject := Subject.read(value)):
        value = subject.label
    if not whole and any(map(str.isspace, value)):
        value = f'"{value}"'
    return f"{option.name}:{value}" if option.named else value


def option_hints(command: Command) -> str:
    """The options that are written by name, as a sentence; "" for none."""
    written = [f"`--{option.name}`" for option in command.options if option.kind == "flag" or option.named]
    return f" It has {', '.join(written)}." if written else ""


def _leading(path: str, command: Command, rest: str) -> tuple[dict[str, str], str]:
    given: dict[str, str] = {}
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
        given[option.name] = "yes" if option.kind == "flag" else _unquoted(value or "")
    return given, rest


def _trailing(path: str, command: Command, rest: str, given: dict[str, str]) -> str:
    while found := _TRAILING.search(rest):
        option = _option(path, command, (found["long"] or found["short"]).lower(), strict=False)
        if option is None or option.name in given:
            break
        flag, value = option.kind == "flag", found["value"] or found["said"]
        by_name = found["long"] or flag or option.named
        if not by_name or (value not in (None, "yes") if flag else value is None):
            break
        given[option.name] = _unquoted(value or "yes")
        rest = rest[: found.start()].rstrip()
    return rest


def _option(path: str, command: Command, name: str, *, strict: bool) -> Option | None:
    """The option of this name; None where it is no option but words. A misspelt one is an error when `strict`."""
    options = {option.name: option for option in command.options}
    if name in options:
        return options[name]
    if strict and (not command.converses or difflib.get_close_matches(name, options, 1)):
        raise UserError(f"/{path} has no option --{name}.{option_hints(command)}")
    return None


def _unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and (word[0], word[-1]) in QUOTES else word
