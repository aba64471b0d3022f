"""The terminal: real keys into prompt_toolkit, and a screen in memory."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Mapping, Sequence

from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console as Screen

from adapters.console.adapter import Console
from adapters.console.markdown import THEME
from bot.interfaces.adapter import Adapter
from tests.fakes.terminal import Terminal
from tests.stages.base import Said, Shown, Stage
from tests.stages.ledger import PATIENCE


class ConsoleStage(Stage):
    """One person at one terminal, who asks one question after the other."""

    platform = "console"
    cannot = {  # noqa: RUF012 -- a constant
        "people": "A terminal has one person, so there are no different people, no refusals and no private answers.",
        "files": "A line in a terminal cannot have attachments.",
        "typing ahead": "A terminal asks one question after the other: text that you type during an answer waits.",
        "bare mentions": "An empty line in a terminal is not a request.",
    }

    async def open_platform(self) -> None:
        self.keys = self.resources.enter_context(create_pipe_input())
        self.terminal = Terminal(height=50)
        self.began: dict[str, int] = {}

    @property
    def violations(self) -> list[str]:
        return []

    def tables(self) -> str:
        return ""

    def secrets(self) -> Mapping[str, str]:
        return {}

    def wrap(self, adapter: Adapter) -> Adapter:
        screen = Screen(file=self.terminal, force_terminal=True, width=300, height=50, theme=THEME, highlight=False)
        return Console("", keys=self.keys, output=DummyOutput(), screen=screen)

    async def mention(
        self, text: str, who: str = "ann", *, files: Sequence[str] = (), said: Said | None = None
    ) -> Said:
        return await self._type(text)

    async def direct(self, text: str, who: str = "ann") -> Said:
        return await self._type(text)

    async def follow(self, said: Said, text: str, who: str = "ann") -> Said:
        return await self._type(text)

    async def command(
        self, name: str, arguments: Mapping[str, str] | None = None, who: str = "ann", said: Said | None = None
    ) -> Said:
        if said:
            await self.ledger.end(said.act)
        return await self._type(f"/{name} {self.written(name, arguments or {})}".strip())

    async def hand_in(
        self, name: str, file: tuple[str, bytes], arguments: Mapping[str, str] | None = None, who: str = "ann"
    ) -> Said:
        """Use the command with the file's path."""
        path = self.folder / file[0]
        await asyncio.to_thread(path.write_bytes, file[1])
        return await self.command(name, {**(arguments or {}), "file": str(path)}, who)

    async def press(self, said: Said, label: str, who: str = "ann") -> Said:
        if label == "Stop":
            act = await self.ledger.accepted(lambda: os.kill(os.getpid(), signal.SIGINT))
            return Said(act, who, "")
        offered = re.findall(r"^/[a-z-]+(?: [a-z-]+)?(?: --\S+)*$", self._since(said), re.MULTILINE)
        return await self._type(next(iter(offered), f"/{label.lower()}"))

    async def sees(self, said: Said, words: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while words not in self._since(said):
                self.terminal.wrote.clear()
                await self.terminal.wrote.wait()

    async def show(self, said: Said, messages: Sequence[str]) -> Shown:
        text = self._since(said)
        buttons = [label for label in ("Stop", "Retry") if f"/{label.lower()}" in text.split("\n")]
        return Shown([text], buttons)

    def _since(self, said: Said) -> str:
        """Return the screen since the typed line, as rich draws it."""
        return "\n".join(self.terminal.lines[self.began[said.act] :]).strip()

    async def _type(self, line: str) -> Said:
        began = len(self.terminal.lines) - 1
        act = await self.ledger.accepted(lambda: self.keys.send_text(f"{line}\r"))
        self.began[act] = began
        return Said(act, "ann", "")
