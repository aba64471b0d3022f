"""Failures of model servers as llmock, a foreign mock server, plays them: each ends in a sentence with a next step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

import pytest

from bot.backends.openai import BACKEND, OpenAIModelSettings
from bot.interfaces.backend import Backend
from bot.interfaces.config import Section
from bot.interfaces.errors import BackendError
from bot.interfaces.prompts import Prompt, Sampling, Utterance
from bot.interfaces.replies import Done, Text

KEY = "sk-canary-that-nobody-may-see"
HELLO: Prompt = (Utterance("user", "Hello, what is a pretrained model?"),)
ACTIONS = ("aiting", "whoever runs this bot", "Shorten", "asks to wait", "Set ")
"""The next steps: a sentence has one of these."""


class LLMock(Protocol):
    """The used part of the fixture."""

    def base_url(self) -> str: ...
    def fail(self, status: int, *, times: int | None, message: str | None = ..., code: str | None = ...) -> object: ...
    def rate_limit(self, *, times: int | None, retry_after: float) -> object: ...
    def context_overflow(self, *, times: int | None) -> object: ...
    def delay(self, seconds: float, *, times: int | None) -> object: ...
    def slow_first_token(self, seconds: float, *, times: int | None) -> object: ...
    def disconnect(self, *, after_chunks: int, times: int | None) -> object: ...
    def truncate(self, *, after_chunks: int, times: int | None) -> object: ...
    def corrupt(self, *, after_chunks: int, times: int | None) -> object: ...
    def stall(self, *, after_chunks: int, seconds: float, times: int | None) -> object: ...
    def limits(self, *, context_window: int) -> object: ...


Fault = Callable[[LLMock, int | None], object]

STATUSES: Mapping[str, Fault] = {
    f"status {status}": lambda llm, times, status=status: llm.fail(status, times=times)  # type: ignore[misc]  # bound now
    for status in (400, 401, 402, 403, 404, 405, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)
}
FAULTS: Mapping[str, Fault] = {
    **STATUSES,
    "weird parameter": lambda llm, times: llm.fail(400, times=times, message="Weird parameter 'foo'"),
    "key in its words": lambda llm, times: llm.fail(401, times=times, message=f"Incorrect API key: {KEY}"),
    "out of credit": lambda llm, times: llm.fail(429, times=times, code="insufficient_quota"),
    "rate limit": lambda llm, times: llm.rate_limit(times=times, retry_after=0.01),
    "rate limit for long": lambda llm, times: llm.rate_limit(times=times, retry_after=3600),
    "too long": lambda llm, times: llm.context_overflow(times=times),
    "small window": lambda llm, _times: llm.limits(context_window=1),
    "slow": lambda llm, times: llm.delay(0.8, times=times),
    "slow to begin": lambda llm, times: llm.slow_first_token(0.8, times=times),
    "disconnect at once": lambda llm, times: llm.disconnect(after_chunks=0, times=times),
    "disconnect": lambda llm, times: llm.disconnect(after_chunks=2, times=times),
    "truncate at once": lambda llm, times: llm.truncate(after_chunks=0, times=times),
    "truncate": lambda llm, times: llm.truncate(after_chunks=2, times=times),
    "corrupt": lambda llm, times: llm.corrupt(after_chunks=2, times=times),
    "stall": lambda llm, times: llm.stall(after_chunks=2, seconds=0.8, times=times),
}
PASSING = ("status 409", "status 429", "status 500", "status 503", "status 529", "rate limit", "disconnect at once")
"""Faults that a second call does not meet."""


@pytest.fixture
async def backend(llmock: LLMock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Backend]:
    monkeypatch.setattr("bot.backends.openai.client.PAUSES", (0.0, 0.0))
    table = {"backend": "openai", "model": "gpt-4o", "base_url": llmock.base_url(), "timeout": 0.4, "stall": 0.4}
    made = BACKEND.create({"m": OpenAIModelSettings.model_validate(table)}, {"OPENAI_API_KEY": KEY}, Path(), Section())[
        "m"
    ]
    await made.prepare()
    yield made
    await made.aclose()


async def answer(backend: Backend) -> tuple[str, bool]:
    """Return the text, and whether it is complete. Raises BackendError."""
    text, done = "", False
    async with asyncio.timeout(10), aclosing(backend.stream(HELLO, Sampling())) as chunks:
        async for chunk in chunks:
            text += chunk.text if isinstance(chunk, Text) else ""
            done = done or isinstance(chunk, Done)
    return text, done


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_lasting_failure_says_what_to_do(llmock: LLMock, backend: Backend, fault: str) -> None:
    FAULTS[fault](llmock, None)
    with pytest.raises(BackendError) as caught:
        await answer(backend)
    message = caught.value.message
    assert any(action in message for action in ACTIONS), message
    assert message[0].isupper() or message[0].isdigit()
    assert message.endswith(".")
    assert ".." not in message.replace("127.0.0.1", "")
    assert "' Waiting" not in message  # a server's words end with a full stop of ours
    assert KEY not in message


@pytest.mark.parametrize("fault", PASSING)
async def test_a_passing_failure_is_not_seen(llmock: LLMock, backend: Backend, fault: str) -> None:
    FAULTS[fault](llmock, 1)
    text, done = await answer(backend)
    assert text
    assert done
