"""OpenAI's chat completions, and everything that speaks them.

The SDK asks and its raw bytes are read, as its typed events cost ten times what reading the lines costs. Its own
retries wait without a word, so they are off and ours say what they wait for. An answer is whole only when the stream
said so: `finish_reason` is the one sign.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from bot.backends.openai import completions
from bot.backends.openai.completions import Events, FailedError
from bot.backends.openai.tokens import Counter, window
from bot.errors import BackendError, ConfigError
from bot.ports import Backend, BackendKind
from bot.section import ModelSection, Section
from bot.types import Done, Prompt, Sampling, Status, Text

if TYPE_CHECKING:  # importing the SDK takes 0.65 s, which a chat with a local model need not wait for
    import httpx2
    import openai
    from openai._types import Headers

log = logging.getLogger(__name__)

OWN_URL = "https://api.openai.com/v1"
OWN_HOST = "api.openai.com"
PAUSES = (0.5, 2.0)
"""Seconds before each new attempt, where the server does not say."""
PATIENCE = 20.0
"""The longest Retry-After that is waited for, in seconds; beyond it the person decides."""
USAGE_SECONDS = 2.0
"""How long after its finish_reason a stream may take to say what it used."""
CLOSE_SECONDS = 0.2
"""How long it may take to close by itself after [DONE], so that its connection serves again."""
CHECK_SECONDS = 10.0


def checked_url(url: str) -> str:
    """The URL, if it is one to send requests to. Raises ValueError."""
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError("must look like https://host/v1")
    return url.rstrip("/")


class OpenAIModel(ModelSection):
    """A `[models.NAME]` table with backend = "openai".

    `base_url` empty means OPENAI_BASE_URL, or else OpenAI itself; `key_env` names the variable that holds the key, and
    empty sends none. In seconds: `timeout` until the answer begins, `stall` between its pieces.
    """

    base_url: str = ""
    key_env: str = "OPENAI_API_KEY"
    timeout: float = Field(default=180.0, gt=0)
    stall: float = Field(default=60.0, gt=0)

    _check_url = field_validator("base_url")(checked_url)


class Connection:
    """The HTTP client that all models share, made at the first use and in a thread, with the SDK."""

    def __init__(self) -> None:
        self._users: set[object] = set()
        self._lock = asyncio.Lock()
        self._http: httpx2.AsyncClient | None = None

    async def client(self, user: object, base_url: str, key: str) -> openai.AsyncOpenAI:
        """The SDK's client for one server; it stays open until the last user leaves."""
        async with self._lock:
            self._users.add(user)
            self._http = self._http or await asyncio.to_thread(open_http)
        import openai

        return openai.AsyncOpenAI(
            base_url=base_url,
            api_key=key or "none",
            timeout=None,
            max_retries=0,
            http_client=self._http,
        )

    async def leave(self, user: object) -> None:
        """Close with the last user."""
        self._users.discard(user)
        if self._http is not None and not self._users:
            http, self._http = self._http, None
            await http.aclose()


def open_http() -> httpx2.AsyncClient:
    """An HTTP client; takes most of a second, for its imports and certificates."""
    import httpx2
    import openai.types.chat  # noqa: F401  so that no request imports it

    from bot.backends.openai.streaming import GatheringTransport

    return httpx2.AsyncClient(transport=GatheringTransport(), follow_redirects=True, timeout=None)


