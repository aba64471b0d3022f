"""How long the Slack adapter waits, in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.shared.paced_draft import RETRY_DELAYS


@dataclass(frozen=True, slots=True)
class SlackTimeouts:
    """Seconds. Tests pass shorter ones."""

    look_up: float = 1.5
    """For one look-up while an act is read."""

    act: float = 2.0
    """For all look-ups of one act together: Slack wants it acknowledged within 3 seconds."""

    message: float = 1.0
    """Until a mention is taken without the message event of the same post, which says more."""

    rights: float = 60.0
    """The greatest age of people's rights, for a Slack that does not report changes."""

    ping: float = 5.0
    """Between two looks at whether the socket is open."""

    dead: float = 20.0
    """Until a socket that is away is given up."""

    stagger: float = 60.0
    """Between the first socket and the second, so that Slack does not refresh both at once."""

    catch_up: float = 10.0
    """For reading the messages of the time without the bot."""

    status: float = 1_800.0
    """Between two signs of being at work; Slack drops one after an hour."""

    limit: float = 30.0
    """Until the next call after a rate limit, where Slack does not say how long."""

    retries: tuple[float, ...] = RETRY_DELAYS
    """Between attempts to show a finished answer."""


DEFAULT = SlackTimeouts()
