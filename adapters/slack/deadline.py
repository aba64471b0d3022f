"""How long look-ups are waited for: what people did must be acknowledged within 3 seconds, whatever it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf

PATIENCE = 1.5
"""Seconds for one look-up."""

ACT_SECONDS = 2.0
"""Seconds for all look-ups of one act together."""

_until: ContextVar[float] = ContextVar("until", default=inf)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give all look-ups inside so many seconds together."""
    token = _until.set(min(_until.get(), asyncio.get_running_loop().time() + seconds))
    try:
        yield
    finally:
        _until.reset(token)


def patience(seconds: float | None = None) -> asyncio.Timeout:
    """A timeout for one look-up, or for `seconds`, which ends at the deadline that is in force, too."""
    wait = PATIENCE if seconds is None else seconds
    return asyncio.timeout_at(min(_until.get(), asyncio.get_running_loop().time() + wait))
