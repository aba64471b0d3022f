"""The buttons under answers."""

from __future__ import annotations

from bot.interfaces.replies import Choice
from bot.interfaces.store import Accepted


def stop_choice(request: int) -> Choice:
    """The button that stops a running answer."""
    return Choice("Stop", "stop", {"request": str(request)})


def retry_choice(accepted: Accepted) -> Choice:
    """The button that asks the same question again: the request's own or, under a retry, the one it asked again."""
    return Choice("Retry", "retry", {"request": accepted.request.arguments.get("request", str(accepted.id))})


def opinion_choices(request: int) -> tuple[Choice, ...]:
    """The buttons that say whether an answer was good."""
    return tuple(
        Choice(label, "feedback", {"request": str(request), "good": good})
        for label, good in (("👍", "yes"), ("👎", "no"))
    )
