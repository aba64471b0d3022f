"""The connector of aiohttp that every library above it shares: it uses the proxies and certificates of Network."""

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
"""Connections that one Connector keeps open at the same time; aiohttp's own default."""
NOWHERE: Mapping[str, str] = MappingProxyType({})
"""The `settings` of a Connector if the operator wrote no address."""


class UnreachableError(aiohttp.ClientConnectionError):
    """The connection failed; the message names the reason and the next step."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble


class Connector(aiohttp.TCPConnector):
    """A connector that chooses the proxy of each request, and ignores the proxy settings of the library above it.

    `settings` maps the `endpoint` of each address that the operator wrote to the key that holds it. `told` is called
    with the trouble of every failed connection, because some libraries do not report it.
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
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 -- aiohttp's own name
    ) -> aiohttp.connector.Connection:
        """Connect for one request. Raises UnreachableError, and ConfigError for a variable that is not valid."""
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
            raise UnreachableError(trouble) from None  # aiohttp's own message contains the proxy's password
        except (aiohttp.ClientError, OSError) as error:
            if trouble := self._network.trouble(error, url, self._settings.get(endpoint(url), "")):
                raise UnreachableError(trouble) from error
            raise


class OneLine(logging.Filter):
    """A filter that removes the traceback of a failed connection: the error's message is enough."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace an UnreachableError's traceback by its message. Keep every record."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, UnreachableError):
            message = record.getMessage()
            record.msg, record.args = message if str(error) in message else f"{message} {error}", ()
            record.exc_info = record.exc_text = None
        return True


def written(table: str, **addresses: str) -> Mapping[str, str]:
    """Map the endpoint of each address in a table of config.toml to its key, in words. Skip empty addresses."""
    return {endpoint(url): f"{key} in the table [{table}]" for key, url in addresses.items() if url}


def why(error: Exception, whom: str) -> str:
    """Return the sentence for people about a request that got no answer; `whom` is the server's name."""
    if isinstance(error, UnreachableError):
        return str(error)
    return f"{whom} cannot be reached ({type(error).__name__})."


def trouble_in(error: BaseException) -> Trouble | None:
    """Return the connection trouble that caused an error, None if no connection failed."""
    for cause in causes(error):
        if isinstance(cause, UnreachableError):
            return cause.trouble
        if isinstance(cause, ConfigError):
            return Trouble(cause.message, "")
    return None


async def meant_secure(error: BaseException, url: str, network: Network, settings: Mapping[str, str]) -> Trouble | None:
    """Return the trouble of an http:// address whose server speaks HTTPS, None for any other error.

    Such a server hangs up on a plain request or sends bytes that are not HTTP. A second connection finds out.
    """
    if not isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientResponseError)):
        return None
    return await asyncio.to_thread(network.meant_secure, url, settings.get(endpoint(url), ""))
