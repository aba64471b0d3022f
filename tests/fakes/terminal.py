"""A terminal in memory."""

from __future__ import annotations

import asyncio
import io
import re


class Terminal(io.StringIO):
    """The part of a terminal that rich uses: the cursor cannot return to lines that scrolled off the top."""

    def __init__(self, height: int) -> None:
        super().__init__()
        self.height = height
        self.wrote = asyncio.Event()

    def write(self, text: str) -> int:
        """Store the printed text and set `wrote`."""
        self.wrote.set()
        return super().write(text)

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        """Everything on the screen and scrolled off it."""
        lines, row, column = [""], 0, 0
        for code, text in re.findall(r"(\x1b\[[?0-9;]*[A-Za-z]|\r|\n)|([^\x1b\r\n]+)", self.getvalue()):
            if code == "\n":
                row, column = row + 1, 0
                lines += [""] * (row + 1 - len(lines))
            elif code == "\r":
                column = 0
            elif code.endswith("A"):
                row = max(row - int(code[2:-1] or 1), len(lines) - self.height, 0)
            elif code.endswith("K"):
                lines[row] = ""
            lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
            column += len(text)
        return [line.rstrip() for line in lines]
