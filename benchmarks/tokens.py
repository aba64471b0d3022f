"""CPU per streamed token at 200 streams of 50 tokens a second, through the whole core; and the SDK's typed events.

Answers of two lengths tell what a token costs from what a request costs.
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


async def ours(base_url: str, tokens: int) -> float:
    """Seconds of CPU for all streams: request, store, core, backend and draft."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(
            f'[bot]\ndata = "{folder}"\n[models.m]\nbackend = "openai"\nmodel = "test"\nbase_url = "{base_url}"\n'
        )
        adapter = MemoryAdapter()
        async with application(load(path, {}), {"discord": adapter}) as app:
            await app.inbox.recover("discord")
            await app.services.backends["m"].prepare()
            started = time.process_time()
            for number in range(STREAMS):
                place = Place("discord", "guild", str(number))
                act, person = Act(str(number), number), Person(str(number), f"P{number}")
                await app.inbox.offer(Request(act, place, person, "chat", {"text": "hi"}))
            await asyncio.gather(*(draft.finished.wait() for draft in adapter.drafts))
            took = time.process_time() - started
            assert all(draft.text.count("word") == tokens for draft in adapter.drafts)
            await app.drain()
    return took


async def typed_events(base_url: str, tokens: int) -> float:
    """Seconds of CPU for the same streams through the SDK's typed events, and nothing else."""
    client = openai.AsyncOpenAI(base_url=base_url, api_key="none")

    async def stream() -> str:
        events = await client.chat.completions.create(
            model="test", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        return "".join([event.choices[0].delta.content or "" async for event in events])

    started = time.process_time()
    texts = await asyncio.gather(*(stream() for _ in range(STREAMS)))
    took = time.process_time() - started
    assert all(text.count("word") == tokens for text in texts)
    await client.close()
    return took


async def costs(stream: Callable[[str, int], Awaitable[float]]) -> tuple[float, float]:
    """Microseconds a token and milliseconds a request."""
    took = {}
    for tokens in (SHORT, LONG):
        async with model_server(tokens, PAUSE) as base_url:
            took[tokens] = await stream(base_url, tokens) / STREAMS
    token = (took[LONG] - took[SHORT]) / (LONG - SHORT)
    return token * 1e6, (took[SHORT] - SHORT * token) * 1e3


async def measure() -> list[Row]:
    """One after the other, against servers of the same kind."""
    (token, request), (typed_token, typed_request) = await costs(ours), await costs(typed_events)
    return [
        Row(
            f"CPU per streamed token, {STREAMS} streams of {1 / PAUSE:.0f} tokens/s",
            f"{token:.0f} µs, and {request:.1f} ms a request",
            f"the SDK's typed events alone: {typed_token:.0f} µs ({typed_token / token:.1f}×), {typed_request:.1f} ms",
            "15 µs",
        )
    ]
