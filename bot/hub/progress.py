"""The progress of a download as text: percent, rate, time left."""

from __future__ import annotations

from collections import deque

from bot.hub.protocol import DownloadProgress
from bot.utils.byte_sizes import format_bytes

WINDOW = 10.0
"""Period, in seconds, over which the rate is averaged."""


class DownloadSpeed:
    """The average rate of a download, computed from its latest progress events."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def take(self, progress: DownloadProgress, now: float) -> str:
        """Add an event that arrived at `now`, in seconds of any clock, and return the text to show."""
        self._samples.append((now, progress.done))
        while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW:
            self._samples.popleft()
        start, before = self._samples[0]
        parts = [f"{100 * progress.done // max(progress.total, 1)} % of {format_bytes(progress.total)}"]
        rate = (progress.done - before) / (now - start) if now > start else 0
        if rate > 0:
            parts += [f"{format_bytes(rate)}/s", f"{_duration((progress.total - progress.done) / rate)} left"]
        return ", ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
