"""Child processes: started without the bot's secrets, and ended for certain where they do one thing."""

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
"""Where the package `bot` was imported from; a child must import the same one."""

LINE = 1 << 16
"""Bytes of a line of a child's output, unless more are expected."""

COMPLAINTS = 2_000
"""Bytes that are kept of what a child writes to its standard error: the last ones."""

_KEPT = ("PATH", "HOME", "LANG", "TEMP", "TMP", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class FinishedProcess:
    """How a child ended. `status` is None where it was ended: `complaints` say why."""

    status: int | None
    output: bytes
    complaints: str


def environment() -> dict[str, str]:
    """What any child needs of the bot's environment, and no secret."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {"PYTHONUTF8": "1"}


async def start(module: str, *arguments: str, environment: Mapping[str, str], line: int = LINE) -> Process:
    """Run a module of ours in a process of its own, with pipes to it; its output has lines of so many bytes at most."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=environment,
        cwd=ROOT,
        limit=line,
        start_new_session=True,  # Ctrl-C in the terminal is meant for the bot
    )


async def run(
    module: str, given: bytes, *, environment: Mapping[str, str], seconds: float, most: int
) -> FinishedProcess:
    """Have a child make `most` bytes at most of what it is given. Whatever happens, it has ended then."""
    process = await start(module, environment=environment)
    assert process.stdin
    assert process.stdout
    assert process.stderr
    complaining = asyncio.create_task(_tail(process.stderr))
    output, ended = b"", ""
    try:
        async with asyncio.timeout(seconds):
            feeding = asyncio.create_task(_feed(process.stdin, given))
            try:
                output = await _read(process.stdout, most)
            finally:
                feeding.cancel()
                await asyncio.wait([feeding])
            if len(output) > most:
                ended = "it made too much"
            else:
                await process.wait()
    except TimeoutError:
        ended = "it took too long"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        complaints = await complaining
    return FinishedProcess(None, b"", ended) if ended else FinishedProcess(process.returncode, output, complaints)


async def _feed(stream: asyncio.StreamWriter, given: bytes) -> None:
    """Write everything; a child that has ended reads no more, which its status tells."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.write(given)
        await stream.drain()
    stream.close()


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    """Everything, but no more than one byte beyond `most`."""
    read = bytearray()
    while len(read) <= most and (chunk := await stream.read(min(LINE, most + 1 - len(read)))):
        read += chunk
    return bytes(read)


async def _tail(stream: asyncio.StreamReader) -> str:
    last = b""
    while chunk := await stream.read(LINE):
        last = (last + chunk)[-COMPLAINTS:]
    return last.decode(errors="replace").strip()
