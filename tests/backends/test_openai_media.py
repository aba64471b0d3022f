"""Vectors, transcripts, recordings and pictures through the real SDK, against a fake server."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path

import orjson
import pytest

from bot.backends.openai import BACKEND, OpenAIModelSettings, media
from bot.backends.openai.chat import OpenAIBackend
from bot.interfaces.backend import EmbeddingBackend, ImageBackend, SpeechBackend, TranscriptionBackend
from bot.interfaces.config import Section
from bot.interfaces.errors import BackendError, RateLimited, Refused, Unauthorised, Unavailable
from bot.interfaces.jobs import Segment, Transcript
from bot.interfaces.prompts import Media, Sampling, Utterance
from bot.interfaces.replies import Text
from bot.utils.media_types import picture_kind
from tests.fakes.media import MP3, PNG, Upload, vector
from tests.fakes.openai import CANARY, FAULTS, Answer, FakeOpenAI, unused_url, whole

PICTURE = Media("image/png", PNG)
SOUND = Media("audio/ogg", b"OggS")


def make(url: str, **settings: object) -> OpenAIBackend:
    table = OpenAIModelSettings.model_validate({"backend": "openai", "model": "test", "base_url": url, **settings})
    backend = BACKEND.create({"m": table}, {"OPENAI_API_KEY": "sk-test"}, Path(), Section())["m"]
    assert isinstance(backend, OpenAIBackend)
    return backend


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.backends.openai.client.PAUSES", (0.0, 0.0))


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as server:
        yield server
        assert not server.violations


@pytest.fixture
async def backend(server: FakeOpenAI) -> AsyncIterator[OpenAIBackend]:
    backend = make(server.base_url, timeout=5.0)
    yield backend
    await backend.aclose()


def test_the_backend_offers_it_all() -> None:
    backend = make("http://127.0.0.1:1/v1")
    assert isinstance(backend, EmbeddingBackend)
    assert isinstance(backend, TranscriptionBackend)
    assert isinstance(backend, SpeechBackend)
    assert isinstance(backend, ImageBackend)


async def test_texts_become_vectors_in_their_order(backend: OpenAIBackend) -> None:
    texts = ["a cat sat", "a dog sat", "banana"]
    assert [tuple(found) for found in await backend.embed(texts)] == [vector(text) for text in texts]
    assert await backend.embed([]) == []


async def test_many_texts_are_sent_in_batches(
    server: FakeOpenAI, backend: OpenAIBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "EMBED_AT_ONCE", 2)
    texts = [str(10**number) for number in range(5)]
    assert [tuple(found) for found in await backend.embed(texts)] == [vector(text) for text in texts]
    assert [len(request["input"]) for request in server.requests] == [2, 2, 1]  # type: ignore[arg-type]  # lists


async def test_vectors_may_come_as_numbers() -> None:
    async with FakeOpenAI(rejects=["encoding_format"]) as server:
        backend = make(server.base_url)
        assert [tuple(found) for found in await backend.embed(["banana"])] == [vector("banana")]
        await backend.aclose()


async def test_a_recording_becomes_text_with_times(server: FakeOpenAI, backend: OpenAIBackend) -> None:
    segments = (Segment(0.0, 1.5, "Hello"), Segment(1.5, 2.0, "there."))
    assert await backend.transcribe(SOUND) == Transcript("Hello there.", segments, 2.0, "english")
    assert (await backend.transcribe(SOUND, "de")).language == "de"
    assert server.requests[0]["file"] == Upload("sound.ogg", "audio/ogg", b"OggS")
    assert "language" not in server.requests[0]


@pytest.mark.parametrize("rejects", [["verbose_json"], ["timestamp_granularities"], ["response_format"]])
async def test_a_model_without_timestamps_transcribes(rejects: list[str]) -> None:
    async with FakeOpenAI(rejects=rejects) as server:
        backend = make(server.base_url)
        assert (await backend.transcribe(SOUND)).text == "Hello there."
        await backend.aclose()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("audio/mpeg", "sound.mp3"),
        ("audio/x-wav", "sound.wav"),
        ("audio/mp4", "sound.m4a"),
        ("video/webm", "sound.webm"),
    ],
)
async def test_a_recording_is_named_as_its_kind(
    server: FakeOpenAI, backend: OpenAIBackend, kind: str, name: str
) -> None:
    await backend.transcribe(Media(kind, b"x"))
    file = server.requests[0]["file"]
    assert isinstance(file, Upload)
    assert file.name == name


async def test_a_text_is_read_aloud(server: FakeOpenAI, backend: OpenAIBackend) -> None:
    assert await backend.speak("Hello") == Media("audio/mpeg", MP3)
    await backend.speak("Hello", "echo")
    assert [request["voice"] for request in server.requests] == ["alloy", "echo"]


async def test_a_picture_is_made(server: FakeOpenAI, backend: OpenAIBackend) -> None:
    assert await backend.paint("a cat") == PICTURE
    await backend.paint("a cat", "256x256")
    assert [request.get("size") for request in server.requests] == [None, "256x256"]


async def test_newer_models_give_pictures_without_being_asked_how() -> None:
    async with FakeOpenAI(rejects=["response_format"]) as server:
        backend = make(server.base_url)
        assert await backend.paint("a cat") == PICTURE
        await backend.paint("a cat")
        assert len(server.requests) == 4, "each is asked anew: what one endpoint refuses another may take"
        await backend.aclose()


ASKING: Mapping[str, Callable[[OpenAIBackend], Awaitable[object]]] = {
    "embed": lambda backend: backend.embed(["a"]),
    "transcribe": lambda backend: backend.transcribe(SOUND),
    "speak": lambda backend: backend.speak("a"),
    "paint": lambda backend: backend.paint("a"),
}

FAULT_ERRORS: Mapping[str, tuple[type[BackendError], str]] = {
    "rate limited": (RateLimited, "too many requests"),
    "rate limited for long": (RateLimited, "60 minutes"),
    "out of credit": (RateLimited, "out of credit"),
    "broken inside": (Unavailable, "trouble"),
    "wrong key": (Unauthorised, "OPENAI_API_KEY"),
    "no right": (Unauthorised, "does not let"),
    "unknown model": (Refused, "has no model test, or cannot"),
    "web page": (Unavailable, "trouble"),
    "web page as success": (Unavailable, "web page"),
    "reset": (Unavailable, "cannot be reached"),
    "stalled at once": (Unavailable, "did not begin"),
}


@pytest.mark.parametrize("fault", FAULT_ERRORS)
@pytest.mark.parametrize("ability", ASKING)
async def test_every_fault_has_its_error(server: FakeOpenAI, ability: str, fault: str) -> None:
    backend = make(server.base_url, timeout=0.2)
    server.script(*(FAULTS[fault]() for _ in range(3)))
    with pytest.raises(BackendError) as caught:
        await ASKING[ability](backend)
    await backend.aclose()
    kind, word = FAULT_ERRORS[fault]
    assert type(caught.value) is kind
    assert word in caught.value.message
    assert CANARY not in caught.value.message


@pytest.mark.parametrize("ability", ASKING)
async def test_a_passing_failure_is_tried_again(server: FakeOpenAI, backend: OpenAIBackend, ability: str) -> None:
    server.script(FAULTS["overloaded"](), FAULTS["reset"]())
    assert await ASKING[ability](backend)
    assert len(server.requests) == 3


NONSENSE = {
    "embed": [b"[]", b'{"data": []}', b'{"data": [{"index": 0, "embedding": "?"}]}', b'{"data": [{"index": 1}]}'],
    "transcribe": [b"Hello", b"{}", b'{"text": null}', b'{"text": "a", "segments": [{}]}'],
    "speak": [b'{"audio": 1}'],
    "paint": [b"{}", b'{"data": []}', orjson.dumps({"data": [{"b64_json": b64encode(b"text").decode()}]})],
}


@pytest.mark.parametrize(("ability", "body"), [(name, body) for name, bodies in NONSENSE.items() for body in bodies])
async def test_what_cannot_be_read_is_said(
    server: FakeOpenAI, backend: OpenAIBackend, ability: str, body: bytes
) -> None:
    server.script(whole("application/json", body))
    with pytest.raises(Unavailable, match="cannot be read"):
        await ASKING[ability](backend)


async def test_a_link_to_a_picture_is_refused(server: FakeOpenAI, backend: OpenAIBackend) -> None:
    server.script(whole("application/json", b'{"data": [{"url": "http://127.0.0.1:9/a.png"}]}'))
    with pytest.raises(Refused, match="sent a link"):
        await backend.paint("a cat")


async def test_a_server_that_cannot_says_so(server: FakeOpenAI, backend: OpenAIBackend) -> None:
    server.script(Answer(status=404, body=b"404 page not found", media_type="text/plain"))
    with pytest.raises(Refused, match="cannot use it for this"):
        await backend.speak("Hello")


async def test_nothing_listens() -> None:
    backend = make(unused_url())
    with pytest.raises(Unavailable, match="cannot be reached"):
        await backend.embed(["a"])
    await backend.aclose()


async def test_leaving_hangs_up(server: FakeOpenAI, backend: OpenAIBackend) -> None:
    received = asyncio.Event()
    server.on_request = lambda _stage: received.set()
    server.script(FAULTS["stalled at once"]())
    task = asyncio.create_task(backend.embed(["a"]))
    await received.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.hung_up.wait(), 1)


# Pictures in questions ------------------------------------------------------------------------------------------------


async def test_pictures_go_with_their_question(server: FakeOpenAI, backend: OpenAIBackend) -> None:
    prompt = (Utterance("system", "Be brief."), Utterance("user", "What is this?", (PICTURE, PICTURE)))
    async with aclosing(backend.stream(prompt, Sampling())) as pieces:
        text = "".join([piece.text async for piece in pieces if isinstance(piece, Text)])
    assert text == "You said: What is this? (with 2 pictures)"
    messages = server.requests[0]["messages"]
    assert isinstance(messages, list)
    assert messages[0] == {"role": "system", "content": "Be brief."}
    url = f"data:image/png;base64,{b64encode(PNG).decode()}"
    assert messages[1]["content"][1] == {"type": "image_url", "image_url": {"url": url}}


async def test_pictures_count_for_the_window(backend: OpenAIBackend) -> None:
    without = await backend.count((Utterance("user", "What is this?"),))
    assert await backend.count((Utterance("user", "What is this?", (PICTURE,)),)) > without + 1_000


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVE", ""),
        (b"<svg>", ""),
        (b"", ""),
    ],
)
def test_pictures_are_known_by_their_bytes(content: bytes, kind: str) -> None:
    assert picture_kind(content) == kind
