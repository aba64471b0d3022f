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
    """discord.py's connection to the API; the gateway's client borrows it, so that all calls share rate limits."""

    _address: Callable[[str], str]
    _refused: Callable[[UnreachableError | ConfigError], None]
    _user: User | None = None

    def route_gateway(
        self, address: Callable[[str], str], refused: Callable[[UnreachableError | ConfigError], None]
    ) -> None:
        """Connect from now on to `address` of the gateway that discord.py names.

        `refused` learns of a gateway that was not reached, and may raise another error in its place.
        """
        self._address, self._refused = address, refused

    async def static_login(self, token: str) -> User:
        """Sign in once; whoever signs in later is the same bot."""
        if self._user is None:
            self._user = await super().static_login(token)
        return self._user

    async def ws_connect(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        """The one way to every gateway."""
        try:
            return await super().ws_connect(self._address(url), compress=compress)
        except (UnreachableError, ConfigError) as error:
            self._refused(error)
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
