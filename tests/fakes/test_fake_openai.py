"""The fake OpenAI reports every broken rule: a test breaks each once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.fakes.openai import Answer, FakeOpenAI, Stage, chunk

GOOD: dict[str, object] = {"model": "test", "messages": [{"role": "user", "content": "Hi"}], "stream": True}


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as server:
        yield server


async def ask(server: FakeOpenAI, body: dict[str, object], key: str | None = None) -> tuple[int, str]:
    """Return the status and the text of the response."""
    headers = {"Authorization": f"Bearer {server.key if key is None else key}"} if key != "" else {}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.base_url}/chat/completions", json=body, headers=headers) as response,
    ):
        return response.status, await response.text()


async def test_a_good_request_is_no_violation(server: FakeOpenAI) -> None:
    stages: list[Stage] = []
    server.on_request = stages.append
    status, text = await ask(server, {**GOOD, "stream_options": {"include_usage": True}, "max_completion_tokens": 5})
    assert (status, server.violations) == (200, [])
    assert chunk({"content": " Hi"}).decode() in text
    assert '"total_tokens":15' in text
    assert '"finish_reason":"stop"' in text
    assert text.endswith("data: [DONE]\n\n")
    assert stages == ["received", "answered"]


def message(**fields: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": "Hi", **fields}]}


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        ({"temprature": 1}, "unknown field temprature"),
        ({"max_tokens": "9"}, "wrong type of max_tokens"),
        ({"messages": []}, "missing messages"),
        ({"model": ""}, "missing model"),
        ({"stream": False}, "missing stream"),
        ({"max_tokens": 9, "max_completion_tokens": 9}, "both max_tokens and max_completion_tokens"),
        (message(role="human"), "bad role human"),
        (message(content=None), "missing content"),
        (message(name="Ann Lee"), "bad name Ann Lee"),
        (message(name="a<b"), "bad name a<b"),
        (message(content=[]), "missing content"),
        (message(content=[{"type": "picture"}]), "bad content"),
        (message(content=[{"type": "image_url", "image_url": {"url": "https://x/a.png"}}]), "bad image_url"),
        (message(content=[{"type": "image_url", "image_url": {"url": "data:image/png;base64,R0lG"}}]), "bad image_url"),
        (message(role="system", content=[{"type": "text", "text": "Hi"}]), "missing content"),
        (message(id="7"), "unknown field messages.id"),
    ],
)
async def test_a_violation_is_recorded_and_refused(
    server: FakeOpenAI, change: dict[str, object], violation: str
) -> None:
    status, text = await ask(server, {**GOOD, **change})
    assert (status, server.violations) == (400, [violation])
    assert violation in text


@pytest.mark.parametrize(("key", "violation"), [("sk-other", "wrong key"), ("", "missing Authorization")])
async def test_the_key_is_checked(server: FakeOpenAI, key: str, violation: str) -> None:
    status, _ = await ask(server, GOOD, key)
    assert (status, server.violations) == (401, [violation])


async def test_an_unknown_model_is_not_a_violation(server: FakeOpenAI) -> None:
    status, text = await ask(server, {**GOOD, "model": "gpt-99"})
    assert (status, server.violations) == (404, [])
    assert "model_not_found" in text


async def test_a_rejected_field_is_refused_and_no_violation() -> None:
    async with FakeOpenAI(rejects=["stream_options"]) as server:
        status, text = await ask(server, {**GOOD, "stream_options": {"include_usage": True}})
    assert (status, server.violations) == (400, [])
    assert '"param":"stream_options"' in text


async def test_an_answer_waits_for_its_gate(server: FakeOpenAI) -> None:
    gate, started = asyncio.Event(), asyncio.Event()
    server.on_request = lambda _stage: started.set()
    server.script(Answer(("a", gate, "b")))
    asking = asyncio.create_task(ask(server, GOOD))
    await started.wait()
    assert not asking.done()
    gate.set()
    assert chunk({"content": "b"}).decode() in (await asking)[1]


async def test_silent_truncation_looks_like_an_end(server: FakeOpenAI) -> None:
    server.script(Answer(("a",), finish=None))
    status, text = await ask(server, GOOD)
    assert (status, text) == (200, chunk({"content": "a"}).decode())


@pytest.mark.parametrize(
    ("path", "body", "violation"),
    [
        ("/embeddings", {"input": ["a"], "user_id": 1}, "unknown field user_id"),
        ("/embeddings", {"input": 3}, "wrong type of input"),
        ("/embeddings", {"input": []}, "missing input"),
        ("/embeddings", {"input": ["a", ""]}, "an empty text"),
        ("/embeddings", {"input": ["a"] * 2049}, "more than 2048 texts"),
        ("/embeddings", {"input": ["a"], "encoding_format": "int8"}, "bad encoding_format"),
        ("/audio/speech", {"input": "a"}, "missing voice"),
        ("/audio/speech", {"input": "a" * 4097, "voice": "alloy"}, "input longer than 4096"),
        ("/images/generations", {"size": "1x1"}, "missing prompt"),
        ("/images/generations", {"prompt": "a", "response_format": "png"}, "bad response_format"),
    ],
)
async def test_what_is_refused_beside_chat(
    server: FakeOpenAI, path: str, body: dict[str, object], violation: str
) -> None:
    headers = {"Authorization": f"Bearer {server.key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(server.base_url + path, json={"model": "test", **body}, headers=headers) as response,
    ):
        assert (response.status, server.violations) == (400, [violation])


@pytest.mark.parametrize(
    ("name", "fields", "violation"),
    [
        ("sound.exe", {}, "unsupported file format sound.exe"),
        ("sound.mp3", {"response_format": "xml"}, "bad response_format"),
        ("sound.mp3", {"timestamp_granularities[]": "word"}, "timestamp_granularities without verbose_json"),
        ("sound.mp3", {"speaker": "Ann"}, "unknown field speaker"),
        ("", {}, "missing file"),
    ],
)
async def test_what_is_refused_of_a_recording(
    server: FakeOpenAI, name: str, fields: dict[str, str], violation: str
) -> None:
    form = aiohttp.FormData({"model": "test", **fields}, default_to_multipart=True)
    if name:
        form.add_field("file", b"x", filename=name, content_type="audio/mpeg")
    url, headers = f"{server.base_url}/audio/transcriptions", {"Authorization": f"Bearer {server.key}"}
    async with aiohttp.ClientSession() as session, session.post(url, data=form, headers=headers) as response:
        assert (response.status, server.violations) == (400, [violation])


async def test_azure_wants_its_version_and_its_own_header() -> None:
    async with FakeOpenAI(api_version="2024-10-21") as server:
        url = server.base_url.replace("/v1", "/openai/deployments/test/chat/completions")
        async with aiohttp.ClientSession() as session:
            for version, headers, status in (
                ("2024-10-21", {"api-key": server.key}, 200),
                ("2023", {"api-key": server.key}, 404),
                ("2024-10-21", {"Authorization": f"Bearer {server.key}"}, 401),
            ):
                async with session.post(f"{url}?api-version={version}", json=GOOD, headers=headers) as response:
                    assert response.status == status
