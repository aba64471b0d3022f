"""The connection to Discord's HTTP API that everything shares."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
import discord
from discord.http import HTTPClient
from discord.types.user import User

from bot.interfaces.connector import UnreachableError
from bot.interfaces.errors import ConfigError


class Http(HTTPClient):
    """discord.py's connection to the API. The gateway's client borrows it, so that all calls share their rate limits.

    `gateway` tells where to connect instead of where discord.py wants to; `refused` hears of a gateway that was not
    reached, and may raise in its place.
    """

    gateway: Callable[[str], str] = staticmethod(str)
    refused: Callable[[UnreachableError | ConfigError], None] = staticmethod(lambda _error: None)
    _user: User | None = None

    async def static_login(self, token: str) -> User:
        """Sign in once; whoever signs in later is the same bot."""
        if self._user is None:
            self._user = await super().static_login(token)
        return self._user

    async def ws_connect(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        """The one way to every gateway."""
        try:
            return await super().ws_connect(self.gateway(url), compress=compress)
        except (UnreachableError, ConfigError) as error:
            self.refused(error)
            raise

    async def close(self) -> None:
        """Stay open when the gateway's client ends: answers are still written."""

    async def end(self) -> None:
        """Close the connection."""
        await super().close()


async def not_again(response: aiohttp.ClientResponse) -> None:
    """Raise before discord.py repeats a call that Discord may have done although it says that it failed."""
    if response.status >= 500:
        response.close()
        raise discord.DiscordServerError(response, response.reason)
