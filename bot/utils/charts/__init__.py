"""Charts of usage, drawn in a child process: drawing takes a second, and a platform's heartbeat must not wait."""

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
"""Longest time for one chart. The first one is slow, because matplotlib searches the machine's fonts."""

LARGEST = 24 << 20
"""Most bytes of a chart's PNG."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Usage in two panels: by day as stacked bars of the models, and by person.

    `days` are ISO dates, such as 2026-12-31. `models` has one value for each day. `people` are in falling order.
    """

    title: str
    unit: str
    days: Sequence[str]
    models: Mapping[str, Sequence[float]]
    people: Sequence[tuple[str, float]]


async def draw_chart(chart: Chart, cache: Path) -> bytes:
    """Return the chart as a PNG. matplotlib keeps its list of fonts in the folder `cache`. Raises ShouldersError."""
    environment = await asyncio.to_thread(_environment, cache)
    data = json.dumps(asdict(chart)).encode()
    done = await child_process.run(
        "bot.utils.charts", data, environment=environment, seconds=DRAWING_SECONDS, most=LARGEST
    )
    if done.status != 0 or not done.output:
        log.error("Failed to draw a chart (status %s): %s", done.status, done.errors or "no error output")
        raise ShouldersError(
            "The chart could not be drawn: the reason is in the bot's log. `/usage csv` has the figures."
        )
    return done.output


def _environment(cache: Path) -> Mapping[str, str]:
    """Return the child's environment, without secrets. Blocks: `absolute` asks the system for the current folder."""
    return {**child_process.environment(), "MPLCONFIGDIR": str(cache.absolute()), "MPLBACKEND": "agg"}
