"""People's pictures, decoded and changed in a child process, which has no secret and strict limits."""

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
"""Longest time that one file takes, in seconds of the clock and of the processor."""

LARGEST = 24 << 20
"""Most bytes of one result."""

AT_ONCE = 2
"""Number of files that are processed at a time; others wait for their turn."""

REFUSED = 3
"""Exit status of a child whose output is a sentence for people."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
"""A semaphore for each event loop, because asyncio binds a semaphore to the loop that first waits for it."""


async def boxed(data: bytes, boxes: Sequence[Box], size: tuple[int, int] | None = None) -> bytes:
    """Return a picture as PNG with labelled boxes drawn on it.

    The boxes' coordinates are pixels of a picture of `size` (width, height), by default the picture's own size.
    Raises UserError for any other file.
    """
    return await _transform(data, "boxed", boxes=[astuple(box) for box in boxes], size=size)


async def fitted(data: bytes, side: int, most: int) -> bytes:
    """Return a picture as JPEG of at most `most` bytes and `side` pixels on its longer side.

    Raises UserError for any other file.
    """
    return await _transform(data, "fitted", side=side, most=most)


async def _transform(data: bytes, task: str, **options: object) -> bytes:
    """Run a task of `pictures.TASKS` on a file in a child process. Raises UserError without a result."""
    message = json.dumps({"task": task, **options}).encode() + b"\n" + data
    turns = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
    async with turns:
        done = await child_process.run(
            "bot.utils.files", message, environment=child_process.environment(), seconds=SECONDS, most=LARGEST
        )
    if done.status == REFUSED:
        raise UserError(done.output.decode(errors="replace"))
    if done.status != 0 or not done.output:
        log.warning("Failed to process a picture (status %s): %s", done.status, done.errors or "no error output")
        raise UserError("I can't read the picture: it is damaged, or it takes too much time or memory.")
    return done.output
