"""How one model's requests reach its server: the SDK's client, the key, and failures in words for people."""

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

if TYPE_CHECKING:  # importing the SDK takes 0.65 s, which a chat with a local model need not wait for
    import httpx2
    import openai
    from openai._types import Headers

T = TypeVar("T")

PAUSES = (0.5, 2.0)
"""Seconds before each new attempt, where the server does not say."""
PATIENCE = 20.0
"""The longest Retry-After that is waited for, in seconds; beyond it the person decides."""


VERSION = re.compile(r"/v\d\w*(/|$)")
"""The part of an address that says which version of an API is meant."""


class HttpClient:
    """The HTTP client that all models share, made at the first use and in a thread, with the SDK."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._settings: dict[str, str] = {}
        self._users: set[object] = set()
        self._lock = asyncio.Lock()
        self._http: httpx2.AsyncClient | None = None

    async def client(self, user: object, server: ServerSettings) -> openai.AsyncOpenAI:
        """The SDK's client for one server; it stays open until the last user leaves."""
        async with self._lock:
            self._users.add(user)
            if server.setting:
                self._settings[endpoint(server.base_url)] = server.setting
            self._http = self._http or await asyncio.to_thread(open_http, self._network, self._settings)
        import openai

        url, key = server.base_url, server.key or "none"
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
        """Close with the last user."""
        self._users.discard(user)
        if self._http is not None and not self._users:
            http, self._http = self._http, None
            await http.aclose()


def open_http(network: Network, settings: Mapping[str, str]) -> httpx2.AsyncClient:
    """An HTTP client; takes most of a second, for its imports and certificates."""
    import httpx2
    import openai.types.chat  # noqa: F401  so that no request imports it

    from bot.backends.openai.transport import GatheringTransport

    _ = network.tls  # read here, in a thread
    return httpx2.AsyncClient(transport=GatheringTransport(network, settings), follow_redirects=True, timeout=None)


class ServerAccess:
    """A server as one model's entry reaches it."""

    def __init__(self, settings: OpenAIModelSettings, server: ServerSettings, connection: HttpClient) -> None:
        self.settings = settings
        self.server = server
        self._connection = connection
        self._client: openai.AsyncOpenAI | None = None
        self._words = {
            "host": server.name,
            "model": settings.model,
            "key_env": settings.key_env or "key_env",
            "address": address(server),
        }

    async def client(self) -> openai.AsyncOpenAI:
        """The SDK's client. Raises FailedError where the key is missing."""
        if self.server.hosted and not self.server.key:
            raise RequestFailedError(errors.NO_KEY)
        if self._client is None:
            self._client = await self._connection.client(self, self.server)
        return self._client

    async def aclose(self) -> None:
        """Let go of the connections."""
        self._client = None
        await self._connection.leave(self)

    def headers(self) -> Headers:
        """The SDK has to be told when no key is to be sent."""
        import openai

        return {} if self.server.key else {"Authorization": openai.Omit()}

    def explain(self, caught: RequestFailedError, *, began: bool = False) -> BackendError:
        """The error for people, who must not see the key even where a server repeats it."""
        return caught.explain(self._words, (self.server.key,), began=began)

    def happened(self, caught: RequestFailedError) -> str:
        """What went wrong, without advice."""
        return caught.failure.happened.format(detail="", **self._words)

    async def ask(self, question: Callable[[openai.AsyncOpenAI], Awaitable[T]], seconds: float) -> T:
        """The answer to one whole request, asked again after what may pass at once. Raises BackendError."""
        for pause in (*PAUSES, None):
            try:
                return await self._ask_once(question, seconds)
            except RequestFailedError as caught:
                wait = next_attempt(caught, pause)
                if wait is None:
                    raise self.explain(caught) from None
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt has no pause after it")

    async def _ask_once(self, question: Callable[[openai.AsyncOpenAI], Awaitable[T]], seconds: float) -> T:
        client = await self.client()
        import httpx2  # only now: they were imported in a thread, and two imports at once would meet half-way
        import openai

        try:
            async with asyncio.timeout(seconds):
                return await question(client)
        except openai.OpenAIError as error:
            caught = failed(error)
            if caught.failure in (
                errors.NO_MODEL,
                errors.NO_API,
            ):  # or it does not know what was asked of the model
                caught.failure = errors.CANNOT
            raise caught from None
        except httpx2.HTTPError:
            raise RequestFailedError(errors.CUT) from None
        except TimeoutError:
            raise RequestFailedError(errors.SLOW) from None


def versioned(server: ServerSettings) -> str:
    """Guess where the API is if it is not where the operator wrote; "" where no other place is likely."""
    shown = urlsplit(server.base_url)._replace(netloc=server.host).geturl()
    return f"{shown}/v1" if server.setting and not VERSION.search(shown) else ""


def address(server: ServerSettings) -> str:
    """Say what to do about an address where there is no API."""
    if not server.setting:
        return f"find out what answers in place of {server.host}"
    better = versioned(server)
    return f"correct {server.setting}" + (f", perhaps to {better}" if better else "")


def next_attempt(caught: RequestFailedError, pause: float | None) -> float | None:
    """Seconds until it is worth asking again; None when it is not."""
    wait = pause if caught.retry_after is None else caught.retry_after
    hopeless = pause is None or wait is None or wait > PATIENCE or not caught.failure.again
    return None if hopeless else wait
