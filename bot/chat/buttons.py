"""The buttons under answers."""

from __future__ import annotations

from bot.interfaces.replies import Choice
from bot.interfaces.store import Accepted


def stop_choice(request: int) -> Choice:
    """Return the button that stops a running answer."""
    return Choice("Stop", "stop", {"request": str(request)})


def retry_choice(accepted: Accepted) -> Choice:
    """Return the button that repeats the question; under a retry, the question of the first request."""
    return Choice("Retry", "retry", {"request": accepted.request.arguments.get("request", str(accepted.id))})


def rating_choices(request: int) -> tuple[Choice, ...]:
    """Return the buttons that rate an answer."""
    return tuple(
        Choice(label, "feedback", {"request": str(request), "good": good})
        for label, good in (("👍", "yes"), ("👎", "no"))
    )
