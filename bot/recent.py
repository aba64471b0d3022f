"""What was asked lately, for buttons that ask for it again: in memory alone, so a restart forgets it."""

from __future__ import annotations

from collections import OrderedDict

from bot.errors import UserError
from bot.types import Request

MOST = 500
"""Requests that are remembered."""


class Recent:
    """The newest requests, by the number of their row."""

    def __init__(self) -> None:
        self._requests: OrderedDict[int, Request] = OrderedDict()

    def keep(self, number: int, request: Request) -> None:
        """Remember a request."""
        self._requests[number] = request
        while len(self._requests) > MOST:
            self._requests.popitem(last=False)

    def get(self, number: str) -> Request | None:
        """What a button's request was about; None when it is not remembered. Not everybody may ask for it again."""
        return self._requests.get(int(number)) if number.isdecimal() else None

    def require(self, number: str) -> Request:
        """The same, where there is nothing to be done without it. Raises UserError."""
        known = self.get(number)
        if known is None:
            raise UserError("I no longer know what that was about: ask again, please.")
        return known
