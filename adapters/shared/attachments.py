"""Downloads of attached files, only from the hosts of their platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from bot.interfaces.connector import Connector, UnreachableError
from bot.interfaces.errors import Forbidden, Gone, PlatformError
from bot.interfaces.messages import Attachment
from bot.interfaces.network import DIRECT, Network

DOWNLOAD_SECONDS = 60.0
CHUNK_BYTES = 1 << 16
MEBIBYTE = 1 << 20

NO_ACCESS = "I may not read the file. Attach it here again."
MISSING = "The file no longer exists. Attach it again."

REFUSED: Mapping[int, tuple[type[PlatformError], str]] = {
    401: (Forbidden, NO_ACCESS),
    403: (Forbidden, NO_ACCESS),
    404: (Gone, MISSING),
    410: (Gone, MISSING),
}


@dataclass(frozen=True, slots=True)
class Source:
    """The hosts and folders from which a platform serves files.

    `origins` are addresses such as "https://cdn.example.com"; `paths` are the beginnings of allowed paths. `refusal`
    explains to a person why a file on another host is not downloaded.
    """

    origins: tuple[str, ...]
    paths: tuple[str, ...] = ("/",)
    refusal: str = "The file is on a server that I don't download from. Attach the file itself."

    def address(self, url: str) -> URL | None:
        """Return the address to request, exactly as it is sent; None for a file on another host."""
        try:
            address = URL(url)
            origin = str(address.origin())
        except ValueError:
            return None
        segments = address.path.replace("\\", "/").split(
            "/"
        )  # decoded, because a server may decode a path before it resolves ".."
        is_below = address.path.startswith(self.paths) and ".." not in segments
        return address if origin in self.origins and is_below and not (address.user or address.password) else None


def origin_of(url: str) -> str:
    """Return the origin of a configured address, in the form that Source.origins has."""
    return str(URL(url).origin())


async def fetch(
    attachment: Attachment,
    limit: int,
    source: Source,
    headers: Mapping[str, str] | None = None,
    *,
    network: Network = DIRECT,
) -> bytes:
    """Download an attachment of at most `limit` bytes from its platform's `source`.

    Redirects are not followed: headers with a token would reach another host, and its answer would count as the file.
    Raises PlatformError.
    """
    address = source.address(attachment.url)
    if address is None:
        raise Forbidden(source.refusal)
    if attachment.size > limit:
        raise _too_large(limit)
    try:
        async with (
            aiohttp.ClientSession(
                connector=Connector(network), timeout=aiohttp.ClientTimeout(total=DOWNLOAD_SECONDS)
            ) as session,
            session.get(address, headers=headers, allow_redirects=False) as response,
        ):
            return await _content(response, attachment, limit)
    except UnreachableError as error:
        raise PlatformError(f"I can't download the file. {error}") from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise PlatformError(
            f"I can't download the file now ({type(error).__name__}). Try again in a minute."
        ) from error


async def _content(response: aiohttp.ClientResponse, attachment: Attachment, limit: int) -> bytes:
    """Return the body of a response.

    A page for browsers instead of the file is a sign-in page. Raises PlatformError.
    """
    if response.status != 200:
        kind, sentence = REFUSED.get(
            401 if response.status in (301, 302, 303, 307) else response.status,
            (PlatformError, f"I can't download the file now ({response.status}). Try again in a minute."),
        )
        raise kind(sentence)
    if response.content_type == "text/html" and attachment.media_type != "text/html":
        raise Forbidden(NO_ACCESS)
    content = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        content += chunk
        if len(content) > limit:
            raise _too_large(limit)
    return bytes(content)


def _too_large(limit: int) -> Forbidden:
    return Forbidden(f"The file is larger than {limit / MEBIBYTE:.0f} MiB. Attach a smaller one.")
