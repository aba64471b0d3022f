"""Files that people attached, read from where their platform keeps them, and from nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import aiohttp

from bot.connector import Connector, UnreachableError
from bot.errors import Forbidden, Gone, PlatformError
from bot.network import DIRECT, Network
from bot.types import Attachment

SECONDS = 60.0
PIECE = 1 << 16
MEBIBYTE = 1 << 20

REFUSED: Mapping[int, tuple[type[PlatformError], str]] = {
    401: (Forbidden, "The bot may not read it."),
    403: (Forbidden, "The bot may not read it."),
    404: (Gone, "It is not there any more: attach it again."),
    410: (Gone, "It is not there any more: attach it again."),
}


async def fetch(
    attachment: Attachment,
    limit: int,
    hosts: Sequence[str],
    api_url: str = "",
    headers: Mapping[str, str] | None = None,
    *,
    network: Network = DIRECT,
) -> bytes:
    """The attachment's content. `hosts` are domains of the platform's; a configured `api_url` is one, too.

    Redirects are not followed, so that neither headers nor answers come from elsewhere. Raises PlatformError.
    """
    if not _kept_at(attachment.url, hosts, api_url):
        raise Forbidden("It is kept at a place that is not read from: attach the file itself.")
    if attachment.size > limit:
        raise _too_big(limit)
    try:
        async with (
            aiohttp.ClientSession(
                connector=Connector(network), timeout=aiohttp.ClientTimeout(total=SECONDS)
            ) as session,
            session.get(attachment.url, headers=headers, allow_redirects=False) as response,
        ):
            return await _content(response, attachment, limit)
    except UnreachableError as error:
        raise PlatformError(f"It cannot be fetched. {error}") from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise PlatformError(
            f"It cannot be fetched just now ({type(error).__name__}). Try again in a minute."
        ) from error


def _kept_at(url: str, hosts: Sequence[str], api_url: str) -> bool:
    parts, own = urlsplit(url), urlsplit(api_url)
    if api_url and (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
        return True
    host = parts.hostname or ""
    return parts.scheme == "https" and any(host == known or host.endswith(f".{known}") for known in hosts)


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
