"""The Discord adapter's timeouts in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.shared.paced_draft import RETRY_DELAYS


@dataclass(frozen=True, slots=True)
class DiscordTimeouts:
    """Timeouts in seconds; tests pass shorter ones."""

    guilds: float = 0.1
    """The silence after which the list of guilds counts as complete."""

    identify: float = 5.0
    """The time between two identifies. Discord allows 1,000 a day and resets the token above that."""

    heartbeat: float = 60.0
    """The silence after which a connection counts as dead."""

    typing: float = 9.0
    """The time between two typing indicators; Discord shows one for 10 seconds."""

    typing_after: float = 0.3
    """The time before the first typing indicator, which an early answer does not need."""

    retries: tuple[float, ...] = RETRY_DELAYS
    """The times between attempts to show a finished answer."""


DEFAULT = DiscordTimeouts()
