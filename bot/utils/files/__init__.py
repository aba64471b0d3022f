"""What people's files hold, read and drawn on in a process of its own, which holds no secret and has strict limits."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import astuple
from weakref import WeakKeyDictionary

from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Box
from bot.utils import child_process

log = logging.getLogger(__name__)

SECONDS = 30.0
"""How long one file may take."""

LARGEST = 24 << 20
"""Bytes that may come of one file."""

AT_ONCE = 2
"""Files that are read at a time; others wait for their turn."""

REFUSED = 3
"""The status of a process whose output is a sentence for people."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def boxed(data: bytes, boxes: Sequence[Box], size: tuple[int, int] | None = None) -> bytes:
    """A picture as PNG with labelled boxes drawn on it, whose pixels are those of a picture of that size, or its own.

    Raises UserError for what is no picture.
    """
    return await _made(data, "boxed", boxes=[astuple(box) for box in boxes], size=size)


async def fitted(data: bytes, side: int, most: int) -> bytes:
    """A picture as JPEG, no longer on any side than `side` pixels, in `most` bytes. Raises UserError for none."""
    return await _made(data, "fitted", side=side, most=most)


async def _made(data: bytes, task: str, **options: object) -> bytes:
    """What the process makes of a file. Raises UserError where it makes nothing."""
    given = json.dumps({"task": task, **options}).encode() + b"\n" + data
    turns = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
    async with turns:
        environment = child_process.environment()
        done = await child_process.run("bot.utils.files", given, environment=environment, seconds=SECONDS, most=LARGEST)
    if done.status == REFUSED:
        raise UserError(done.output.decode(errors="replace"))
    if done.status != 0 or not done.output:
        log.warning("A file could not be read (status %s): %s", done.status, done.complaints or "no reason given")
        raise UserError("The file cannot be read: that takes too much time or memory, or it is damaged.")
    return done.output
