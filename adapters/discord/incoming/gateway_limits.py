"""The gateway's address, and Discord's limits of connections."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import yarl
from discord.gateway import DiscordWebSocket

from adapters.discord.payloads import Gateway
from bot.interfaces.errors import PlatformError

RESERVED_STARTS = 20
"""The identifies left for the operator when the bot stops connecting for the day."""


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """The gateway's address and the connections left. `fixed` is an address that replaces all others."""

    url: str
    fixed: str
    shards: int
    starts: int
    reset_seconds: float

    @classmethod
    def read(cls, response: Gateway, fixed: str) -> GatewayLimits:
        """Read the response of GET /gateway/bot."""
        limit = response["session_start_limit"]
        return cls(response["url"], fixed, response["shards"], limit["remaining"], limit["reset_after"] / 1000)

    def must_have_starts(self) -> None:
        """Raise PlatformError when one more connection would come near the limit."""
        if self.starts < self.shards + RESERVED_STARTS:
            minutes = self.reset_seconds / 60
            raise PlatformError(
                f"Discord allows only {self.starts} more connections. The number is reset in {minutes:.0f} minutes."
            )

    def address(self, requested: str) -> str:
        """Return the address to connect to instead of `requested`, where that is discord.py's default."""
        url = yarl.URL(requested)
        if not self.fixed and url.host != DiscordWebSocket.DEFAULT_GATEWAY.host:
            return requested
        return str(yarl.URL(self.fixed or self.url).with_query(url.query))


class IdentifySpacing:
    """The spacing of identifies over all connections of this process."""

    def __init__(self) -> None:
        self._last = float("-inf")

    async def keep(self, seconds: float) -> None:
        """Wait until `seconds` after the last identify."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._last + seconds - loop.time()))
        self._last = loop.time()
