"""How long the Discord adapter waits, in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.shared.paced_draft import RETRY_DELAYS


@dataclass(frozen=True, slots=True)
class DiscordTimeouts:
    """Seconds. Tests pass shorter ones."""

    guilds: float = 0.1
    """Until the list of guilds counts as complete, once no further guild arrives."""

    identify: float = 5.0
    """Between two identifies. Discord allows 1,000 a day; above that it resets the token."""

    heartbeat: float = 60.0
    """Until a connection without a sign of life is dead."""

    typing: float = 9.0
    """Between two signs of typing, each of which Discord shows for 10 seconds."""

    typing_after: float = 0.3
    """Until the first one: an answer that begins sooner needs no typing, which would cost a call."""

    retries: tuple[float, ...] = RETRY_DELAYS
    """Between attempts to show a finished answer."""


DEFAULT = DiscordTimeouts()
