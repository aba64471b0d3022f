"""CPU time per streamed token at 200 streams of 50 tokens a second, of the whole core and of the SDK's typed events.

Answers of two lengths separate the cost of a token from the cost of a request.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import openai

from benchmarks.model_server import model_server
from benchmarks.table import Row
from bot.app import application
from bot.config import load
from bot.interfaces.messages import Act, Person, Place, Request
from tests.fakes.memory import MemoryAdapter

STREAMS = 200
SHORT, LONG = 100, 600
"""Tokens of an answer."""
PAUSE = 0.02
"""Seconds between two tokens of a stream."""


async def whole_core(base_url: str, tokens: int) -> float:
    """Return the CPU seconds of all streams through request, store, core, backend and draft."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(
            f'[bot]\ndata = "{folder}"\n[models.m]\nbackend = "openai"\nmodel = "test"\nbase_url = "{base_url}"\n'
        )
        adapter = MemoryAdapter()
        async with application(load(path, {}), {"discord": adapter}) as app:
            await app.queue.recover("discord")
            await app.services.backends["m"].prepare()
            started = time.process_time()
            for number in range(STREAMS):
                place = Place("discord", "guild", str(number))
                act, person = Act(str(number), number), Person(str(number), f"P{number}")
                await app.queue.offer(Request(act, place, person, "chat", {"text": "hi"}))
            await asyncio.gather(*(draft.finished.wait() for draft in adapter.drafts))
            seconds = time.process_time() - started
            assert all(draft.text.count("word") == tokens for draft in adapter.drafts)
            await app.drain()
    return seconds


async def typed_events(base_url: str, tokens: int) -> float:
    """Return the CPU seconds of the same streams through only the SDK's typed events."""
    client = openai.AsyncOpenAI(base_url=base_url, api_key="none")

    async def stream() -> str:
        events = await client.chat.completions.create(
            model="test", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        return "".join([event.choices[0].delta.content or "" async for event in events])

    started = time.process_time()
    texts = await asyncio.gather(*(stream() for _ in range(STREAMS)))
    seconds = time.process_time() - started
    assert all(text.count("word") == tokens for text in texts)
    await client.close()
    return seconds


async def costs(stream: Callable[[str, int], Awaitable[float]]) -> tuple[float, float]:
    """Return the microseconds of a token and the milliseconds of a request."""
    seconds = {}
    for tokens in (SHORT, LONG):
        async with model_server(tokens, PAUSE) as base_url:
            seconds[tokens] = await stream(base_url, tokens) / STREAMS
    token = (seconds[LONG] - seconds[SHORT]) / (LONG - SHORT)
    return token * 1e6, (seconds[SHORT] - SHORT * token) * 1e3


async def measure() -> list[Row]:
    """Return the row with the costs of the core and of the typed events, measured one after the other."""
    (token, request), (typed_token, typed_request) = await costs(whole_core), await costs(typed_events)
    return [
        Row(
            f"CPU per streamed token, {STREAMS} streams of {1 / PAUSE:.0f} tokens/s",
            f"{token:.0f} µs, and {request:.1f} ms a request",
            f"only the SDK's typed events: {typed_token:.0f} µs ({typed_token / token:.1f}×), {typed_request:.1f} ms",
            "15 µs",
        )
    ]
