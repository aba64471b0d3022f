"""One model behind a chat completions API, and what else its server does.

The SDK asks and its raw bytes are read, as its typed events cost ten times what reading the lines costs. Its own
retries wait without a word, so they are off and ours say what they wait for. An answer is whole only when the stream
said so: `finish_reason` is the one sign.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Literal

from bot.backends.openai import client, errors, media
from bot.backends.openai.client import HttpClient, ServerAccess, next_attempt, versioned
from bot.backends.openai.errors import RequestFailedError, failed, refused_field, refuses_any
from bot.backends.openai.settings import OpenAIModelSettings, ServerSettings
from bot.backends.openai.stream_parser import CompletionParser, messages_of
from bot.backends.openai.tokens import TokenCounter, window
from bot.interfaces.errors import BackendError, Refused
from bot.interfaces.prompts import Media, Prompt, Sampling, Transcript, Utterance
from bot.interfaces.replies import Done, Piece, Status, Text, Usage, Used

if TYPE_CHECKING:
    import openai

log = logging.getLogger(__name__)

USAGE_SECONDS = 2.0
"""How long after its finish_reason a stream may take to say what it used."""
CLOSE_SECONDS = 0.2
"""How long it may take to close by itself after [DONE], so that its connection serves again."""
CHECK_SECONDS = 9.0
CHECK: Prompt = (Utterance("user", "Say hello."),)
CHECK_SAMPLING = Sampling(max_tokens=16)
AGAIN = ("Trying again", "Trying for the last time", "")
"""The words between two attempts."""

NOTHING_YET = Used(Usage())
"""The server has taken the request."""


class OpenAIBackend:
    """A bot.interfaces.backend.Backend, which also embeds, transcribes, speaks and paints."""

    def __init__(self, settings: OpenAIModelSettings, server: ServerSettings, shared: HttpClient) -> None:
        self._settings = settings
        self._access = ServerAccess(settings, server, shared)
        self._counter = TokenCounter(settings.model)
        self._unknown = set[str]() if server.preset.says_usage else {"stream_options"}

    @property
    def context(self) -> int:
        """The model's window in tokens."""
        return self._settings.context or window(self._settings.model)

    @property
    def missing_key(self) -> str:
        """The variable that should hold the key and does not."""
        server = self._access.server
        return self._access.settings.key_env if server.hosted and not server.key else ""

    @property
    def destination(self) -> str:
        """The server's host."""
        return self._access.server.host

    async def count(self, prompt: Prompt) -> int:
        """Tokens of a prompt: exact where tiktoken's data is on disk, else an estimate that is not less."""
        return await self._counter.count(prompt)

    async def prepare(self) -> None:
        """Import the SDK and read the tokenizer's data. Raises Unauthorised where the key is missing."""
        try:
            await self._access.client()
        except RequestFailedError as caught:
            raise self._access.explain(caught) from None
        await self._counter.count(())

    async def check(self) -> str:
        """Ask which models there are; a server that does not say so, for a word of an answer. Raises BackendError."""
        name, where = self._settings.model, self.destination
        try:
            listed = await self._access.ask(self._names, CHECK_SECONDS)
        except BackendError as error:
            if not self._settings.converses or self.missing_key:
                raise
            await self._check_chat()
            return f"{name} at {where} answers, but its models cannot be listed: {error.message}"
        return f"{name} at {where}" + ("" if name in listed else ", which does not list this model")

    async def _names(self, client: openai.AsyncOpenAI) -> Sequence[str]:
        return [model.id for model in (await client.models.list(extra_headers=self._access.headers())).data or ()]

    async def _check_chat(self) -> None:
        """Ask for a word. Raises BackendError, which names the address where the API is if it is found nearby."""
        try:
            async with asyncio.timeout(CHECK_SECONDS), aclosing(self._attempt(CHECK, CHECK_SAMPLING)) as chunks:
                async for _ in chunks:
                    pass
        except TimeoutError:
            raise self._access.explain(RequestFailedError(errors.SLOW)) from None
        except RequestFailedError as caught:
            better = versioned(self._access.server) if caught.failure in (errors.NO_API, errors.NO_STREAM) else ""
            if better and await self._is_api(better):
                sentence = f"The API is at {better}: write that in {self._access.server.setting}."
                raise Refused(f"{self._access.happened(caught)} {sentence}") from None
            raise self._access.explain(caught) from None

    async def _is_api(self, url: str) -> bool:
        """Tell whether models are listed there."""
        try:
            await self._access.ask(lambda client: self._names(client.with_options(base_url=url)), CHECK_SECONDS)
        except BackendError:
            return False
        return True

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._access.aclose()

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector for each text. Raises BackendError."""
        return await media.embed(self._access, texts)

    async def transcribe(self, sound: Media, language: str = "") -> Transcript:
        """What is said in a recording. Raises BackendError."""
        return await media.transcribe(self._access, sound, language)

    async def speak(self, text: str, voice: str = "") -> Media:
        """A recording of the text. Raises BackendError."""
        return await media.speak(self._access, text, voice)

    async def paint(self, prompt: str, size: str = "") -> Media:
        """A picture. Raises BackendError."""
        return await media.paint(self._access, prompt, size)

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece, None]:
        """Answer. Before the first text a passing failure is tried again, which a Status says. Raises BackendError."""
        began, lost = False, False
        for pause, again in zip((*client.PAUSES, None), AGAIN, strict=True):
            taken = False
            try:
                async with aclosing(self._attempt(prompt, self._settings.sampling(sampling))) as chunks:
                    async for chunk in chunks:
                        began, taken = began or isinstance(chunk, Text), True
                        if lost or chunk is not NOTHING_YET:
                            yield chunk
                return
            except RequestFailedError as caught:
                caught.paid = errors.PAID.get(caught.failure, "nothing") if taken else "nothing"
                wait = None if began else next_attempt(caught, pause)
                if wait is None:
                    raise self._access.explain(caught, began=began) from None
                happened, lost = self._access.happened(caught), True
                how: Literal["read", "unread"] = "unread" if caught.paid == "nothing" else "read"
            yield Status(f"{happened} {again} in {errors.duration(wait)}.", lost=how)
            await asyncio.sleep(wait)

    async def _attempt(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece, None]:
        """Ask once. Raises FailedError."""
        events, told = CompletionParser(thinks_first=self._settings.thinks_first), Usage()
        async with AsyncExitStack() as stack:
            reads = await self._open(stack, prompt, sampling)
            yield NOTHING_YET
            while data := await self._read(reads, events):
                for said in events.feed(data):
                    yield said
                if events.usage != told and not events.finish:  # at the end Done says it
                    told = events.usage
                    yield Used(told)
                if events.failure:
                    raise events.failure
        for said in events.end():
            yield said
        if not events.finish:
            raise RequestFailedError(errors.TRUNCATED)
        if events.finish == "content_filter":
            yield Used(events.usage)
            raise RequestFailedError(errors.FILTERED)
        yield Done("length" if events.finish == "length" else "complete", events.usage)

    async def _open(self, stack: AsyncExitStack, prompt: Prompt, sampling: Sampling) -> AsyncIterator[bytes]:
        """Send the request, without what the server turned out not to know. Raises FailedError."""
        client = await self._access.client()
        import openai  # only now: it was imported in a thread, and two imports at once would meet half-way

        pictures = any(utterance.images for utterance in prompt)
        messages = await asyncio.to_thread(messages_of, prompt) if pictures else messages_of(prompt)
        while True:
            options = self._options(sampling)
            try:
                async with asyncio.timeout(self._settings.timeout):
                    response = await stack.enter_async_context(
                        client.chat.completions.with_streaming_response.create(
                            model=self._settings.model,
                            messages=(),  # in the body below: the SDK's own conversion of them costs 0.5 ms
                            stream=True,
                            extra_body={"messages": messages, **options, **self._settings.extra},
                            extra_headers=self._access.headers(),
                        )
                    )
                break
            except openai.OpenAIError as error:
                if not self._adapt(error, options):
                    raise failed(error) from None
            except TimeoutError:
                raise RequestFailedError(errors.SLOW) from None
        kind = response.headers.get("content-type", "")
        if "text/html" in kind:
            raise RequestFailedError(errors.WEB_PAGE)
        if "application/json" in kind:  # as LM Studio answers at an address without /v1
            raise RequestFailedError(errors.NO_STREAM)
        return response.iter_bytes()

    async def _read(self, reads: AsyncIterator[bytes], events: CompletionParser) -> bytes:
        """The next bytes; none at the end. Raises FailedError when they do not come and the answer is not whole."""
        import httpx2

        try:
            async with asyncio.timeout(self._patience(events)):
                return await anext(reads, b"")
        except TimeoutError:
            failure = errors.STALLED if events.began else errors.SLOW
        except httpx2.HTTPError:
            failure = errors.CUT
        if not events.finish:
            raise RequestFailedError(failure)
        return b""

    def _patience(self, events: CompletionParser) -> float:
        if events.done:
            return CLOSE_SECONDS
        if events.finish:
            return USAGE_SECONDS
        return self._settings.stall if events.began else self._settings.timeout

    @property
    def _limit(self) -> Sequence[str]:
        """The names that the field for the longest answer may have, as far as the server was not heard to refuse."""
        return [name for name in self._access.server.preset.limits if name not in self._unknown]

    @property
    def _along(self) -> Mapping[str, bool]:
        """The option by which a server says with every piece what was used, for answers that are stopped."""
        return {"continuous_usage_stats": True} if self._access.server.preset.says_usage_along else {}

    def _options(self, sampling: Sampling) -> dict[str, object]:
        """The fields of a request that not every server knows."""
        wanted: Mapping[str, object] = {
            "stream_options": {"include_usage": True, **self._along},
            self._limit[0]: sampling.max_tokens or None,
            "temperature": sampling.temperature,
        }
        return {name: value for name, value in wanted.items() if value is not None and name not in self._unknown}

    def _adapt(self, error: openai.OpenAIError, options: Mapping[str, object]) -> bool:
        """Whether asking differently may help, as every server and every model refuses other fields."""
        field = refused_field(error, options)
        if not field or [field] == self._limit or (field == "temperature" and not refuses_any(error)):
            return False
        self._unknown.add(field)
        log.info("%s does not know %s and is asked without it", self.destination, field)
        return True
