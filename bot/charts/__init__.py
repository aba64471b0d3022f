"""Pictures of what was used, drawn in a process of their own: drawing takes a second, and a heartbeat must not wait."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.errors import ShouldersError

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[2]
"""Where the package `bot` was imported from."""

DRAWING_SECONDS = 60.0
"""How long a picture may take; the first one looks through the machine's fonts."""

_KEPT = ("PATH", "HOME", "LANG", "TEMP", "TMP", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Chart:
    """Two panels: by day, each model's share on top of the others', and by person.

    `models` has one value for each of the `days`, which are written as 2026-12-31; `people` come with the most first.
    """

    title: str
    unit: str
    days: Sequence[str]
    models: Mapping[str, Sequence[float]]
    people: Sequence[tuple[str, float]]


async def draw(chart: Chart, cache: Path) -> bytes:
    """The chart as a PNG; what is known of the machine's fonts is kept in `cache`. Raises ShouldersError."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.charts"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=await asyncio.to_thread(_environment, cache),
        cwd=ROOT,
        start_new_session=True,  # Ctrl-C in the terminal is meant for the bot
    )
    try:
        async with asyncio.timeout(DRAWING_SECONDS):
            picture, complaints = await process.communicate(json.dumps(asdict(chart)).encode())
    except TimeoutError:
        picture, complaints = b"", b"it took too long"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not picture:
        log.error("A chart could not be drawn: %s", complaints.decode(errors="replace")[-2000:])
        raise ShouldersError("The chart could not be drawn; the bot's log says why. `/usage csv` has the figures.")
    return picture


def _environment(cache: Path) -> Mapping[str, str]:
    """What the process needs to run, and no secret."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "MPLCONFIGDIR": str(cache.absolute()), "MPLBACKEND": "agg", "PYTHONUTF8": "1"}
