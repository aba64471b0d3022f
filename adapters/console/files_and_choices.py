"""What an answer brings beside its text: files into the folder that the program was started in, choices as commands."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from pathlib import Path

from bot.interfaces.replies import Choice, File, Menu

MOST_OF_A_NAME = 100
"""Characters of a file's name."""


async def save(files: Sequence[File]) -> list[str]:
    """Write the files, none over another, and say where they are."""
    return [await asyncio.to_thread(_save, file) for file in files]


def _save(file: File) -> str:
    name = Path(Path(file.name).name[-MOST_OF_A_NAME:])
    for number in count(1):
        path = name if number == 1 else name.with_stem(f"{name.stem}-{number}")
        try:
            with open(path, "xb", opener=_for_its_owner) as opened:
                opened.write(file.content)
        except FileExistsError:
            continue
        except OSError as error:
            return f"{file.name} could not be saved: {error.strerror}."
        return f"Saved as {path}" + (f": {file.summary}" if file.summary else "")
    raise AssertionError("numbers do not end")


class TerminalChoices:
    """The buttons under answers as the lines that are typed for them: each means what the newest of its kind does.

    `hidden` names commands that are not typed.
    """

    def __init__(self, hidden: Collection[str] = ()) -> None:
        self._hidden = hidden
        self._buttons: dict[str, Choice] = {}

    def lines(self, choices: Sequence[Choice | Menu]) -> list[str]:
        """What can be typed now."""
        typed = {as_command(choice): choice for choice in choices if choice.command not in self._hidden}
        self._buttons |= {line: choice for line, choice in typed.items() if isinstance(choice, Choice)}
        return list(typed)

    def meant(self, line: str) -> tuple[str, Mapping[str, str]] | None:
        """The command and arguments of a button, also those that nobody types; None for another line."""
        choice = self._buttons.get(line)
        return (choice.command, choice.arguments) if choice else None


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def as_command(choice: Choice | Menu) -> str:
    """How a person at a terminal makes a choice."""
    said = {name: value for name, value in choice.arguments.items() if name != "request"}
    given = "".join(f" --{name}" if value == "yes" else f" --{name}={value}" for name, value in said.items())
    return f"/{choice.command}{given}" + (f" {choice.option.upper()}" if isinstance(choice, Menu) else "")
