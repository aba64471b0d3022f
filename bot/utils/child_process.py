"""Child processes: started without the bot's secrets, and always ended when their one task is over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The folder that the package `bot` was imported from; a child must import the same package."""

LINE = 1 << 16
"""Default limit of one line of a child's output, in bytes."""

STDERR_BYTES = 2_000
"""Number of bytes kept from the end of a child's standard error."""

# HOME and the temporary folders are for libraries' caches; Windows needs SYSTEMROOT to start Python
_KEPT = ("PATH", "HOME", "LANG", "TEMP", "TMP", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class FinishedProcess:
    """The result of a child. `status` is None for a child that was killed; `errors` then holds the reason.

    Otherwise `errors` is the end of its standard error.
    """

    status: int | None
    output: bytes
    errors: str


def environment() -> dict[str, str]:
    """Return the variables of the bot's environment that every child needs; none is a secret."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {"PYTHONUTF8": "1"}


async def start(
    module: str, *arguments: str, environment: Mapping[str, str], line: int = LINE, stderr: int = PIPE
) -> Process:
    """Start a module of this project in a process of its own, with pipes to it.

    A reader of its output gets lines of at most `line` bytes. With `stderr` PIPE the caller must read that pipe: a
    child that fills it waits for ever.
    """
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=PIPE,
        stdout=PIPE,
        stderr=stderr,
        env=environment,
        cwd=ROOT,
        limit=line,
        start_new_session=True,  # Ctrl-C in the terminal is meant for the bot
    )


async def run(
    module: str, data: bytes, *, environment: Mapping[str, str], seconds: float, most: int
) -> FinishedProcess:
    """Send `data` to a new child and return its output, of at most `most` bytes.

    The child has ended when this function returns, raises or is cancelled.
    """
    process = await start(module, environment=environment)
    assert process.stdin
    assert process.stdout
    assert process.stderr
    reader = asyncio.create_task(_tail(process.stderr))
    output, fault = b"", ""
    try:
        async with asyncio.timeout(seconds):
            # writing and reading overlap: a child that answers before it has read everything would block otherwise
            writer = asyncio.create_task(_write(process.stdin, data))
            try:
                output = await _read(process.stdout, most)
            finally:
                writer.cancel()
                await asyncio.wait([writer])
            if len(output) > most:
                fault = f"its output has more than {most} bytes"
            else:
                await process.wait()
    except TimeoutError:
        fault = f"it ran longer than {seconds:.0f} seconds"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        errors = await reader
    return FinishedProcess(None, b"", fault) if fault else FinishedProcess(process.returncode, output, errors)


async def _write(stream: asyncio.StreamWriter, data: bytes) -> None:
    """Write everything and close. A broken pipe is not an error here: the child's status reports its end."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.write(data)
        await stream.drain()
    stream.close()


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    """Return everything up to the end, or `most` + 1 bytes, which show the caller that there were too many."""
    output = bytearray()
    while len(output) <= most and (chunk := await stream.read(min(LINE, most + 1 - len(output)))):
        output += chunk
    return bytes(output)


async def _tail(stream: asyncio.StreamReader) -> str:
    tail = b""
    while chunk := await stream.read(LINE):
        tail = (tail + chunk)[-STDERR_BYTES:]
    return tail.decode(errors="replace").strip()
