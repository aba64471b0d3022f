"""Vectors, transcripts, recordings and pictures from OpenAI's API; each answer is one response, not a stream.

Optional fields differ between servers: a field that a server refuses by name is left out of the next attempt.
"""

from __future__ import annotations

import asyncio
import logging
import math
import struct
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

import orjson

from bot.backends.openai import errors
from bot.backends.openai.client import ServerAccess
from bot.backends.openai.errors import RequestFailedError, refused_field
from bot.interfaces.jobs import Segment, Transcript
from bot.interfaces.prompts import Media
from bot.utils.media_types import picture_kind

if TYPE_CHECKING:
    import httpx2
    import openai

    Call = Callable[[openai.AsyncOpenAI, Mapping[str, object]], Awaitable["WholeResponse"]]

T = TypeVar("T")

log = logging.getLogger(__name__)

EMBED_AT_ONCE = 256
"""Most texts in one request; OpenAI accepts 2,048, smaller servers fewer."""

ENDINGS: Mapping[str, str] = {
    "audio/mpeg": "mp3",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "audio/x-flac": "flac",
    "audio/opus": "ogg",
}
"""Endings of file names by media type: servers recognise a sound's format by them. Other types end like the type."""


class WholeResponse(Protocol):
    """The used part of the SDK's raw responses."""

    @property
    def headers(self) -> httpx2.Headers:
        """The response's headers."""

    @property
    def content(self) -> bytes:
        """The whole body."""


async def embed(access: ServerAccess, texts: Sequence[str]) -> Sequence[Sequence[float]]:
    """Return a vector for each text, in order. Raises BackendError."""
    batches = [list(texts[start : start + EMBED_AT_ONCE]) for start in range(0, len(texts), EMBED_AT_ONCE)]
    return [vector for batch in batches for vector in await _embed_at_once(access, batch)]


async def _embed_at_once(access: ServerAccess, texts: list[str]) -> Sequence[Sequence[float]]:
    async def ask(client: openai.AsyncOpenAI, fields: Mapping[str, object]) -> WholeResponse:
        return await client.embeddings.with_raw_response.create(
            model=access.settings.model, input=texts, extra_body=fields, extra_headers=access.headers()
        )

    def read(content: bytes, _kind: str) -> Sequence[Sequence[float]]:
        return vectors_of(content, len(texts))

    return await _ask(access, ask, {"encoding_format": "base64"}, read)


async def transcribe(access: ServerAccess, sound: Media, language: str) -> Transcript:
    """Return a recording's transcript, with times if the model reports them. Raises BackendError."""
    ending = ENDINGS.get(sound.media_type, sound.media_type.rpartition("/")[2].removeprefix("x-"))
    file = (f"sound.{ending or 'mp3'}", sound.content, sound.media_type)

    async def ask(client: openai.AsyncOpenAI, fields: Mapping[str, object]) -> WholeResponse:
        return await client.audio.transcriptions.with_raw_response.create(
            file=file, model=access.settings.model, extra_body=fields, extra_headers=access.headers()
        )

    times = {"timestamp_granularities": ["segment"], "response_format": "verbose_json"}
    return await _ask(access, ask, {**times, "language": language}, transcript_of)


async def speak(access: ServerAccess, text: str, voice: str) -> Media:
    """Return a recording of the text. Raises BackendError."""

    async def ask(client: openai.AsyncOpenAI, fields: Mapping[str, object]) -> WholeResponse:
        return await client.audio.speech.with_raw_response.create(
            input=text,
            model=access.settings.model,
            voice=voice or access.settings.voice,
            extra_body=fields,
            extra_headers=access.headers(),
        )

    return await _ask(access, ask, {}, recording_of)


async def paint(access: ServerAccess, prompt: str, size: str) -> Media:
    """Return a generated picture. Raises BackendError."""

    async def ask(client: openai.AsyncOpenAI, fields: Mapping[str, object]) -> WholeResponse:
        return await client.images.with_raw_response.generate(
            prompt=prompt, model=access.settings.model, extra_body=fields, extra_headers=access.headers()
        )

    return await _ask(access, ask, {"response_format": "b64_json", "size": size}, picture_of)


async def _ask(access: ServerAccess, call: Call, optional: Mapping[str, object], read: Callable[[bytes, str], T]) -> T:
    """Send a request with the `optional` fields that the server accepts, and parse its body with `read` in a thread.

    `read` gets the body and its media type. Raises BackendError.
    """
    fields: dict[str, object] = {name: value for name, value in optional.items() if value} | access.settings.extra

    async def ask(client: openai.AsyncOpenAI) -> WholeResponse:
        import openai

        while True:
            try:
                return await call(client, fields)
            except openai.OpenAIError as error:
                sent = [name for name in optional if not isinstance(fields.get(name), openai.Omit)]
                refused = refused_field(error, sent)
                if not refused:
                    raise
                log.info("%s refuses the field %s; the request is sent without it", access.server.host, refused)
                fields[refused] = openai.Omit()  # a field that is merely missing would get the SDK's default

    response = await access.ask(ask, access.settings.timeout)
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    if kind == "text/html":
        raise access.explain(RequestFailedError(errors.WEB_PAGE))
    try:
        return await asyncio.to_thread(read, response.content, kind)
    except RequestFailedError as caught:
        raise access.explain(caught) from None
    except (orjson.JSONDecodeError, AttributeError, LookupError, TypeError, ValueError, struct.error):
        raise access.explain(RequestFailedError(errors.GARBLED)) from None


def vectors_of(content: bytes, count: int) -> Sequence[Sequence[float]]:
    """Return the vectors in order, from numbers or from base64. Raises ValueError unless there are `count`."""
    rows = sorted(orjson.loads(content)["data"], key=lambda row: row["index"])
    if [row["index"] for row in rows] != list(range(count)):
        raise ValueError("not one vector for each text")
    vectors = [_vector(row["embedding"]) for row in rows]
    (length,) = {len(vector) for vector in vectors}
    if not length or not all(math.isfinite(number) for vector in vectors for number in vector):
        raise ValueError("no vectors")
    return vectors


def _vector(value: str | Sequence[float]) -> Sequence[float]:
    if not isinstance(value, str):
        return [float(number) for number in value]
    data = b64decode(value, validate=True)
    return struct.unpack(f"<{len(data) // 4}f", data)


def transcript_of(content: bytes, _kind: str) -> Transcript:
    """Parse a transcript; it lasts until the end of its last segment."""
    body = orjson.loads(content)
    segments = tuple(
        Segment(float(part["start"]), float(part["end"]), part["text"].strip()) for part in body.get("segments") or ()
    )
    seconds = segments[-1].end if segments else 0.0
    return Transcript(body["text"].strip(), segments, seconds, body.get("language") or "")


def recording_of(content: bytes, kind: str) -> Media:
    """Return the body as a sound. Raises ValueError for any other media type."""
    if not content or not kind.startswith(("audio/", "application/octet-stream")):
        raise ValueError("no sound")
    return Media(kind if kind.startswith("audio/") else "audio/mpeg", content)


def picture_of(content: bytes, _kind: str) -> Media:
    """Return the first picture. Raises RequestFailedError for a link, which the bot does not follow for safety."""
    first = orjson.loads(content)["data"][0]
    if not first.get("b64_json"):
        raise RequestFailedError(errors.LINK)
    picture = b64decode(first["b64_json"], validate=True)
    kind = picture_kind(picture)
    if not kind:
        raise ValueError("no picture")
    return Media(kind, picture)
