"""A loopback HTTP proxy: it connects to loopback in place of the requested host, and records that host.

    async with FakeProxy() as proxy:
        ...                       # a client uses proxy.url as its proxy
    assert proxy.asked == ["api.example:443"]

A name without an address proves that the client left the resolution to the proxy.
"""

from __future__ import annotations

import asyncio
import base64
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType
from urllib.parse import urlsplit

HEAD = 1 << 14
AT_ONCE = 1 << 16


class FakeProxy:
    """The proxy. It requires the `login` NAME:PASSWORD, or answers everything with the status `refuses`."""

    def __init__(self, login: str = "", refuses: int = 0) -> None:
        self.login = login
        self.refuses = refuses
        self.asked: list[str] = []
        self._served: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> FakeProxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=HEAD)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self.url = f"http://{self.address}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._served:
            task.cancel()
        if self._served:
            await asyncio.wait(self._served)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._served.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # whoever asked has left, or the test is over
        finally:
            self._served.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host, port = parts.hostname or "", parts.port or 80
        self.asked.append(f"{host}:{port}")
        expected = b"Proxy-Authorization: Basic " + base64.b64encode(self.login.encode())
        status = self.refuses or (407 if self.login and expected.lower() not in head.lower() else 0)
        if status:
            phrase = HTTPStatus(status).phrase
            writer.write(f"HTTP/1.1 {status} {phrase}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            return
        upstream, to_upstream = await asyncio.open_connection("127.0.0.1", port)
        try:
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
                to_upstream.write(head.replace(target.encode(), path.encode(), 1))
            await asyncio.wait(
                [asyncio.create_task(_pass_on(reader, to_upstream)), asyncio.create_task(_pass_on(upstream, writer))]
            )
        finally:
            to_upstream.close()


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(AT_ONCE):
            target.write(data)
            await target.drain()
    with suppress(OSError, RuntimeError):
        target.write_eof()
