"""Access to a server with OpenAI's API: the SDK's client, the key, retries, and failures explained to people."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from bot.backends.openai import errors
from bot.backends.openai.errors import RequestFailedError, failed
from bot.backends.openai.settings import OpenAIModelSettings, ServerSettings
from bot.interfaces.errors import BackendError
from bot.interfaces.network import Network, endpoint

if TYPE_CHECKING:  # importing the SDK takes 0.65 s: a bot with only local models must not wait for it
    import httpx2
    import openai
    from openai._types import Headers

T = TypeVar("T")

PAUSES = (0.5, 2.0)
"""Seconds before each retry, unless the server states a time."""

LONGEST_RETRY_AFTER = 20.0
"""Longest Retry-After, in seconds, that a request waits for; after a longer one the person decides."""

VERSION = re.compile(r"/v\d\w*(/|$)")
"""The part of an address that names the API's version."""


class HttpClient:
    """The HTTP client that all models share. It is created at the first use, in a thread, together with the SDK."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._settings: dict[str, str] = {}
        self._users: set[object] = set()
        self._lock = asyncio.Lock()
        self._http: httpx2.AsyncClient | None = None

    async def client(self, user: object, server: ServerSettings) -> openai.AsyncOpenAI:
        """Return the SDK's client for a server. Its connections stay open until the last user leaves."""
        async with self._lock:
            self._users.add(user)
            if server.setting:
                self._settings[endpoint(server.base_url)] = server.setting
            self._http = self._http or await asyncio.to_thread(open_http, self._network, self._settings)
        import openai

        url, key = server.base_url, server.key or "none"  # `headers` keeps the SDK from sending "none"
        if server.version:
            return openai.AsyncAzureOpenAI(
                base_url=url,
                api_key=key,
                api_version=server.version,
                timeout=None,
                max_retries=0,
                http_client=self._http,
            )
        return openai.AsyncOpenAI(base_url=url, api_key=key, timeout=None, max_retries=0, http_client=self._http)

    async def leave(self, user: object) -> None:
        """Remove a user; without users, close the connections."""
        self._users.discard(user)
        if self._http is not None and not self._users:
            http, self._http = self._http, None
            await http.aclose()


def open_http(network: Network, settings: Mapping[str, str]) -> httpx2.AsyncClient:
    """Return an HTTP client. Takes most of a second, for its imports and certificates: call it in a thread."""
    import httpx2
    import openai.types.chat  # noqa: F401  the SDK would import it at the first request, in the event loop

    from bot.backends.openai.transport import GatheringTransport

    _ = network.tls  # reads the certificates now, in the thread; the network keeps them
    return httpx2.AsyncClient(transport=GatheringTransport(network, settings), follow_redirects=True, timeout=None)


class ServerAccess:
    """The access of one model's entry to its server."""

    def __init__(self, settings: OpenAIModelSettings, server: ServerSettings, connection: HttpClient) -> None:
        self.settings = settings
        self.server = server
        self._connection = connection
        self._client: openai.AsyncOpenAI | None = None
        self._placeholders = {
            "host": server.name,
            "model": settings.model,
            "key_env": settings.key_env or "key_env",
            "address": address(server),
        }

    async def client(self) -> openai.AsyncOpenAI:
        """Return the SDK's client. Raises RequestFailedError if the key is missing."""
        if self.server.hosted and not self.server.key:
            raise RequestFailedError(errors.NO_KEY)
        if self._client is None:
            self._client = await self._connection.client(self, self.server)
        return self._client

    async def aclose(self) -> None:
        """Close the connections, unless other models use them."""
        self._client = None
        await self._connection.leave(self)

    def headers(self) -> Headers:
        """Return the headers that make the SDK send no key where there is none."""
        import openai

        return {} if self.server.key else {"Authorization": openai.Omit()}

    def explain(self, caught: RequestFailedError, *, began: bool = False) -> BackendError:
        """Return the error for people, with the key blanked: some servers repeat it."""
        return caught.explain(self._placeholders, (self.server.key,), began=began)

    def happened(self, caught: RequestFailedError) -> str:
        """Return the sentence about a failure, without advice."""
        return caught.failure.happened.format(detail="", **self._placeholders)

    async def ask(self, request: Callable[[openai.AsyncOpenAI], Awaitable[T]], seconds: float) -> T:
        """Return the result of a request, with retries after failures that may pass. Raises BackendError."""
        for pause in (*PAUSES, None):
            try:
                return await self._ask_once(request, seconds)
            except RequestFailedError as caught:
                wait = next_attempt(caught, pause)
                if wait is None:
                    raise self.explain(caught) from None
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt has no pause after it")

    async def _ask_once(self, request: Callable[[openai.AsyncOpenAI], Awaitable[T]], seconds: float) -> T:
        """Send a request once. Raises RequestFailedError."""
        client = await self.client()
        import httpx2  # only now: a thread has imported them, and two threads that import at once see half of a module
        import openai

        try:
            async with asyncio.timeout(seconds):
                return await request(client)
        except openai.OpenAIError as error:
            caught = failed(error)
            # a 404 here may also mean that the server lacks this part of the API, such as embeddings
            if caught.failure in (errors.NO_MODEL, errors.NO_API):
                caught.failure = errors.CANNOT
            raise caught from None
        except httpx2.HTTPError:
            raise RequestFailedError(errors.CUT) from None
        except TimeoutError:
            raise RequestFailedError(errors.SLOW) from None


def versioned(server: ServerSettings) -> str:
    """Return the operator's address with /v1, if it lacks a version; "" otherwise. It is without a password."""
    url = urlsplit(server.base_url)._replace(netloc=server.host).geturl()
    return f"{url}/v1" if server.setting and not VERSION.search(url) else ""


def address(server: ServerSettings) -> str:
    """Return the advice for an address without an API, as the rest of a sentence "the operator must …"."""
    if not server.setting:
        return f"find out which server answers in place of {server.host}"
    better = versioned(server)
    return f"correct {server.setting}" + (f", perhaps to {better}" if better else "")


def next_attempt(caught: RequestFailedError, pause: float | None) -> float | None:
    """Return the seconds to wait before a retry; None if a retry is not worthwhile. `pause` None ends the series."""
    wait = pause if caught.retry_after is None else caught.retry_after
    hopeless = pause is None or wait is None or wait > LONGEST_RETRY_AFTER or not caught.failure.again
    return None if hopeless else wait
