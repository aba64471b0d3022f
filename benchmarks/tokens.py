"""CPU per streamed token at 200 streams of 50 tokens a second: all the way through the core; the SDK's typed events."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import openai

from benchmarks.model_server import model_server
from benchmarks.table import Row
from bot.app import application
from bot.config import load
from bot.types import Act, Person, Place, Request
from tests.fakes.memory import MemoryAdapter

STREAMS = 200
TOKENS = 250
PAUSE = 0.02


async def ours(base_url: str) -> float:
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
                await app.inbox.offer(
                    Request(Act(str(number), number), place, Person("1", "Ann"), "chat", {"text": "hi"})
                )
            await asyncio.gather(*(draft.finished.wait() for draft in adapter.drafts))
            took = time.process_time() - started
            assert all(draft.text.count("word") == TOKENS for draft in adapter.drafts)
            await app.drain()
    return took


async def typed_events(base_url: str) -> float:
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
    assert all(text.count("word") == TOKENS for text in texts)
    await client.close()
    return took


async def measure() -> list[Row]:
    """Microseconds of CPU a token, one after the other against the same server."""
    async with model_server(TOKENS, PAUSE) as base_url:
        mine, typed = await ours(base_url), await typed_events(base_url)
    each = 1e6 / (STREAMS * TOKENS)
    return [
        Row(
            f"CPU per streamed token, {STREAMS} streams of {1 / PAUSE:.0f} tokens/s",
            f"{mine * each:.0f} µs",
            f"the SDK's typed events alone: {typed * each:.0f} µs ({typed / mine:.1f}×)",
            "15 µs",
        )
    ]