class OpenAIBackend:
    """One model behind a chat completions API."""

    def __init__(self, settings: OpenAIModel, base_url: str, key: str, connection: Connection) -> None:
        self._settings = settings
        self._base_url = base_url
        self._key = key
        self._connection = connection
        self._client: openai.AsyncOpenAI | None = None
        self._counter = Counter(settings.model)
        self._host = urlsplit(base_url).netloc.rpartition("@")[2]
        own = self._host == OWN_HOST
        self._needs_key = own and not key
        self._says_usage = True
        self._limits = ["max_completion_tokens", "max_tokens"] if own else ["max_tokens", "max_completion_tokens"]
        host = "OpenAI" if own else self._host
        self._words = {"host": host, "model": settings.model, "key_env": settings.key_env or "key_env"}

    @property
    def context(self) -> int:
        """The model's window in tokens."""
        return self._settings.context or window(self._settings.model)

    @property
    def missing_key(self) -> str:
        """The variable that should hold the key and does not."""
        return self._words["key_env"] if self._needs_key else ""

    @property
    def destination(self) -> str:
        """The server's host."""
        return self._host

    async def count(self, prompt: Prompt) -> int:
        """Tokens of a prompt: exact where tiktoken's data is on disk, else an estimate that is not less."""
        return await self._counter.count(prompt)

    async def prepare(self) -> None:
        """Import the SDK and read the tokenizer's data. Raises Unauthorised where the key is missing."""
        await self._connect_or_explain()
        await self._counter.count(())

    async def check(self) -> str:
        """Ask which models there are. Raises BackendError."""
        client = await self._connect_or_explain()
        import openai

        try:
            async with asyncio.timeout(CHECK_SECONDS):
                listed = [model.id for model in (await client.models.list(extra_headers=self._headers())).data or ()]
        except openai.OpenAIError as error:
            raise self._explain(failed(error)) from None
        except TimeoutError:
            raise self._explain(FailedError(completions.SLOW)) from None
        name = self._settings.model
        return f"{name} at {self._host}" + ("" if name in listed else ", which does not list this model")

    async def aclose(self) -> None:
        """Let go of the connections."""
        self._client = None
        await self._connection.leave(self)

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Text | Status | Done, None]:
        """Answer. Before the first text a passing failure is tried again, which a Status says. Raises BackendError."""
        began = False
        for pause in (*PAUSES, None):
            try:
                async with aclosing(self._attempt(prompt, self._settings.sampling(sampling))) as chunks:
                    async for chunk in chunks:
                        began = True
                        yield chunk
                return
            except FailedError as caught:
                error = self._explain(caught, began=began)
                wait = pause if caught.retry_after is None else caught.retry_after
                if began or pause is None or wait is None or wait > PATIENCE or not caught.failure.again:
                    raise error from None
                happened = caught.failure.happened.format(detail="", **self._words)
            yield Status(f"{happened} Trying again in {completions.duration(wait)}.")
            await asyncio.sleep(wait)

    async def _attempt(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Text | Done, None]:
        """Ask once. Raises FailedError."""
        events = Events()
        async with AsyncExitStack() as stack:
            reads = await self._open(stack, prompt, sampling)
            while data := await self._read(reads, events):
                if text := events.feed(data):
                    yield Text(text)
                if events.failure:
                    raise events.failure
        if not events.finish:
            raise FailedError(completions.TRUNCATED)
        if events.finish == "content_filter":
            raise FailedError(completions.FILTERED)
        yield Done("length" if events.finish == "length" else "complete", events.usage)

    async def _open(self, stack: AsyncExitStack, prompt: Prompt, sampling: Sampling) -> AsyncIterator[bytes]:
        """Send the request, without what the server turned out not to know. Raises FailedError."""
        client = await self._connect()
        import openai  # only now: it was imported in a thread, and two imports at once would meet half-way

        messages = [{"role": utterance.role, "content": utterance.text} for utterance in prompt]
        while True:
            try:
                async with asyncio.timeout(self._settings.timeout):
                    response = await stack.enter_async_context(
                        client.chat.completions.with_streaming_response.create(
                            model=self._settings.model,
                            messages=(),  # in the body below: the SDK's own conversion of them costs 0.5 ms
                            stream=True,
                            extra_body={"messages": messages, **self._options(sampling)},
                            extra_headers=self._headers(),
                        )
                    )
                break
            except openai.OpenAIError as error:
                if not self._adapt(error, sampling):
                    raise failed(error) from None
            except TimeoutError:
                raise FailedError(completions.SLOW) from None
        if "text/html" in response.headers.get("content-type", ""):
            raise FailedError(completions.WEB_PAGE)
        return response.iter_bytes()

    async def _read(self, reads: AsyncIterator[bytes], events: Events) -> bytes:
        """The next bytes; none at the end. Raises FailedError when they do not come and the answer is not whole."""
        import httpx2

        try:
            async with asyncio.timeout(self._patience(events)):
                return await anext(reads, b"")
        except TimeoutError:
            failure = completions.STALLED if events.began else completions.SLOW
        except httpx2.HTTPError:
            failure = completions.CUT
        if not events.finish:
            raise FailedError(failure)
        return b""

    def _patience(self, events: Events) -> float:
        if events.done:
            return CLOSE_SECONDS
        if events.finish:
            return USAGE_SECONDS
        return self._settings.stall if events.began else self._settings.timeout

    def _options(self, sampling: Sampling) -> dict[str, object]:
        """The fields of a request that not every server knows."""
        options: dict[str, object] = {"stream_options": {"include_usage": True}} if self._says_usage else {}
        if sampling.max_tokens:
            options[self._limits[0]] = sampling.max_tokens
        if sampling.temperature is not None:
            options["temperature"] = sampling.temperature
        return options

    def _headers(self) -> Headers:
        """The SDK has to be told when no key is to be sent."""
        import openai

        return {} if self._key else {"Authorization": openai.Omit()}

    def _adapt(self, error: openai.OpenAIError, sampling: Sampling) -> bool:
        """Whether asking differently may help: OpenAI's newer models refuse max_tokens, older servers the other one."""
        import openai

        if not isinstance(error, (openai.BadRequestError, openai.UnprocessableEntityError)):
            return False
        complaint = f"{error.param} {error.message}"
        if self._says_usage and "stream_options" in complaint:
            self._says_usage = False
        elif sampling.max_tokens and len(self._limits) > 1 and self._limits[0] in complaint:
            del self._limits[0]
        else:
            return False
        log.info("%s does not know a field of the request and is asked without it", self._host)
        return True

    async def _connect(self) -> openai.AsyncOpenAI:
        """The SDK's client. Raises FailedError where the key is missing."""
        if self._needs_key:
            raise FailedError(completions.NO_KEY)
        if self._client is None:
            self._client = await self._connection.client(self, self._base_url, self._key)
        return self._client

    def _explain(self, caught: FailedError, *, began: bool = False) -> BackendError:
        """The error for people, who must not see the key even where a server repeats it."""
        if self._key:
            caught.detail = caught.detail.replace(self._key, "[key]")
        return caught.explain(self._words, began=began)

    async def _connect_or_explain(self) -> openai.AsyncOpenAI:
        try:
            return await self._connect()
        except FailedError as caught:
            raise self._explain(caught) from None


