"""Answers in a terminal, updated while they are written, or printed as plain text into a pipe."""

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

FRAME_SECONDS = 0.04
"""The least seconds between two frames.

After a slow frame more, so that rendering takes at most a third of the time.
"""
SPINNER_SECONDS = 0.1
SHOWN_WAIT_SECONDS = 3
_NUMBER = re.compile(r"[\d.,]+(?: ?\w+)?")
"""A number with its unit."""


class LiveDraft(Draft):
    """A reply on a terminal: finished blocks are printed for good, the unfinished one is rendered again below them.

    Choices are commands to type, except hidden ones.
    """

    def __init__(self, console: Console, ended: Callable[[], None], choices: TerminalChoices) -> None:
        self._console = console
        self._choices = choices
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._spinner = Spinner("dots", style="cyan")
        self._status: Status | None = None
        self._since = self._loop.time()
        self._text = ""
        self._unfinished = ""
        self._printed = False
        self._timer: asyncio.TimerHandle | None = None
        self._earliest = 0.0

    def write(self, chunk: Chunk) -> None:
        """Add a chunk; the next frame shows it."""
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
        self._text += text
        self._unfinished += clean(text)

    async def finish(self, answer: Answer) -> None:
        """Print the rest of the answer, its notes, its files, and the commands of its choices."""
        if not answer.text.startswith(self._text):
            self._text = self._unfinished = ""
        self._append(answer.text.removeprefix(self._text))
        self._stop_drawing()
        self._print(blocks(parse(self._unfinished)))
        self._print([part for note in answer.notes for part in blocks(parse(clean(note)), style="dim")])
        self._print([Line(clean(line), style="dim") for line in await save(answer.files)])
        self._print([Line(clean(line), style="cyan") for line in self._choices.lines(answer.choices)])
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
        """Print for good, below an empty line."""
        if parts:
            self._console.print(Stack(parts, below=self._printed))
            self._printed = True

    def _draw(self) -> None:
        """Show one frame; while there is a status, plan the next."""
        started = self._loop.time()
        done, self._unfinished = finished(self._unfinished)
        self._live.start()
        self._print(blocks(done))
        current = Stack(self._growing_blocks(), below=self._printed, last_lines=max(1, self._console.height - 2))
        self._live.update(current, refresh=True)
        now = self._loop.time()
        self._earliest = now + max(FRAME_SECONDS, 2 * (now - started))
        self._timer = self._loop.call_later(SPINNER_SECONDS, self._draw) if self._status else None

    def _growing_blocks(self) -> list[RenderableType]:
        """Return the unfinished block and the status."""
        parts = blocks(parse(self._unfinished))
        if self._status is not None:
            self._spinner.update(text=Line(self._status_line(self._status), style="dim"))
            parts.append(self._spinner)
        return parts

    def _status_line(self, status: Status) -> str:
        """Return the status, the position in the queue and, after some seconds, the time waited."""
        waited = int(self._loop.time() - self._since)
        queue = f" (number {status.position} in the queue)" if status.position else ""
        return clean(status.text) + queue + (f" {waited} s" if waited >= SHOWN_WAIT_SECONDS else "")


class PlainDraft(Draft):
    """A reply for a pipe: only the text on stdout, as it comes; everything else on stderr."""

    def __init__(self, ended: Callable[[], None], failed: Callable[[], None]) -> None:
        self._ended = ended
        self._failed = failed
        self._text = ""
        self._printed_status = ""

    def write(self, chunk: Chunk) -> None:
        """Print text at once; print each kind of status once, whatever numbers change in it."""
        match chunk:
            case Text(text):
                self._print(text)
            case Status(text) if text != "Thinking…" and (status_kind := _NUMBER.sub("", text)) != self._printed_status:
                self._printed_status = status_kind
                print(clean(text), file=sys.stderr, flush=True)
            case Done(reason="failed"):
                self._failed()
            case _:
                pass

    async def finish(self, answer: Answer) -> None:
        """Print the rest of the answer, end the line, and print the notes and files on stderr."""
        self._print(answer.text.removeprefix(self._text))
        if self._text and not self._text.endswith("\n"):
            self._print("\n")
        for line in (*answer.notes, *await save(answer.files)):
            print(clean(line), file=sys.stderr, flush=True)
        self._ended()

    async def abandon(self) -> None:
        self._ended()

    def _print(self, text: str) -> None:
        self._text += text
        try:
            sys.stdout.write(clean(text))
            sys.stdout.flush()
        except BrokenPipeError:  # the reader has left: without a file to write to, Python reports an error at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
