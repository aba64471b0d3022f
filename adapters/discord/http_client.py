"""The connection to Discord's HTTP API, shared by all calls."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
import discord
from discord.http import HTTPClient
from discord.types.user import User

from bot.interfaces.connector import UnreachableError
from bot.interfaces.errors import ConfigError


class Http(HTTPClient):
    """discord.py's client of the API.

    The gateway's client uses the same one, so that all calls share its rate limits.
    """

    _address: Callable[[str], str]
    _on_refused: Callable[[UnreachableError | ConfigError], None]
    _user: User | None = None

    def route_gateway(
        self, address: Callable[[str], str], on_refused: Callable[[UnreachableError | ConfigError], None]
    ) -> None:
        """Connect to `address` of the gateway that discord.py names.

        `on_refused` is called with the error of a failed connection, and may raise another error instead.
        """
        self._address, self._on_refused = address, on_refused

    async def static_login(self, token: str) -> User:
        """Sign in with the first call; later calls return the same user."""
        if self._user is None:
            self._user = await super().static_login(token)
        return self._user

    async def ws_connect(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        """Open every connection to a gateway."""
        try:
            return await super().ws_connect(self._address(url), compress=compress)
        except (UnreachableError, ConfigError) as error:
            self._on_refused(error)
            raise

    async def close(self) -> None:
        """Stay open when the gateway's client ends, because answers are still written."""

    async def end(self) -> None:
        """Close the connection."""
        await super().close()


async def raise_on_server_error(response: aiohttp.ClientResponse) -> None:
    """Raise before discord.py repeats a call: Discord may have done it although it reports an error."""
    if response.status >= 500:
        response.close()
        raise discord.DiscordServerError(response, response.reason)
