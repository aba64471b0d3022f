"""An HTTP transport over aiohttp for streams of many small pieces, which are read several at a time.

To wake up for every piece is most of the cost of a streamed token: 30 to 110 µs, and a quarter of that if several
pieces are read at once. So with many streams, each leaves its bytes in the socket for a moment after each read. The
pause grows with their number: 20 ms for 40 streams, 0.1 s for 200, and all wake up together. Few streams do not pause.

Import this module late: httpx2 is slow to import.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import aiohttp
import httpx2

from bot.interfaces.connector import Connector, UnreachableError, meant_secure
from bot.interfaces.errors import ConfigError
from bot.interfaces.network import Network

PAUSE_PER_STREAM = 0.0005
"""Seconds of the pause for each open stream."""

SHORTEST_PAUSE = 0.02
"""Shortest pause in seconds; where it would be shorter, there is none."""

LONGEST_PAUSE = 0.1
"""Longest pause in seconds."""

CONNECT_SECONDS = 10.0
MOST_CONNECTIONS = 1_000


class ReadTimer:
    """A timer that wakes all open streams together."""

    def __init__(self) -> None:
        self.streams = 0
        self._next: asyncio.Event | None = None

    @property
    def pause(self) -> float:
        """Return the seconds between two wake-ups."""
        return min(LONGEST_PAUSE, self.streams * PAUSE_PER_STREAM)

    async def wait(self) -> None:
        """Wait until the next wake-up."""
        if self._next is None:
            self._next = asyncio.Event()
            asyncio.get_running_loop().call_later(self.pause, self._wake)
        await self._next.wait()

    def _wake(self) -> None:
        if self._next is not None:
            self._next.set()
            self._next = None


class GatheredBody(httpx2.AsyncByteStream):
    """A response's bytes, joined between two wake-ups. Raises httpx2.ReadError for a broken connection."""

    def __init__(self, response: aiohttp.ClientResponse, timer: ReadTimer) -> None:
        self._response = response
        self._timer = timer
        timer.streams += 1

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while data := await self._response.content.readany():
                yield data
                await self._gather()
        except (aiohttp.ClientError, OSError) as error:
            raise httpx2.ReadError(str(error)) from error

    async def _gather(self) -> None:
        """Leave the bytes in the socket until the next wake-up."""
        # after the end of the body the connection serves other requests, and the response has none
        transport = self._response.connection.transport if self._response.connection else None
        if transport is None or self._timer.pause < SHORTEST_PAUSE:
            return
        transport.pause_reading()
        await self._timer.wait()
        transport.resume_reading()

    async def aclose(self) -> None:
        """Close the connection, unless the whole body was read."""
        self._timer.streams -= 1
        self._response.close()


class GatheringTransport(httpx2.AsyncBaseTransport):
    """A transport for httpx2.AsyncClient that uses the network's proxies and certificates.

    `settings` maps an endpoint to the name of the setting that holds its address.
    """

    def __init__(self, network: Network, settings: Mapping[str, str]) -> None:
        self._network = network
        self._settings = settings
        self._timer = ReadTimer()
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request. Raises httpx2.ConnectError. The caller limits the wait for the answer."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=Connector(self._network, self._settings, MOST_CONNECTIONS),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                auto_decompress=False,
            )
        try:
            response = await self._session.request(
                request.method,
                str(request.url),
                headers=request.headers.multi_items(),
                data=await request.aread(),
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError, ConfigError) as error:
            trouble = await meant_secure(error, str(request.url), self._network, self._settings)
            cause = UnreachableError(trouble) if trouble else error
            raise httpx2.ConnectError(type(error).__name__, request=request) from cause
        if response.status == 407 and (trouble := self._network.refused_by_proxy(407, str(request.url))):
            response.close()
            raise httpx2.ConnectError("407", request=request) from UnreachableError(trouble)
        return httpx2.Response(
            response.status, headers=response.raw_headers, stream=GatheredBody(response, self._timer), request=request
        )

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
