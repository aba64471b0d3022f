"""The time for look-ups, because Slack expects an event's acknowledgement within 3 seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf


@dataclass(slots=True)
class _Deadline:
    """A deadline in loop time. The tasks of an event share it; without it they go on."""

    at: float = inf


_deadline: ContextVar[_Deadline] = ContextVar("deadline", default=_Deadline())  # noqa: B039 -- it is never changed


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Limit all look-ups inside to `seconds` together, until `lift_deadline`."""
    deadline = _Deadline(asyncio.get_running_loop().time() + seconds)
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        deadline.at = inf
        _deadline.reset(token)


def lift_deadline() -> None:
    """Remove the deadline: later look-ups are not part of reading the event, even in its own tasks."""
    _deadline.get().at = inf


def look_up_timeout(seconds: float) -> asyncio.Timeout:
    """Return a timeout for one look-up, which also ends at the current deadline."""
    return asyncio.timeout_at(min(_deadline.get().at, asyncio.get_running_loop().time() + seconds))
