"""How often refusals are written down and told: a flood of refused questions makes no flood of its own."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from time import monotonic

from bot.interfaces.messages import Request

log = logging.getLogger(__name__)

MINUTE = 60.0
TOLD_A_MINUTE = 5
MOST_COUNTED = 10_000


class Refusals:
    """Counts within a minute, for each person and reason, and for each person."""

    def __init__(self) -> None:
        self._counts: dict[Hashable, tuple[float, int]] = {}

    def is_new(self, request: Request, why: str) -> bool:
        """Whether a person is refused something for a reason for the first time within a minute."""
        place = request.place
        return self._count((place.platform, place.workspace, request.person.id, why)) == 1

    def is_reported(self, request: Request) -> bool:
        """Whether to tell a person of one more refusal.

        What was asked with a message is answered by one, so those are bounded; commands and buttons wait for an answer.
        """
        if not request.message:
            return True
        count = self._count((request.place.platform, request.person.id))
        if count == TOLD_A_MINUTE + 1:
            log.warning("%s:%s is refused again and again and not told so", request.place.platform, request.person.id)
        return count <= TOLD_A_MINUTE

    def _count(self, key: Hashable) -> int:
        now = monotonic()
        begun, count = self._counts.get(key, (now, 0))
        if now - begun >= MINUTE:
            begun, count = now, 0
        if not count:  # what began first stands first
            self._counts.pop(key, None)
        self._counts[key] = begun, count + 1
        while len(self._counts) > MOST_COUNTED:
            del self._counts[next(iter(self._counts))]
        return count + 1
