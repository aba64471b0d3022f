"""Files that people attached, read from where their platform keeps them, and from nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from bot.interfaces.connector import Connector, UnreachableError
from bot.interfaces.errors import Forbidden, Gone, PlatformError
from bot.interfaces.messages import Attachment
from bot.interfaces.network import DIRECT, Network

SECONDS = 60.0
PIECE = 1 << 16
MEBIBYTE = 1 << 20

REFUSED: Mapping[int, tuple[type[PlatformError], str]] = {
    401: (Forbidden, "The bot may not read it."),
    403: (Forbidden, "The bot may not read it."),
    404: (Gone, "It is not there any more: attach it again."),
    410: (Gone, "It is not there any more: attach it again."),
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a platform serves files: below `paths` of `origins`, such as "https://cdn.example.com".

    `refusal` says why a file that lies elsewhere is not read.
    """

    origins: tuple[str, ...]
    paths: tuple[str, ...] = ("/",)
    refusal: str = "It is kept at a place that is not read from: attach the file itself."

    def address(self, url: str) -> URL | None:
        """The address to ask for, exactly as it is sent; None for one that lies elsewhere."""
        try:
            address = URL(url)
            origin = str(address.origin())
        except ValueError:
            return None
        steps = address.path.replace("\\", "/").split("/")  # decoded: a server may decode before it goes up
        below = address.path.startswith(self.paths) and ".." not in steps
        return address if origin in self.origins and below and not (address.user or address.password) else None


def origin_of(url: str) -> str:
    """The origin of a configured address, as Source.origins has it."""
    return str(URL(url).origin())


async def fetch(
    attachment: Attachment,
    limit: int,
    source: Source,
    headers: Mapping[str, str] | None = None,
    *,
    network: Network = DIRECT,
) -> bytes:
    """The attachment's content, from its platform's `source` only.

    Redirects are not followed, so that neither headers nor answers come from elsewhere. Raises PlatformError.
    """
    address = source.address(attachment.url)
    if address is None:
        raise Forbidden(source.refusal)
    if attachment.size > limit:
        raise _too_big(limit)
    try:
        async with (
            aiohttp.ClientSession(
                connector=Connector(network), timeout=aiohttp.ClientTimeout(total=SECONDS)
            ) as session,
            session.get(address, headers=headers, allow_redirects=False) as response,
        ):
            return await _content(response, attachment, limit)
    except UnreachableError as error:
        raise PlatformError(f"It cannot be fetched. {error}") from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise PlatformError(
            f"It cannot be fetched just now ({type(error).__name__}). Try again in a minute."
        ) from error


async def _content(response: aiohttp.ClientResponse, attachment: Attachment, limit: int) -> bytes:
    """All of it; a page for browsers in its place is a sign-in page."""
    if response.status != 200:
        kind, sentence = REFUSED.get(
            401 if response.status in (301, 302, 303, 307) else response.status,
            (PlatformError, f"It cannot be fetched just now ({response.status}). Try again in a minute."),
        )
        raise kind(sentence)
    if response.content_type == "text/html" and attachment.media_type != "text/html":
        raise Forbidden("The bot may not read it.")
    content = bytearray()
    async for piece in response.content.iter_chunked(PIECE):
        content += piece
        if len(content) > limit:
            raise _too_big(limit)
    return bytes(content)


def _too_big(limit: int) -> Forbidden:
    return Forbidden(f"It is too big: {limit / MEBIBYTE:.0f} MiB are the most.")
