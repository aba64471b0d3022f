"""The models' process, from the bot's side: starts it, talks to it, notices its end. One for all local models."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path

from bot.inference.protocol import (
    LONGEST_LINE,
    MOST_BYTES,
    Ask,
    Cancel,
    Event,
    Inventory,
    JobEnded,
    JobFailed,
    JobProgress,
    Ready,
    Shutdown,
    TextPiece,
    announced,
    decode,
    encode,
)
from bot.interfaces.jobs import Counted
from bot.utils import child_process

logger = logging.getLogger(__name__)

STALL_SECONDS = 900.0
"""A process that says nothing for so long while it has something to do is ended. Large weights load slowly."""

SHORT_LINE = 1 << 16
"""Bytes; a longer line is taken apart in a thread."""

_STOP_SECONDS = 5.0
_LONGEST_PAUSE = 30.0

_KEPT = frozenset(
    {
        *(
            "PATH",
            "HOME",
            "USER",
            "LANG",
            "TZ",
            "TMPDIR",
            "TEMP",
            "TMP",
            "SYSTEMROOT",
            "VIRTUAL_ENV",
            "LD_LIBRARY_PATH",
        ),
        *("XDG_CACHE_HOME", "CUDA_VISIBLE_DEVICES"),
    }
)
_KEPT_PREFIXES = ("HF_", "OMP_", "OPENBLAS_", "MKL_", "PYTORCH_", "LC_")
_QUIET = {"TQDM_DISABLE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONUTF8": "1"}


def environment_for_models(environment: Mapping[str, str]) -> dict[str, str]:
    """What the process may see of the bot's environment: what it needs to run, and no secret."""
    kept = {
        name: value
        for name, value in environment.items()
        if (name in _KEPT or name.startswith(_KEPT_PREFIXES)) and "TOKEN" not in name and "KEY" not in name
    }
    return {**kept, **_QUIET}


class ProcessDied(Exception):
    """The process ended before it had answered. `pause` is how many seconds it is left alone from now on."""

    def __init__(self, message: str, pause: float) -> None:
        super().__init__(message)
        self.message = message
        self.pause = pause


