"""Where to connect, how often, and how to stay within what Discord allows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import yarl
from discord.gateway import DiscordWebSocket

from adapters.discord.payloads import Gateway
from bot.interfaces.errors import PlatformError

STARTS_KEPT = 20
"""Identifies left for the operator when the bot gives up for the day."""


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """Where to connect and how often that is still allowed. `fixed` is an address that overrides all others."""

    url: str
    fixed: str
    shards: int
    starts: int
    reset_seconds: float

    @classmethod
    def read(cls, said: Gateway, fixed: str) -> GatewayLimits:
        """From what GET /gateway/bot says."""
        limit = said["session_start_limit"]
        return cls(said["url"], fixed, said["shards"], limit["remaining"], limit["reset_after"] / 1000)

    def must_have_starts(self) -> None:
        """Raise PlatformError when connecting once more would come near the limit."""
        if self.starts < self.shards + STARTS_KEPT:
            minutes = self.reset_seconds / 60
            raise PlatformError(f"Discord allows {self.starts} more connections; the next in {minutes:.0f} minutes.")

    def address(self, wanted: str) -> str:
        """Where to go instead of `wanted`: discord.py's default is not what GET /gateway/bot said."""
        url = yarl.URL(wanted)
        if not self.fixed and url.host != DiscordWebSocket.DEFAULT_GATEWAY.host:
            return wanted
        return str(yarl.URL(self.fixed or self.url).with_query(url.query))


class IdentifySpacing:
    """Keeps the distance of identifies that Discord asks for, over every connection of this process."""

    def __init__(self) -> None:
        self._last = float("-inf")

    async def keep(self, seconds: float) -> None:
        """Wait until the next identify may be sent, so many seconds after the last."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._last + seconds - loop.time()))
        self._last = loop.time()
