"""How a download is going, in words: percent, rate, time left."""

from __future__ import annotations

from collections import deque

from bot.hub.protocol import DownloadProgress
from bot.utils.byte_sizes import format_bytes

WINDOW = 10.0
"""Seconds that the rate is taken over."""


class DownloadSpeed:
    """Takes each progress with its moment, in seconds of any clock."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def take(self, progress: DownloadProgress, now: float) -> str:
        """A few words."""
        self._seen.append((now, progress.done))
        while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW:
            self._seen.popleft()
        began, before = self._seen[0]
        words = [f"{100 * progress.done // max(progress.total, 1)} % of {format_bytes(progress.total)}"]
        rate = (progress.done - before) / (now - began) if now > began else 0
        if rate > 0:
            words += [f"{format_bytes(rate)}/s", f"{_duration((progress.total - progress.done) / rate)} left"]
        return ", ".join(words)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
