"""A running adapter with the people around it: the part for every platform."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bot.interfaces.adapter import Adapter
from tests.fakes.intake import RecordingIntake
from tests.fuzz import Tracebacks


@dataclass
class BaseTown:
    """A town of one platform. `lines` are the adapter's reports of its connections."""

    intake: RecordingIntake
    adapter: Adapter
    lines: asyncio.Queue[str] = field(default_factory=asyncio.Queue, kw_only=True)
    running: asyncio.Task[None] | None = field(default=None, kw_only=True)

    @property
    def violations(self) -> list[str]:
        """Return the platform's rules that the bot broke."""
        raise NotImplementedError

    async def start(self) -> str:
        """Connect and return the adapter's report. Raises the errors of run()."""
        self.running = asyncio.create_task(self.adapter.run(self.intake, self.lines.put_nowait))
        return await self.connected()

    async def connected(self) -> str:
        line = asyncio.create_task(self.lines.get())
        assert self.running is not None
        await asyncio.wait([line, self.running], timeout=20, return_when=asyncio.FIRST_COMPLETED)
        if not line.done():
            line.cancel()
            self.running.result()
        return line.result()

    async def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()
            await asyncio.wait([self.running])
            self.running = None

    async def restart(self) -> None:
        """Restart as after kill -9: the bot knows only the stored request and the platform's messages."""
        await self.stop()
        await self.adapter.aclose()
        self.adapter = self.again()
        await self.start()

    def again(self) -> Adapter:
        """Return a new adapter with the same settings."""
        raise NotImplementedError


T = TypeVar("T", bound=BaseTown)


class Fuzzed(Generic[T]):
    """A town in its own loop, which runs only during a test's calls."""

    def __init__(
        self, runner: asyncio.Runner, town: AbstractAsyncContextManager[T], begin: Callable[[T], Awaitable[None]]
    ) -> None:
        self.runner = runner
        self._tracebacks = Tracebacks()
        self._town = town
        self.team = runner.run(self._begin(begin))

    async def _begin(self, begin: Callable[[T], Awaitable[None]]) -> T:
        team = await self._town.__aenter__()
        await begin(team)
        return team

    def check(self) -> None:
        """Assert that nothing pinged anybody, and that no unexpected error was raised."""
        assert [sin for sin in self.team.violations if "ping" in sin] == []
        assert self._tracebacks.found == []

    def close(self) -> None:
        self._tracebacks.close()
        self.runner.run(self.team.stop())
        self.team.violations.clear()  # of what was sent, not of the bot
        self.runner.run(self._end())

    async def _end(self) -> None:
        await self._town.__aexit__(None, None, None)
