"""kill -9 before, during and after every commit and every request: always exactly one whole answer.

The points are recorded from an undisturbed run and replayed one by one. The bot is a process of its own; the platform's
and the model's servers live on, here.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from bot.config import platforms
from tests.fakes.openai import Answer, Body
from tests.scenarios.crash_bot import Commits, run_bot
from tests.stages import stages
from tests.stages.base import Said, TeamStage
from tests.stages.ledger import PATIENCE

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.scenarios.crash_bot"])

LASTING = sorted(name for name, platform in platforms().items() if platform.lasting)

WHOLE = "Half of it" + "".join(f"\nand line number {number} of the answer" for number in range(70))
"""Longer than one message on Discord."""

AT_ONCE = 3
"""The number of parallel plays: a play mostly waits."""


@dataclass(frozen=True, slots=True)
class Point:
    """The point at which the process dies: the `number`-th commit, or request to the `platform` or the `model`."""

    what: str
    number: int
    when: str


class Bot:
    """One life of the process."""

    def __init__(self, config: Path, secrets: Mapping[str, str], commits: Commits) -> None:
        self.news, child = PROCESSES.Pipe(duplex=False)
        self.process = PROCESSES.Process(target=run_bot, args=(str(config), dict(secrets), commits, child))
        self.child = child
        self.changed = asyncio.Condition()
        self.gone = asyncio.Event()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.process.start)
        self.child.close()
        self.listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        await self.listening
        await asyncio.to_thread(self.process.join)
        self.news.close()

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        assert self.process.pid
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, how)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is true after a commit, or the process is dead."""
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(lambda: self.gone.is_set() or true())

    async def _listen(self) -> None:
        """Read the report of each commit; the pipe ends with the process."""
        with suppress(EOFError):
            while True:
                await asyncio.to_thread(self.news.recv)
                async with self.changed:
                    self.changed.notify_all()
        self.gone.set()
        async with self.changed:
            self.changed.notify_all()


class Crash:
    """A platform and a model that outlive the bot, which dies at `point`."""

    def __init__(self, stage: TeamStage, point: Point | None) -> None:
        self.stage = stage
        self.point = point
        self.requests = {"platform": 0, "model": 0}
        self.commits = PROCESSES.Value("i", 0, lock=False)  # a lock would be cleaned up in the middle of another test
        self.armed = PROCESSES.Value("b", False, lock=False)
        self.half_seen = asyncio.Event()
        self.bot: Bot
        stage.model.answer = self._answer
        stage.model.on_request = lambda when: self._model(when)

    def life(self, point: Point | None = None) -> Bot:
        """Run the bot from a start to its end."""
        fatal = point.number if point and point.what == "commit" else 0
        commits = Commits(self.armed, self.commits, fatal, before=bool(point and point.when == "before"))
        self.bot = Bot(self.stage.folder / "config.toml", self.stage.secrets(), commits)
        return self.bot

    async def play(self) -> None:
        """Ask three questions; at the second one the bot may die, and starts again."""
        async with self.life(self.point) as bot:
            await self.stage.connected()
            await self.stage.mention("First")
            await bot.until(lambda: self.ended(1))
            self.stage.watch(self._platform)
            self.armed.value = True
            said = await self.stage.mention("Second")
            seeing = asyncio.create_task(self._see_half(said))
            await bot.until(lambda: self.ended(2))
        self.armed.value = False
        self.stage.time_passes(10)
        async with self.life() as bot:
            await self.stage.connected()
            await self.stage.mention("Third")
            await bot.until(lambda: self.ended(3))
            assert not bot.gone.is_set()
        seeing.cancel()
        await self._tally(said)

    async def _tally(self, said: Said) -> None:
        """Check that each question has one answer, and the second one is whole."""
        parts = [row[0] for row in self._rows("SELECT message FROM drafts ORDER BY request, part")]
        states = [row[0] for row in self._rows("SELECT state FROM requests ORDER BY id")]
        assert states == ["done"] * 3
        assert sorted(parts) == sorted(self.stage.from_bot())
        query = "SELECT drafts.message FROM drafts JOIN requests ON id = request WHERE act = ? ORDER BY part"
        second = [row[0] for row in self._rows(query, said.act)]
        shown = await self.stage.show(said, second)
        assert shown.text.split() == WHOLE.split()
        assert not shown.buttons
        assert self.stage.violations == []

    def ended(self, count: int) -> bool:
        """Return whether the database on disk has this number of accepted and ended requests."""
        return self._rows("SELECT count(*) || '/' || count(ended) FROM requests") == [(f"{count}/{count}",)]

    def _rows(self, query: str, *values: str) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(f"file:{self.stage.folder / 'shoulders.db'}?mode=ro", uri=True)) as database:
            return database.execute(query, values).fetchall()

    async def _see_half(self, said: Said) -> None:
        await self.stage.sees(said, "Half of it")
        self.half_seen.set()

    def _answer(self, body: Body) -> Answer:
        if "Second" in str(body["messages"]) and "Third" not in str(body["messages"]):
            return Answer(("Half of it", self.half_seen, WHOLE.removeprefix("Half of it")))
        return Answer(("Certainly.",))

    async def _platform(self, when: str, *_what: str) -> None:
        if self._fatal("platform", when):
            self.bot.kill()
            await self.bot.gone.wait()
            raise ConnectionResetError("nobody reads this any more")

    def _model(self, when: str) -> None:
        if self._fatal("model", when):
            self.bot.kill()

    def _fatal(self, what: str, when: str) -> bool:
        if not self.armed.value:
            return False
        self.requests[what] += when == "received"
        return self.point == Point(what, self.requests[what], when)