class ModelProcess:
    """Started by the first request and, after a crash, by the next one; each crash in a row makes the pause longer."""

    def __init__(
        self, cache: Path, environment: Mapping[str, str], *, memory: int = 0, module: str = "bot.inference"
    ) -> None:
        self._command = (module, str(cache.absolute()), str(memory))
        self._environment = environment_for_models(environment)
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Queue[Event | ProcessDied]] = {}
        self._crashes = 0
        self._not_before = 0.0
        self._last_event = 0.0
        self._closed = False
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The running process's id."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None

    async def ask(self, make: Callable[[int], Ask]) -> AsyncGenerator[Event]:
        """Send what `make` makes of a new number; yield the events about it up to the last. Raises ProcessDied.

        Closing the generator before the end cancels the request.
        """
        process = await self._running()
        number = next(self._numbers)
        queue = self._asked[number] = asyncio.Queue()
        self._last_event = max(self._last_event, asyncio.get_running_loop().time())
        try:
            self._write(process, make(number))
            while True:
                event = await self._next(queue)
                yield event
                if not isinstance(event, JobProgress | TextPiece):
                    return
        finally:
            if self._asked.pop(number, None):
                self._write(process, Cancel(number))

    async def _next(self, queue: asyncio.Queue[Event | ProcessDied]) -> Event:
        while True:
            quiet = asyncio.get_running_loop().time() - self._last_event
            try:
                event = await asyncio.wait_for(queue.get(), max(STALL_SECONDS - quiet, 1.0))
            except TimeoutError:
                if asyncio.get_running_loop().time() - self._last_event > STALL_SECONDS and self._process:
                    self._process.kill()
                continue
            if isinstance(event, ProcessDied):
                raise event
            return event

    async def _running(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._process:
                return self._process
            pause = self._not_before - asyncio.get_running_loop().time()
            if self._closed:
                raise ProcessDied("The program is stopping.", 0.0)
            if pause > 0:
                raise ProcessDied("The models' process keeps breaking down.", pause)
            process = await child_process.start(*self._command, environment=self._environment, line=LONGEST_LINE)
            self._process = process
            self.starts += 1
            self._watcher = asyncio.create_task(self._watch(process))
            return process

    def _write(self, process: asyncio.subprocess.Process, ask: Ask) -> None:
        if process is self._process and process.stdin and not process.stdin.is_closing():
            process.stdin.write(encode(ask))

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Deal out events until the process ends or cannot be understood; then tell everybody who still waits."""
        assert process.stderr
        complaints = asyncio.create_task(_tail(process.stderr))
        how = ""
        try:
            await self._deal_out(process)
        except Exception as error:  # noqa: BLE001 - whatever it is: what comes after it could not be told apart
            logger.warning("The models' process said what cannot be understood: %s: %s", type(error).__name__, error)
            how = "broke down"
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        status = await process.wait()
        said = await complaints
        self._process = None  # from here to the end nothing is awaited: who asks now asks a new process
        if self._closed:
            died = ProcessDied("The program is stopping.", 0.0)
        else:
            died = self._crashed(status, how)
            logger.warning("The models' process ended with status %d; its last words: %s", status, said or "none")
        for queue in self._asked.values():
            queue.put_nowait(died)
        self._asked.clear()

    async def _deal_out(self, process: asyncio.subprocess.Process) -> None:
        """Every event to who asked. Raises whatever a line leads to that is none."""
        assert process.stdout
        with contextlib.suppress(asyncio.IncompleteReadError):  # it ended in the middle of an event
            async for line in process.stdout:
                if (size := announced(line)) > MOST_BYTES:
                    raise ValueError(f"an event of {size} bytes")
                raw = await process.stdout.readexactly(size)
                event = decode(line, raw) if len(line) < SHORT_LINE else await asyncio.to_thread(decode, line, raw)
                if not isinstance(event, JobProgress | TextPiece | JobEnded | JobFailed):
                    raise TypeError(f"{type(event).__name__} is no event")
                self._deal(event)

    def _deal(self, event: Event) -> None:
        self._last_event = asyncio.get_running_loop().time()
        if isinstance(event, JobEnded) and not isinstance(
            event.answer, Ready | Inventory | Counted
        ):  # real work was done
            self._crashes = 0
        last = not isinstance(event, JobProgress | TextPiece)
        queue = self._asked.pop(event.id, None) if last else self._asked.get(event.id)
        if queue:
            queue.put_nowait(event)

    def _crashed(self, status: int, how: str) -> ProcessDied:
        self._crashes += 1
        pause = min(2.0 ** (self._crashes - 2), _LONGEST_PAUSE) if self._crashes > 1 else 0.0
        self._not_before = asyncio.get_running_loop().time() + pause
        how = how or ("was ended from outside, perhaps because memory ran out" if status < 0 else "broke down")
        return ProcessDied(f"The models' process {how}.", pause)

    async def aclose(self) -> None:
        """End the process. Safe to call twice."""
        self._closed = True
        async with self._starting:
            process, watcher = self._process, self._watcher
        if not process or not watcher:
            return
        self._write(process, Shutdown())
        if process.stdin:
            process.stdin.close()
        try:
            await asyncio.wait_for(asyncio.shield(watcher), _STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await watcher


async def _tail(stream: asyncio.StreamReader) -> str:
    """Read everything, so that the process never waits for us; the last line."""
    last = b""
    while chunk := await stream.read(4096):
        last = (last + chunk)[-2000:]
        logger.debug("models' process: %s", chunk.decode(errors="replace").rstrip())
    return last.decode(errors="replace").strip().rpartition("\n")[2]
