"""Pictures of what was used, drawn in a process of their own: drawing takes a second, and a heartbeat must not wait."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.interfaces.errors import ShouldersError
from bot.utils import child_process

log = logging.getLogger(__name__)

DRAWING_SECONDS = 60.0
"""How long a picture may take; the first one looks through the machine's fonts."""

LARGEST = 24 << 20
"""Bytes of a picture."""


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


async def draw_chart(chart: Chart, cache: Path) -> bytes:
    """The chart as a PNG; what is known of the machine's fonts is kept in `cache`. Raises ShouldersError."""
    environment = await asyncio.to_thread(_environment, cache)
    given = json.dumps(asdict(chart)).encode()
    done = await child_process.run(
        "bot.utils.charts", given, environment=environment, seconds=DRAWING_SECONDS, most=LARGEST
    )
    if done.status != 0 or not done.output:
        log.error("A chart could not be drawn: %s", done.complaints)
        raise ShouldersError("The chart could not be drawn; the bot's log says why. `/usage csv` has the figures.")
    return done.output


def _environment(cache: Path) -> Mapping[str, str]:
    """What the process needs to run, and no secret."""
    return {**child_process.environment(), "MPLCONFIGDIR": str(cache.absolute()), "MPLBACKEND": "agg"}
