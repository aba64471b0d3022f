"""Files and buttons of an answer in a terminal: files go into the working folder, buttons become commands to type."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from pathlib import Path

from bot.interfaces.replies import Choice, File, Menu

LONGEST_NAME = 100
"""The most characters of a file's name."""


async def save(files: Sequence[File]) -> list[str]:
    """Write the files, none over another; return a line about each."""
    return [await asyncio.to_thread(_save, file) for file in files]


def _save(file: File) -> str:
    name = Path(Path(file.name).name[-LONGEST_NAME:])
    for number in count(1):
        path = name if number == 1 else name.with_stem(f"{name.stem}-{number}")
        try:
            with open(path, "xb", opener=_open_for_owner) as opened:
                opened.write(file.content)
        except FileExistsError:
            continue
        except OSError as error:
            return f"I can't save {file.name}: {error.strerror}."
        return f"Saved as {path}" + (f": {file.summary}" if file.summary else "")
    raise AssertionError("count() is endless")


class TerminalChoices:
    """Buttons under answers as lines to type; a line selects the newest button of its kind.

    `hidden` are the names of commands that people do not type.
    """

    def __init__(self, hidden: Collection[str] = ()) -> None:
        self._hidden = hidden
        self._buttons: dict[str, Choice] = {}

    def lines(self, choices: Sequence[Choice | Menu]) -> list[str]:
        """Remember the choices and return the lines to type for them."""
        typed = {as_command(choice): choice for choice in choices if choice.command not in self._hidden}
        self._buttons |= {line: choice for line, choice in typed.items() if isinstance(choice, Choice)}
        return list(typed)

    def find(self, line: str) -> tuple[str, Mapping[str, str]] | None:
        """Return the command and arguments of a button's line, with arguments that people do not type.

        None for other lines.
        """
        choice = self._buttons.get(line)
        return (choice.command, choice.arguments) if choice else None


def _open_for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def as_command(choice: Choice | Menu) -> str:
    """Return the line that a person types to make a choice."""
    typed = ((name, value) for name, value in choice.arguments.items() if name != "request")
    options = "".join(f" --{name}" if value == "yes" else f" --{name}={value}" for name, value in typed)
    return f"/{choice.command}{options}" + (f" {choice.option.upper()}" if isinstance(choice, Menu) else "")
