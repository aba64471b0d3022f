"""An HTTP transport for streams of many small pieces: aiohttp underneath, what arrives close together read at once.

Waking up for every piece costs most of what a streamed token costs: 30 to 110 µs, where taking several at once costs a
quarter of that. So where there are many streams, each leaves its bytes in the socket for a moment after each read, the
longer the more there are: 40 streams wait 20 ms, 200 wait 0.1 s, and all of them wake up together. Few do not wait.

Import this late: httpx2 takes its time.
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
SHORTEST_PAUSE = 0.02
LONGEST_PAUSE = 0.1
CONNECT_SECONDS = 10.0
MOST_CONNECTIONS = 1_000


class ReadTimer:
    """A beat that all open streams wait for together."""

    def __init__(self) -> None:
        self.streams = 0
        self._next: asyncio.Event | None = None

    @property
    def pause(self) -> float:
        """Seconds between beats."""
        return min(LONGEST_PAUSE, self.streams * PAUSE_PER_STREAM)

    async def wait(self) -> None:
        """Until the next beat."""
        if self._next is None:
            self._next = asyncio.Event()
            asyncio.get_running_loop().call_later(self.pause, self._beat)
        await self._next.wait()

    def _beat(self) -> None:
        if self._next is not None:
            self._next.set()
            self._next = None


class GatheredBody(httpx2.AsyncByteStream):
    """A response's bytes, as many at once as a beat brings. Raises httpx2.ReadError when the connection breaks."""

    def __init__(self, response: aiohttp.ClientResponse, pulse: ReadTimer) -> None:
        self._response = response
        self._pulse = pulse
        pulse.streams += 1

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while data := await self._response.content.readany():
                yield data
                await self._gather()
        except (aiohttp.ClientError, OSError) as error:
            raise httpx2.ReadError(str(error)) from error

    async def _gather(self) -> None:
        """Leave the socket alone until the next beat; at the end of the body it is no longer ours."""
        transport = self._response.connection.transport if self._response.connection else None
        if transport is None or self._pulse.pause < SHORTEST_PAUSE:
            return
        transport.pause_reading()
        await self._pulse.wait()
        transport.resume_reading()

    async def aclose(self) -> None:
        """Hang up, unless all was read."""
        self._pulse.streams -= 1
        self._response.close()


class GatheringTransport(httpx2.AsyncBaseTransport):
    """The transport of an httpx2.AsyncClient, by the network's proxies and certificates."""

    def __init__(self, network: Network, settings: Mapping[str, str]) -> None:
        self._network = network
        self._settings = settings
        self._pulse = ReadTimer()
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request. Raises httpx2.ConnectError; how long to wait for an answer is the caller's matter."""
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
            response.status, headers=response.raw_headers, stream=GatheredBody(response, self._pulse), request=request
        )

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
