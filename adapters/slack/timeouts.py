"""The Slack adapter's timeouts in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.shared.paced_draft import RETRY_DELAYS


@dataclass(frozen=True, slots=True)
class SlackTimeouts:
    """Timeouts in seconds; tests pass shorter ones."""

    look_up: float = 1.5
    """The time for one look-up while an event is read."""

    act: float = 2.0
    """The time for all look-ups of one event; Slack expects its acknowledgement within 3 seconds."""

    message: float = 1.0
    """The time that a mention waits for the message event of the same post, which has more fields."""

    rights: float = 60.0
    """The greatest age of people's rights, for a workspace whose changes Slack does not report."""

    ping: float = 5.0
    """The time between two checks of the socket."""

    dead: float = 20.0
    """The absence after which a socket is closed for good."""

    stagger: float = 60.0
    """The time between the first and the second socket, so that Slack does not refresh both at once."""

    catch_up: float = 10.0
    """The time for reading missed messages."""

    status: float = 1_800.0
    """The time between two status updates; Slack ends a status after an hour."""

    limit: float = 30.0
    """The pause after a rate limit without a Retry-After."""

    retries: tuple[float, ...] = RETRY_DELAYS
    """The times between attempts to show a finished answer."""


DEFAULT = SlackTimeouts()
