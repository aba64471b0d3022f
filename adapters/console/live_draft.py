"""Answers drawn on a terminal as they are written, or printed plainly where there is none."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable, Sequence

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text as Line

from adapters.console.files_and_choices import TerminalChoices, save
from adapters.console.markdown import Stack, blocks, clean, finished, parse
from bot.interfaces.adapter import Draft
from bot.interfaces.replies import Answer, Chunk, Done, Status, Text

FRAME = 0.04
"""Seconds between two drawings; more where one takes long, so that drawing takes a third of the time at most."""
TICK = 0.1
SHOW_SECONDS_AFTER = 3
_NUMBER = re.compile(r"[\d.,]+(?: ?\w+)?")
"""A number with its unit."""


class LiveDraft(Draft):
    """A reply on a terminal: finished blocks are printed for good, the one being written is redrawn below them.

    Choices are commands to type, except the `hidden` ones.
    """

    def __init__(self, console: Console, ended: Callable[[], None], offered: TerminalChoices) -> None:
        self._console = console
        self._offered = offered
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._spinner = Spinner("dots", style="cyan")
        self._status: Status | None = None
        self._since = self._loop.time()
        self._written = ""
        self._tail = ""
        self._printed = False
        self._timer: asyncio.TimerHandle | None = None
        self._earliest = 0.0

    def write(self, chunk: Chunk) -> None:
        """Take a chunk; it is drawn with the next frame."""
        match chunk:
            case Text(text):
                self._append(text)
                self._status = None
            case Status():
                self._status = chunk
            case _:
                return
        if self._timer is None:
            self._timer = self._loop.call_at(self._earliest, self._draw)

    def _append(self, text: str) -> None:
        self._written += text
        self._tail += clean(text)

    async def finish(self, answer: Answer) -> None:
        """Print what is left of the answer, its notes, and the commands that its choices are."""
        if not answer.text.startswith(self._written):
            self._written = self._tail = ""
        self._append(answer.text.removeprefix(self._written))
        self._stop_drawing()
        self._print(blocks(parse(self._tail)))
        self._print([part for note in answer.notes for part in blocks(parse(clean(note)), style="dim")])
        self._print([Line(clean(line), style="dim") for line in await save(answer.files)])
        self._print([Line(clean(line), style="cyan") for line in self._offered.lines(answer.choices)])
        if self._printed:
            self._console.print()
        self._ended()

    async def abandon(self) -> None:
        self._stop_drawing()
        self._ended()

    def _stop_drawing(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._live.stop()

    def _print(self, parts: Sequence[RenderableType]) -> None:
        """Print for good, an empty line above."""
        if parts:
            self._console.print(Stack(parts, below=self._printed))
            self._printed = True

    def _draw(self) -> None:
        """One frame; while there is only a status, the next one follows by itself."""
        began = self._loop.time()
        done, self._tail = finished(self._tail)
        self._live.start()
        self._print(blocks(done))
        current = Stack(self._current(), below=self._printed, most=max(1, self._console.height - 2))
        self._live.update(current, refresh=True)
        now = self._loop.time()
        self._earliest = now + max(FRAME, 2 * (now - began))
        self._timer = self._loop.call_later(TICK, self._draw) if self._status else None

    def _current(self) -> list[RenderableType]:
        """What is still being written, and what the bot is doing."""
        parts = blocks(parse(self._tail))
        if self._status is not None:
            self._spinner.update(text=Line(self._waiting(self._status), style="dim"))
            parts.append(self._spinner)
        return parts

    def _waiting(self, status: Status) -> str:
        """What is going on, the place in the queue, and how long it takes once that is worth telling."""
        waited = int(self._loop.time() - self._since)
        queue = f" (number {status.position} in the queue)" if status.position else ""
        return clean(status.text) + queue + (f" {waited} s" if waited >= SHOW_SECONDS_AFTER else "")


class PlainDraft(Draft):
    """A reply for a pipe: the text alone on stdout, as it comes; everything else on stderr."""

    def __init__(self, ended: Callable[[], None], failed: Callable[[], None]) -> None:
        self._ended = ended
        self._failed = failed
        self._written = ""
        self._waits_for = ""

    def write(self, chunk: Chunk) -> None:
        """Print text at once; what is waited for is said once a kind, without its changing numbers."""
        match chunk:
            case Text(text):
                self._print(text)
            case Status(text) if text != "Thinking…" and (kind := _NUMBER.sub("", text)) != self._waits_for:
                self._waits_for = kind
                print(clean(text), file=sys.stderr, flush=True)
            case Done(reason="failed"):
                self._failed()
            case _:
                pass

    async def finish(self, answer: Answer) -> None:
        """Print what is left, end the line, and say the notes."""
        self._print(answer.text.removeprefix(self._written))
        if self._written and not self._written.endswith("\n"):
            self._print("\n")
        for line in (*answer.notes, *await save(answer.files)):
            print(clean(line), file=sys.stderr, flush=True)
        self._ended()

    async def abandon(self) -> None:
        self._ended()

    def _print(self, text: str) -> None:
        self._written += text
        try:
            sys.stdout.write(clean(text))
            sys.stdout.flush()
        except (
            BrokenPipeError
        ):  # whoever reads has seen enough: the rest goes nowhere, now and at the interpreter's end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