def failed(error: openai.OpenAIError) -> FailedError:
    """What one of the SDK's exceptions means: by the server's code if there is one, else by its class."""
    import openai

    by_class = next(name for kind in type(error).__mro__ if (name := kind.__name__) in completions.BY_CLASS)
    fallback = completions.BY_CLASS[by_class]
    if not isinstance(error, openai.APIError):
        return FailedError(fallback)
    detail = error.body.get("message") if isinstance(error.body, dict) else None
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    headers = error.response.headers if isinstance(error, openai.APIStatusError) else {}
    failure = completions.failure_of((error.code, error.type, status), error.message, fallback)
    return FailedError(failure, str(detail or "no reason given."), completions.retry_after(headers))


def create(
    tables: Mapping[str, ModelSection], environ: Mapping[str, str], _data: Path, _shared: Section
) -> Mapping[str, Backend]:
    """A backend for each table; all share one HTTP client. Raises ConfigError."""
    try:
        default_url = checked_url(environ.get("OPENAI_BASE_URL", "")) or OWN_URL
    except ValueError as error:
        raise ConfigError(f"OPENAI_BASE_URL {error}.") from None
    connection = Connection()
    backends: dict[str, Backend] = {}
    for name, table in tables.items():
        assert isinstance(table, OpenAIModel)
        key = environ.get(table.key_env, "") if table.key_env else ""
        if not key.isascii() or not key.strip().isprintable():
            raise ConfigError(f"{table.key_env} holds characters that no key has; copy the key again.")
        backends[name] = OpenAIBackend(table, table.base_url or default_url, key.strip(), connection)
    return backends


BACKEND = BackendKind(name="openai", settings=OpenAIModel, create=create)
