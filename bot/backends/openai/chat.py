"""The backend of one model behind a chat completions API.

The SDK sends the requests, but the parser here reads the raw bytes: the SDK's typed events cost ten times as much. The
SDK's own retries are off because they wait silently; the retries here report each wait. Only a `finish_reason` in the
stream proves that an answer is complete.
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
from bot.interfaces.jobs import Transcript
from bot.interfaces.prompts import Media, Prompt, Sampling, Utterance
from bot.interfaces.replies import Done, Piece, Status, Text, Usage, Used

if TYPE_CHECKING:
    import openai

log = logging.getLogger(__name__)

USAGE_SECONDS = 2.0
"""Longest wait for the usage after a stream's finish_reason."""

CLOSE_SECONDS = 0.2
"""Longest wait for a stream to end after [DONE]; a connection that ended by itself can be used again."""

CHECK_SECONDS = 9.0
CHECK: Prompt = (Utterance("user", "Say hello."),)
CHECK_SAMPLING = Sampling(max_tokens=16)

AGAIN = ("Trying again", "Trying for the last time", "")
"""Beginning of the status after each failed attempt; none follows the last."""

ACCEPTED = Used(Usage())
"""The event for a request that the server has accepted: from now on it may cost money."""


class OpenAIBackend:
    """A backend that chats and, with servers that can, embeds, transcribes, speaks and paints."""

    def __init__(self, settings: OpenAIModelSettings, server: ServerSettings, shared: HttpClient) -> None:
        self._settings = settings
        self._access = ServerAccess(settings, server, shared)
        self._counter = TokenCounter(settings.model)
        self._refused = set[str]() if server.preset.says_usage else {"stream_options"}

    @property
    def context(self) -> int:
        """Return the model's window in tokens."""
        return self._settings.context or window(self._settings.model)

    @property
    def missing_key(self) -> str:
        """Return the name of the variable that lacks the key; "" if no key is missing."""
        server = self._access.server
        return self._access.settings.key_env if server.hosted and not server.key else ""

    @property
    def destination(self) -> str:
        """Return the server's host."""
        return self._access.server.host

    async def count(self, prompt: Prompt) -> int:
        """Return the tokens of a prompt: exact if tiktoken's data is on disk, else an upper bound."""
        return await self._counter.count(prompt)

    async def prepare(self) -> None:
        """Import the SDK and read the tokenizer's data. Raises Unauthorised if the key is missing."""
        try:
            await self._access.client()
        except RequestFailedError as caught:
            raise self._access.explain(caught) from None
        await self._counter.count(())

    async def check(self) -> str:
        """Return a line about the server's list of models, or of a short answer from a server without a list.

        Raises BackendError.
        """
        name, host = self._settings.model, self.destination
        try:
            names = await self._access.ask(self._names, CHECK_SECONDS)
        except BackendError as error:
            if not self._settings.converses or self.missing_key:
                raise
            await self._check_chat()
            return f"{name} at {host} answers, but its models cannot be listed: {error.message}"
        return f"{name} at {host}" + ("" if name in names else ", which does not list this model")

    async def _names(self, client: openai.AsyncOpenAI) -> Sequence[str]:
        return [model.id for model in (await client.models.list(extra_headers=self._access.headers())).data or ()]

    async def _check_chat(self) -> None:
        """Request a short answer. Raises BackendError; its message has the right address if /v1 was missing."""
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
        """Return True if the server lists its models below this URL."""
        try:
            await self._access.ask(lambda client: self._names(client.with_options(base_url=url)), CHECK_SECONDS)
        except BackendError:
            return False
        return True

    async def aclose(self) -> None:
        """Close the connections, unless other models use them."""
        await self._access.aclose()

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a vector for each text. Raises BackendError."""
        return await media.embed(self._access, texts)

    async def transcribe(self, sound: Media, language: str = "") -> Transcript:
        """Return the transcript of a recording. Raises BackendError."""
        return await media.transcribe(self._access, sound, language)

    async def speak(self, text: str, voice: str = "") -> Media:
        """Return a recording of the text. Raises BackendError."""
        return await media.speak(self._access, text, voice)

    async def paint(self, prompt: str, size: str = "") -> Media:
        """Return a generated picture. Raises BackendError."""
        return await media.paint(self._access, prompt, size)

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece, None]:
        """Yield the answer. Raises BackendError.

        A temporary failure before the first text leads to a Status and another attempt.
        """
        began, lost = False, False
        for pause, again in zip((*client.PAUSES, None), AGAIN, strict=True):
            accepted = False
            try:
                async with aclosing(self._attempt(prompt, self._settings.sampling(sampling))) as chunks:
                    async for chunk in chunks:
                        began, accepted = began or isinstance(chunk, Text), True
                        if lost or chunk is not ACCEPTED:
                            yield chunk
                return
            except RequestFailedError as caught:
                caught.paid = errors.PAID.get(caught.failure, "nothing") if accepted else "nothing"
                wait = None if began else next_attempt(caught, pause)
                if wait is None:
                    raise self._access.explain(caught, began=began) from None
                happened, lost = self._access.happened(caught), True
                cost: Literal["read", "unread"] = "unread" if caught.paid == "nothing" else "read"
            yield Status(f"{happened} {again} in {errors.duration(wait)}.", lost=cost)
            await asyncio.sleep(wait)

    async def _attempt(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece, None]:
        """Send one request and yield its answer, without retries. Raises RequestFailedError."""
        parser, reported = CompletionParser(thinks_first=self._settings.thinks_first), Usage()
        async with AsyncExitStack() as stack:
            reads = await self._open(stack, prompt, sampling)
            yield ACCEPTED
            while data := await self._read(reads, parser):
                for piece in parser.feed(data):
                    yield piece
                if parser.usage != reported and not parser.finish:  # at the end Done has the usage
                    reported = parser.usage
                    yield Used(reported)
                if parser.failure:
                    raise parser.failure
        for piece in parser.end():
            yield piece
        if not parser.finish:
            raise RequestFailedError(errors.TRUNCATED)
        if parser.finish == "content_filter":
            yield Used(parser.usage)
            raise RequestFailedError(errors.FILTERED)
        yield Done("length" if parser.finish == "length" else "complete", parser.usage)

    async def _open(self, stack: AsyncExitStack, prompt: Prompt, sampling: Sampling) -> AsyncIterator[bytes]:
        """Send the request, without the fields that the server refuses, and return the stream of its bytes.

        Raises RequestFailedError.
        """
        client = await self._access.client()
        import openai  # only now: a thread has imported it, and two threads that import it at once see half of it

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
        if "application/json" in kind:  # LM Studio answers like this at an address without /v1
            raise RequestFailedError(errors.NO_STREAM)
        return response.iter_bytes()

    async def _read(self, reads: AsyncIterator[bytes], parser: CompletionParser) -> bytes:
        """Return the next bytes, none at the end. Raises RequestFailedError for a stream that breaks off too early."""
        import httpx2

        try:
            async with asyncio.timeout(self._patience(parser)):
                return await anext(reads, b"")
        except TimeoutError:
            failure = errors.STALLED if parser.began else errors.SLOW
        except httpx2.HTTPError:
            failure = errors.CUT
        if not parser.finish:
            raise RequestFailedError(failure)
        return b""

    def _patience(self, parser: CompletionParser) -> float:
        """Return the longest wait for the next bytes, in seconds."""
        if parser.done:
            return CLOSE_SECONDS
        if parser.finish:
            return USAGE_SECONDS
        return self._settings.stall if parser.began else self._settings.timeout

    @property
    def _limit_fields(self) -> Sequence[str]:
        """Return the names of the field for the longest answer that the server has not refused, the best first."""
        return [name for name in self._access.server.preset.limits if name not in self._refused]

    def _options(self, sampling: Sampling) -> dict[str, object]:
        """Return the fields of a request that some servers refuse, without those that this one has refused."""
        # usage with every piece: an answer that is stopped early is billed too
        along = {"continuous_usage_stats": True} if self._access.server.preset.says_usage_along else {}
        fields: Mapping[str, object] = {
            "stream_options": {"include_usage": True, **along},
            self._limit_fields[0]: sampling.max_tokens or None,
            "temperature": sampling.temperature,
        }
        return {name: value for name, value in fields.items() if value is not None and name not in self._refused}

    def _adapt(self, error: openai.OpenAIError, options: Mapping[str, object]) -> bool:
        """Note the field that the error refuses, and return True if a request without it may succeed.

        The last name for the longest answer stays, as the limit must hold. So does a temperature that is only out of
        the model's range: the person who set it must learn that.
        """
        field = refused_field(error, options)
        if not field or [field] == self._limit_fields or (field == "temperature" and not refuses_any(error)):
            return False
        self._refused.add(field)
        log.info("%s refuses the field %s; requests leave it out from now on", self.destination, field)
        return True
