"""The bot's side of the models' process: start it, exchange messages, restart it after a crash.

One process serves all local models.
"""

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
    Cancel,
    Event,
    InferenceRequest,
    Inventory,
    JobEnded,
    JobFailed,
    JobProgress,
    Ready,
    Shutdown,
    TextPiece,
    decode,
    encode,
    raw_size,
)
from bot.interfaces.jobs import Counted
from bot.utils import child_process

logger = logging.getLogger(__name__)

STALL_SECONDS = 900.0
"""Longest silence during a request, in seconds; after it the process is killed. Large weights load slowly."""

SHORT_LINE = 1 << 16
"""Bytes of a line that is parsed in the event loop; a longer one is parsed in a thread."""

_STOP_SECONDS = 5.0
"""Longest wait, in seconds, for the process to end by itself."""

_LONGEST_PAUSE = 30.0
"""Longest pause, in seconds, after repeated crashes."""

_KEPT = (
    *("PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV"),
    *("LD_LIBRARY_PATH", "XDG_CACHE_HOME", "CUDA_VISIBLE_DEVICES"),
)
_KEPT_PREFIXES = ("HF_", "OMP_", "OPENBLAS_", "MKL_", "PYTORCH_", "LC_")
"""Variables, and beginnings of their names, that the process needs."""

_QUIET = {"TQDM_DISABLE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONUTF8": "1"}


def environment_for_models(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the process needs; none is a secret."""
    kept = {
        name: value
        for name, value in environment.items()
        if (name in _KEPT or name.startswith(_KEPT_PREFIXES)) and "TOKEN" not in name and "KEY" not in name
    }
    return {**kept, **_QUIET}


class ProcessDied(Exception):
    """The process ended before it had answered. It cannot be started again for `pause` seconds."""

    def __init__(self, message: str, pause: float) -> None:
        super().__init__(message)
        self.message = message
        self.pause = pause


class ModelProcess:
    """The models' process. The first request starts it; after a crash the next one does.

    Crashes in a row without an answer between them lead to ever longer pauses.
    """

    def __init__(
        self, cache: Path, environment: Mapping[str, str], *, memory: int = 0, module: str = "bot.inference"
    ) -> None:
        self._command = (module, str(cache.absolute()), str(memory))
        self._environment = environment_for_models(environment)
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._queues: dict[int, asyncio.Queue[Event | ProcessDied]] = {}
        self._crashes = 0
        self._not_before = 0.0
        self._last_event = 0.0
        self._closed = False
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """Return the running process's id; None without one."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Return True while the process is running."""
        return self._process is not None

    async def ask(self, make: Callable[[int], InferenceRequest]) -> AsyncGenerator[Event]:
        """Send the request that `make` builds with a new number, and yield its events up to the last.

        Closing the generator before the end cancels the request. Raises ProcessDied.
        """
        process = await self._running()
        number = next(self._numbers)
        queue = self._queues[number] = asyncio.Queue()
        self._last_event = max(self._last_event, asyncio.get_running_loop().time())
        try:
            self._write(process, make(number))
            while True:
                event = await self._next(queue)
                yield event
                if not isinstance(event, JobProgress | TextPiece):
                    return
        finally:
            if self._queues.pop(number, None):
                self._write(process, Cancel(number))

    async def _next(self, queue: asyncio.Queue[Event | ProcessDied]) -> Event:
        """Return a request's next event, and kill a process that is silent for too long. Raises ProcessDied."""
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
                raise ProcessDied("The bot is stopping.", 0.0)
            if pause > 0:
                raise ProcessDied("The models' process keeps crashing.", pause)
            process = await child_process.start(*self._command, environment=self._environment, line=LONGEST_LINE)
            self._process = process
            self.starts += 1
            self._watcher = asyncio.create_task(self._watch(process))
            return process

    def _write(self, process: asyncio.subprocess.Process, request: InferenceRequest) -> None:
        if process is self._process and process.stdin and not process.stdin.is_closing():
            process.stdin.write(encode(request))

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Distribute events until the process ends or sends an invalid one; then fail every open request."""
        assert process.stderr
        reader = asyncio.create_task(_tail(process.stderr))
        cause = ""
        try:
            await self._distribute(process)
        except Exception as error:  # noqa: BLE001 - of any kind: after an invalid line the next one's start is unknown
            logger.warning("Invalid event from the models' process: %s: %s", type(error).__name__, error)
            cause = "crashed"
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        status = await process.wait()
        last_line = await reader
        self._process = None  # no await from here on: a request that starts now must start a new process
        if self._closed:
            died = ProcessDied("The bot is stopping.", 0.0)
        else:
            died = self._crashed(status, cause)
            logger.warning("The models' process ended with status %d; last error line: %s", status, last_line or "none")
        for queue in self._queues.values():
            queue.put_nowait(died)
        self._queues.clear()

    async def _distribute(self, process: asyncio.subprocess.Process) -> None:
        """Put every event into its request's queue until the output ends. Raises any kind of error for invalid data."""
        assert process.stdout
        with contextlib.suppress(asyncio.IncompleteReadError):  # the process ended in the middle of an event
            async for line in process.stdout:
                if (size := raw_size(line)) > MOST_BYTES:
                    raise ValueError(f"an event of {size} bytes")
                raw = await process.stdout.readexactly(size)
                event = decode(line, raw) if len(line) < SHORT_LINE else await asyncio.to_thread(decode, line, raw)
                if not isinstance(event, JobProgress | TextPiece | JobEnded | JobFailed):
                    raise TypeError(f"{type(event).__name__} is not an event")
                self._deliver(event)

    def _deliver(self, event: Event) -> None:
        self._last_event = asyncio.get_running_loop().time()
        # an answer of the network ends a series of crashes; a loaded model or a count does not prove that it works
        if isinstance(event, JobEnded) and not isinstance(event.answer, Ready | Inventory | Counted):
            self._crashes = 0
        last = not isinstance(event, JobProgress | TextPiece)
        queue = self._queues.pop(event.id, None) if last else self._queues.get(event.id)
        if queue:
            queue.put_nowait(event)

    def _crashed(self, status: int, cause: str) -> ProcessDied:
        """Count a crash and return the error for the open requests. The first crash in a row leads to no pause."""
        self._crashes += 1
        pause = min(2.0 ** (self._crashes - 2), _LONGEST_PAUSE) if self._crashes > 1 else 0.0
        self._not_before = asyncio.get_running_loop().time() + pause
        cause = cause or ("was killed from outside, perhaps because memory ran out" if status < 0 else "crashed")
        return ProcessDied(f"The models' process {cause}.", pause)

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
    """Read everything, so that the process never blocks, and return the last line."""
    tail = b""
    while chunk := await stream.read(4096):
        tail = (tail + chunk)[-2000:]
        logger.debug("models' process: %s", chunk.decode(errors="replace").rstrip())
    return tail.decode(errors="replace").strip().rpartition("\n")[2]
