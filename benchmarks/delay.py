"""Own delay: from the moment a mention leaves the platform until the model's server has the request.

200 conversations, each with a mention every few seconds; the durable inbox included. Compared with a bare handler on
the same client library that calls the model at once. Both run in processes of their own, one after the other.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.table import Row, percentile
from tests.fakes.discord import FakeDiscord
from tests.fakes.openai import Answer, Body, FakeOpenAI

CONVERSATIONS = 200
CALM, BUSY = 15.0, 4.0
"""Seconds between two mentions of one conversation."""
SECONDS = 15.0
NUMBER = re.compile(r"number (\d+)")
CONFIG = """
[bot]
data = "{folder}"
[models.m]
backend = "openai"
model = "test"
base_url = "{model}"
[discord]
api_url = "{api}"
gateway_url = "{gateway}"
requests_per_second = 1000.0
"""


@asynccontextmanager
async def process(*arguments: str, **environment: str) -> AsyncGenerator[None, None]:
    """A child that serves until the end of the block."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env={**os.environ, **environment}, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        child.terminate()
        await child.wait()


async def delays(platform: FakeDiscord, model: FakeOpenAI, pause: float) -> list[float]:
    """Milliseconds for each mention, evenly spread over the conversations."""
    sent: dict[int, float] = {}
    took: list[float] = []
    warm, all_there = asyncio.Event(), asyncio.Event()
    total = int(CONVERSATIONS * SECONDS / pause)

    def answer(body: Body) -> Answer:
        messages = body["messages"]
        assert isinstance(messages, list)
        found = NUMBER.search(messages[-1]["content"])
        if not found:
            warm.set()
            return Answer(("Hello", " there"))
        took.append((time.perf_counter() - sent[int(found[1])]) * 1_000)
        if len(took) == total:
            all_there.set()
        return Answer(("Hello", " there"))

    model.answer = answer
    guild = platform.add_guild("Team")
    people = [platform.add_user(f"Person {number}") for number in range(CONVERSATIONS)]
    places = [platform.add_channel(guild, f"channel-{number}") for number in range(CONVERSATIONS)]
    for person in people:
        platform.add_member(guild, person)
    await platform.connected()
    platform.post(places[0], people[0], platform.mention("hello"))  # whatever happens once has happened then
    await warm.wait()
    started = time.perf_counter()
    for number in range(total):
        await asyncio.sleep(max(0.0, started + number * pause / CONVERSATIONS - time.perf_counter()))
        sent[number] = time.perf_counter()
        platform.post(
            places[number % CONVERSATIONS], people[number % CONVERSATIONS], platform.mention(f"number {number}")
        )
    async with asyncio.timeout(60):
        await all_there.wait()
    return took


async def ours(pause: float) -> list[float]:
    """The whole bot: `shoulders run`."""
    with tempfile.TemporaryDirectory() as folder:
        async with FakeDiscord() as platform, FakeOpenAI(key="") as model:
            platform.rates.on = False
            config = Path(folder) / "config.toml"
            config.write_text(
                CONFIG.format(folder=folder, model=model.base_url, api=platform.api_url, gateway=platform.gateway_url)
            )
            async with process("-m", "bot", "run", "--config", str(config), DISCORD_TOKEN=platform.token):
                return await delays(platform, model, pause)


async def bare(pause: float) -> list[float]:
    """benchmarks/bare_discord.py."""
    async with FakeDiscord() as platform, FakeOpenAI(key="") as model:
        platform.rates.on = False
        addresses = (platform.api_url, platform.gateway_url, model.base_url)
        async with process("-m", "benchmarks.bare_discord", *addresses, DISCORD_TOKEN=platform.token):
            return await delays(platform, model, pause)


async def measure() -> list[Row]:
    """Calm and busy, each beside the bare handler."""
    rows = []
    for pause in (CALM, BUSY):
        mine, theirs = await ours(pause), await bare(pause)
        mine_50, mine_99, theirs_50, theirs_99 = (
            percentile(values, share) for values in (mine, theirs) for share in (0.5, 0.99)
        )
        rows.append(
            Row(
                f"own delay on Discord, {CONVERSATIONS} conversations, one mention each {pause:.0f} s (p50 / p99)",
                f"{mine_50:.0f} / {mine_99:.0f} ms",
                f"a bare discord.py handler: {theirs_50:.0f} / {theirs_99:.0f} ms "
                f"({mine_50 / theirs_50:.1f}× / {mine_99 / theirs_99:.1f}×)",
                "1.5× / 1×",
            )
        )
    return rows
