"""Bounds on refusals in the audit and in chat, so that a flood of refused questions does not cause another."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from time import monotonic

from bot.interfaces.messages import Request

log = logging.getLogger(__name__)

MINUTE = 60.0
REPORTED_A_MINUTE = 5
"""The most refusals a minute that a person's messages are answered with."""

MOST_COUNTED = 10_000
"""The most counters in memory."""


class Refusals:
    """Counts refusals within a minute, for each person, and for each person and reason."""

    def __init__(self) -> None:
        self._counts: dict[Hashable, tuple[float, int]] = {}

    def is_new(self, request: Request, why: str) -> bool:
        """Return whether a refusal is the first of its person and reason within a minute."""
        place = request.place
        return self._count((place.platform, place.workspace, request.person.id, why)) == 1

    def is_reported(self, request: Request) -> bool:
        """Return whether to show another refusal to a person.

        Only refusals of messages are bounded, as each would be another message. Commands and buttons need an answer.
        """
        if not request.message:
            return True
        count = self._count((request.place.platform, request.person.id))
        if count == REPORTED_A_MINUTE + 1:
            log.warning(
                "%s:%s is refused too often: for a minute I do not answer those messages",
                request.place.platform,
                request.person.id,
            )
        return count <= REPORTED_A_MINUTE

    def _count(self, key: Hashable) -> int:
        now = monotonic()
        started, count = self._counts.get(key, (now, 0))
        if now - started >= MINUTE:
            started, count = now, 0
        if not count:  # the dictionary is sorted by the start of the minute
            self._counts.pop(key, None)
        self._counts[key] = started, count + 1
        while len(self._counts) > MOST_COUNTED:
            del self._counts[next(iter(self._counts))]
        return count + 1
