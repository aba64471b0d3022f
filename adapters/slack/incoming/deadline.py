"""How long look-ups are waited for: what people did must be acknowledged within 3 seconds, whatever it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf


@dataclass(slots=True)
class _Deadline:
    """In loop time; what an act sets going shares it, and goes on when it is lifted."""

    at: float = inf


_current: ContextVar[_Deadline] = ContextVar("deadline", default=_Deadline())  # noqa: B039 -- it is never changed


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give all look-ups inside so many seconds together, until `lift`."""
    deadline = _Deadline(asyncio.get_running_loop().time() + seconds)
    token = _current.set(deadline)
    try:
        yield
    finally:
        deadline.at = inf
        _current.reset(token)


def lift() -> None:
    """Take the deadline away: what is done from here on is no reading of the act, though it may begin in its tasks."""
    _current.get().at = inf


def patience(seconds: float) -> asyncio.Timeout:
    """Return a timeout for one look-up, which ends at the deadline that is in force, too."""
    return asyncio.timeout_at(min(_current.get().at, asyncio.get_running_loop().time() + seconds))
