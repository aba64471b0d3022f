"""OpenAI's API beside chat: vectors, transcripts, recordings and pictures, with the requests that it refuses."""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import orjson
from aiohttp import web

Body: TypeAlias = Mapping[str, object]
Answering: TypeAlias = Callable[[Body], tuple[str, bytes]]

PNG = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
"""A picture of one point."""

MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(32)
JSON = "application/json"
SOUNDS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
PICTURES = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff", "image/gif": b"GIF8", "image/webp": b"RIFF"}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a form."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The fields that it knows, those that it needs, what else is wrong with a request, and what it answers."""

    fields: Mapping[str, type | tuple[type, ...]]
    needs: Sequence[str]
    wrong: Callable[[Body], Sequence[str]]
    answer: Answering


async def body_of(request: web.Request) -> dict[str, object]:
    """Return the fields of a request in JSON or of a form; a field that ends in [] is a list."""
    if request.content_type == "application/json":
        body: dict[str, object] = orjson.loads(await request.read())
        return body
    found: dict[str, object] = {}
    form = await request.post()
    for name in dict.fromkeys(form):
        values = [_upload(value) if isinstance(value, web.FileField) else str(value) for value in form.getall(name)]
        found[name.removesuffix("[]")] = values if name.endswith("[]") else values[0]
    return found


def _upload(field: web.FileField) -> Upload:
    with field.file:
        return Upload(field.filename, field.content_type, field.file.read())


def violations(path: str, body: Body) -> Sequence[str]:
    """Everything that OpenAI refuses in a request to this endpoint, worst first."""
    endpoint = ENDPOINTS[path]
    found = [f"unknown field {name}" for name in body if name not in endpoint.fields]
    found += [
        f"wrong type of {name}"
        for name, value in body.items()
        if not isinstance(value, endpoint.fields.get(name, object))
    ]
    found += [f"missing {name}" for name in endpoint.needs if not body.get(name)]
    return found or endpoint.wrong(body)


def is_picture(url: str) -> bool:
    """Return True for a data URL whose bytes are a picture of its media type."""
    head, _, data = url.partition(",")
    kind = head.removeprefix("data:").removesuffix(";base64")
    try:
        return head == f"data:{kind};base64" and b64decode(data, validate=True).startswith(PICTURES.get(kind, b"?"))
    except Error:
        return False


def _texts(body: Body) -> Sequence[str]:
    texts = body["input"]
    return texts if isinstance(texts, list) else [str(texts)]


def _wrong_texts(body: Body) -> Sequence[str]:
    texts = _texts(body)
    found = ["more than 2048 texts"] if len(texts) > 2048 else []
    found += ["an empty text"] if not all(isinstance(text, str) and text for text in texts) else []
    return found + _not_one_of(body, "encoding_format", ("float", "base64"))


def vector(text: str) -> tuple[float, float, float]:
    """Return the vector of a text."""
    return float(len(text)), float(text.count("a")), 0.5


def _vectors(body: Body) -> tuple[str, bytes]:
    """In an order of its own, as the API promises none."""
    packed = body.get("encoding_format") == "base64"

    def shown(text: str) -> str | Sequence[float]:
        return b64encode(struct.pack("<3f", *vector(text))).decode() if packed else vector(text)

    rows = [
        {"object": "embedding", "index": index, "embedding": shown(text)} for index, text in enumerate(_texts(body))
    ]
    return JSON, orjson.dumps({"object": "list", "data": rows[::-1], "model": body["model"], "usage": {}})


def _wrong_sound(body: Body) -> Sequence[str]:
    file = body["file"]
    assert isinstance(file, Upload)
    found = [] if file.name.rpartition(".")[2] in SOUNDS else [f"unsupported file format {file.name}"]
    found += [] if file.content else ["an empty file"]
    if "timestamp_granularities" in body and body.get("response_format") != "verbose_json":
        found.append("timestamp_granularities without verbose_json")
    return found + _not_one_of(body, "response_format", ("json", "text", "srt", "verbose_json", "vtt"))


def _words(body: Body) -> tuple[str, bytes]:
    if body.get("response_format") != "verbose_json":
        return JSON, orjson.dumps({"text": "Hello there."})
    parts = [
        {"id": 0, "start": 0.0, "end": 1.5, "text": " Hello"},
        {"id": 1, "start": 1.5, "end": 2, "text": " there."},
    ]
    language = body.get("language") or "english"
    return JSON, orjson.dumps({"text": " Hello there.", "language": language, "duration": 2, "segments": parts})


def _wrong_speech(body: Body) -> Sequence[str]:
    return ["input longer than 4096"] if len(str(body["input"])) > 4096 else []


def _wrong_painting(body: Body) -> Sequence[str]:
    return _not_one_of(body, "response_format", ("url", "b64_json"))


def _painting(body: Body) -> tuple[str, bytes]:
    """Unasked, a link: so does the API for its older models."""
    if body.get("response_format") == "url":
        return JSON, orjson.dumps({"created": 1, "data": [{"url": "http://127.0.0.1:9/picture.png"}]})
    return JSON, orjson.dumps({"created": 1, "data": [{"b64_json": b64encode(PNG).decode()}]})


def _not_one_of(body: Body, name: str, values: Sequence[str]) -> list[str]:
    return [] if body.get(name, values[0]) in values else [f"bad {name}"]


ENDPOINTS: Mapping[str, Endpoint] = {
    "/embeddings": Endpoint(
        {"model": str, "input": (str, list), "encoding_format": str, "dimensions": int},
        ("model", "input"),
        _wrong_texts,
        _vectors,
    ),
    "/audio/transcriptions": Endpoint(
        {"model": str, "file": Upload, "language": str, "response_format": str, "timestamp_granularities": list},
        ("model", "file"),
        _wrong_sound,
        _words,
    ),
    "/audio/speech": Endpoint(
        {"model": str, "input": str, "voice": str, "response_format": str},
        ("model", "input", "voice"),
        _wrong_speech,
        lambda _body: ("audio/mpeg", MP3),
    ),
    "/images/generations": Endpoint(
        {"model": str, "prompt": str, "n": int, "size": str, "response_format": str},
        ("model", "prompt"),
        _wrong_painting,
        _painting,
    ),
}
