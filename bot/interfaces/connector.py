"""The one way in which aiohttp connects, whichever library uses it: by the network's proxies and certificates."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from bot.interfaces.errors import ConfigError
from bot.interfaces.network import Network, Trouble, causes, endpoint

SECURE = ("https", "wss")
MOST_CONNECTIONS = 100
NOWHERE: Mapping[str, str] = MappingProxyType({})


class UnreachableError(aiohttp.ClientConnectionError):
    """No connection was made; the message says why and what to do."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble


class Connector(aiohttp.TCPConnector):
    """Decides for every request by itself, whatever the library above it was told or read in the environment.

    `settings` says where the operator wrote an address, by its `endpoint`; what nobody wrote is not in it. `told` hears
    of every connection that is not made, for libraries that keep it to themselves.
    """

    def __init__(
        self,
        network: Network,
        settings: Mapping[str, str] = NOWHERE,
        limit: int = MOST_CONNECTIONS,
        told: Callable[[Trouble], None] = lambda _: None,
    ) -> None:
        super().__init__(ssl=network.tls, limit=limit)
        self._network = network
        self._settings = settings
        self._told = told

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 -- aiohttp calls it so
    ) -> aiohttp.connector.Connection:
        """Make a connection for one request. Raises UnreachableError, and ConfigError for variables that are wrong."""
        try:
            return await self._connect(req, traces, timeout)
        except (UnreachableError, ConfigError) as error:
            if trouble := trouble_in(error):
                self._told(trouble)
            raise

    async def _connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 -- as above
    ) -> aiohttp.connector.Connection:
        url = str(req.url)
        proxy = self._network.proxy(url)
        if req.url.scheme in SECURE or urlsplit(proxy).scheme in SECURE:
            self._network.must_trust()
        req.update_proxy(URL(proxy) if proxy else None, None, None)
        try:
            return await super().connect(req, traces, timeout)
        except aiohttp.ClientHttpProxyError as error:
            trouble = self._network.refused_by_proxy(error.status, url)
            assert trouble
            raise UnreachableError(trouble) from None  # aiohttp's own words hold the proxy's password
        except (aiohttp.ClientError, OSError) as error:
            if trouble := self._network.trouble(error, url, self._settings.get(endpoint(url), "")):
                raise UnreachableError(trouble) from error
            raise


class OneLine(logging.Filter):
    """Take the traceback from a record of a connection that was not made, as its sentence says it all."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, UnreachableError):
            said = record.getMessage()
            record.msg, record.args = said if str(error) in said else f"{said} {error}", ()
            record.exc_info = record.exc_text = None
        return True


def written(table: str, **addresses: str) -> Mapping[str, str]:
    """Map addresses that the operator wrote, by their endpoints, to their keys in a table; empty ones are left out."""
    return {endpoint(url): f"{key} in the table [{table}]" for key, url in addresses.items() if url}


def why(error: Exception, whom: str) -> str:
    """Put a request that failed without an answer into words."""
    if isinstance(error, UnreachableError):
        return str(error)
    return f"{whom} cannot be reached ({type(error).__name__})."


def trouble_in(error: BaseException) -> Trouble | None:
    """Find the reason why no connection was made, where that led to an error."""
    for cause in causes(error):
        if isinstance(cause, UnreachableError):
            return cause.trouble
        if isinstance(cause, ConfigError):
            return Trouble(cause.message, "")
    return None


async def meant_secure(error: BaseException, url: str, network: Network, settings: Mapping[str, str]) -> Trouble | None:
    """Find out whether http:// was written where HTTPS is spoken: such a server hangs up, or answers in no HTTP."""
    if not isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientResponseError)):
        return None
    return await asyncio.to_thread(network.meant_secure, url, settings.get(endpoint(url), ""))