def team_stage(platform: str, folder: Path) -> TeamStage:
    stage = stages()[platform](folder)
    assert isinstance(stage, TeamStage)
    return stage


async def play(platform: str, folder: Path, point: Point | None) -> Crash:
    """Run one play on servers of its own."""
    await asyncio.to_thread(folder.mkdir)
    stage = team_stage(platform, folder)
    async with stage.servers():
        crash = Crash(stage, point)
        await crash.play()
    return crash


KINDS = [("commit", "before"), ("commit", "after"), ("model", "received"), ("model", "answered")]
KINDS += [("platform", when) for when in ("received", "applied", "answered")]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("what", "when"), KINDS)
@pytest.mark.parametrize("platform", LASTING)
async def test_killed_at_any_point_it_answers_once(platform: str, what: str, when: str, tmp_path: Path) -> None:
    undisturbed = await play(platform, tmp_path / "undisturbed", None)
    counts = {**undisturbed.requests, "commit": undisturbed.commits.value}
    assert counts[what] >= 1
    gate = asyncio.Semaphore(AT_ONCE)

    async def killed(number: int) -> None:
        async with gate:
            point = Point(what, number, when)
            try:
                await play(platform, tmp_path / f"{number}", point)
            except Exception as error:
                error.add_note(f"killed at {point}")
                raise

    await asyncio.gather(*(killed(number) for number in range(1, counts[what] + 1)))


@pytest.mark.parametrize("patient", [True, False])
@pytest.mark.parametrize("platform", LASTING)
async def test_sigterm_leaves_no_request_unanswered(platform: str, patient: bool, tmp_path: Path) -> None:
    """Send SIGTERM during an answer; the model continues before the program ends, or after it."""
    stage = team_stage(platform, tmp_path)
    stage.stop_seconds = 10.0 if patient else 0.1
    async with stage.servers():
        crash = Crash(stage, None)
        async with crash.life() as bot:
            await stage.connected()
            said = await stage.mention("Second")
            await stage.sees(said, "Half of it")
            bot.kill(signal.SIGTERM)
            if patient:
                crash.half_seen.set()
            async with asyncio.timeout(PATIENCE):
                await bot.gone.wait()
            await asyncio.to_thread(bot.process.join)
            assert bot.process.exitcode == 0
            assert crash.ended(1) == patient
        crash.half_seen.set()
        stage.time_passes(10)
        async with crash.life() as bot:
            await stage.connected()
            await bot.until(lambda: crash.ended(1))
        assert (await stage.show(said, stage.from_bot())).text.split() == WHOLE.split()
        assert stage.violations == []
