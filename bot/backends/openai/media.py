"""Vectors, transcripts, recordings and pictures: what OpenAI's API does beside chat, each in one whole answer.

What differs between servers is asked for and left out again where a server refuses it by name.
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
from bot.interfaces.prompts import Media, Segment, Transcript
from bot.utils.media_types import picture_kind

if TYPE_CHECKING:
    import httpx2
    import openai

    Asking = Callable[[openai.AsyncOpenAI, Mapping[str, object]], Awaitable["JsonResponse"]]

T = TypeVar("T")

log = logging.getLogger(__name__)

EMBED_AT_ONCE = 256
"""Texts in one request; OpenAI takes 2,048, smaller servers fewer."""

ENDINGS: Mapping[str, str] = {
    "audio/mpeg": "mp3",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "audio/x-flac": "flac",
    "audio/opus": "ogg",
}
"""Endings of files, by which servers tell kinds of sound; others end as their type does."""


class JsonResponse(Protocol):
    """An answer that came as one."""

    @property
    def headers(self) -> httpx2.Headers:
        """Its headers."""

    @property
    def content(self) -> bytes:
        """Its body."""


async def embed(access: ServerAccess, texts: Sequence[str]) -> Sequence[Sequence[float]]:
    """One vector for each text, in order."""
    batches = [list(texts[start : start + EMBED_AT_ONCE]) for start in range(0, len(texts), EMBED_AT_ONCE)]
    return [vector for batch in batches for vector in await _embed_at_once(access, batch)]


async def _embed_at_once(access: ServerAccess, texts: list[str]) -> Sequence[Sequence[float]]:
    async def ask(client: openai.AsyncOpenAI, fields: Mapping[str, object]) -> JsonResponse:
        return await client.embeddings.with_raw_response.create(
            model=access.settings.model, input=texts, extra_body=fields, extra_headers=access.headers()
        )

    def read(content: bytes, _kind: str) -> Sequence[Sequence[float]]:
        return vectors_of(content, len(texts))

    return await _ask(access, ask, {"encoding_format": "base64"}, read)


async def transcribe(access: ServerAccess, sound: Media, language: str) -> Transcript:
    """What is said in a recording, with times where the model tells them."""
    ending = ENDINGS.get(sound.media_type, sound.media_type.rpartition("/")[2].removeprefix("x-"))
    file = (f"sound.{ending or 'mp3'}", sound.content, sound.media_type)

    async def ask(client: openai.AsyncOpenAI, fields: Mapping[str, object]) -> JsonResponse:
        return await client.audio.transcriptions.with_raw_response.create(
            file=file, model=access.settings.model, extra_body=fields, extra_headers=access.headers()
        )

    wanted = {"timestamp_granularities": ["segment"], "response_format": "verbose_json"}
    return await _ask(access, ask, {**wanted, "language": language}, transcript_of)


async def speak(access: ServerAccess, text: str, voice: str) -> Media:
    """A recording of the text."""

    async def ask(client: openai.AsyncOpenAI, fields: Mapping[str, object]) -> JsonResponse:
        return await client.audio.speech.with_raw_response.create(
            input=text,
            model=access.settings.model,
            voice=voice or access.settings.voice,
            extra_body=fields,
            extra_headers=access.headers(),
        )

    return await _ask(access, ask, {}, recording_of)


async def paint(access: ServerAccess, prompt: str, size: str) -> Media:
    """A picture."""

    async def ask(client: openai.AsyncOpenAI, fields: Mapping[str, object]) -> JsonResponse:
        return await client.images.with_raw_response.generate(
            prompt=prompt, model=access.settings.model, extra_body=fields, extra_headers=access.headers()
        )

    return await _ask(access, ask, {"response_format": "b64_json", "size": size}, picture_of)


async def _ask(
    access: ServerAccess, asking: Asking, optional: Mapping[str, object], read: Callable[[bytes, str], T]
) -> T:
    """Send a request, without what the server refuses of `optional`; its answer as `read` reads it, in a thread."""
    fields: dict[str, object] = {name: value for name, value in optional.items() if value} | access.settings.extra

    async def ask(client: openai.AsyncOpenAI) -> JsonResponse:
        import openai

        while True:
            try:
                return await asking(client, fields)
            except openai.OpenAIError as error:
                sent = [name for name in optional if not isinstance(fields.get(name), openai.Omit)]
                refused = refused_field(error, sent)
                if not refused:
                    raise
                log.info("%s does not take %s and is asked without it", access.server.host, refused)
                fields[refused] = openai.Omit()  # else the SDK may send one of its own

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
    """The vectors in order, whether they come as numbers or as bytes. Raises ValueError unless all are there."""
    rows = sorted(orjson.loads(content)["data"], key=lambda row: row["index"])
    if [row["index"] for row in rows] != list(range(count)):
        raise ValueError("not one vector for each text")
    vectors = [_vector(row["embedding"]) for row in rows]
    (length,) = {len(vector) for vector in vectors}
    if not length or not all(math.isfinite(number) for vector in vectors for number in vector):
        raise ValueError("no vectors")
    return vectors


def _vector(sent: str | Sequence[float]) -> Sequence[float]:
    if not isinstance(sent, str):
        return [float(number) for number in sent]
    data = b64decode(sent, validate=True)
    return struct.unpack(f"<{len(data) // 4}f", data)


def transcript_of(content: bytes, _kind: str) -> Transcript:
    """The words; the times of their parts where the server says them."""
    said = orjson.loads(content)
    segments = (
        Segment(float(part["start"]), float(part["end"]), part["text"].strip()) for part in said.get("segments") or ()
    )
    return Transcript(said["text"].strip(), tuple(segments), said.get("language") or "")


def recording_of(content: bytes, kind: str) -> Media:
    """A sound as it came. Raises ValueError for something else."""
    if not content or not kind.startswith(("audio/", "application/octet-stream")):
        raise ValueError("no sound")
    return Media(kind if kind.startswith("audio/") else "audio/mpeg", content)


def picture_of(content: bytes, _kind: str) -> Media:
    """The first picture. Raises FailedError where there is only a link to one, which is not followed."""
    first = orjson.loads(content)["data"][0]
    if not first.get("b64_json"):
        raise RequestFailedError(errors.LINK)
    picture = b64decode(first["b64_json"], validate=True)
    kind = picture_kind(picture)
    if not kind:
        raise ValueError("no picture")
    return Media(kind, picture)
