"""The bot's own delay: the time from a mention on the platform to the request at the model's server.

200 conversations have a mention every few seconds each; the durable queue is included. The comparison is a bare handler
on the same client library that calls the model at once. Both run in a process of their own, one after the other.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from benchmarks.table import Row, percentile
from tests.fakes.discord import FakeDiscord
from tests.fakes.openai import Answer, Body, FakeOpenAI
from tests.fakes.slack import FakeSlack

CONVERSATIONS = 200
CALM, BUSY = 15.0, 4.0
"""Seconds between two mentions of one conversation."""
SECONDS = 15.0
"""The length of one measurement."""
NUMBER = re.compile(r"number (\d+)")
CONFIG = """
[bot]
data = "{folder}"
[models.m]
backend = "openai"
model = "test"
base_url = "{model}"
"""


class Workload(ABC):
    """A fake platform without rate limits, with a channel and a person for each conversation."""

    name: str
    bare_module: str
    """The module with the bare handler."""

    @abstractmethod
    async def open(self, stack: AsyncExitStack) -> None:
        """Start the server and create its channels and people."""

    @abstractmethod
    def table(self) -> str:
        """Return the platform's table of config.toml."""

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """Return the tokens, and API_URL for the bare handler."""

    @abstractmethod
    async def connected(self) -> None:
        """Wait until the bot is connected."""

    @abstractmethod
    def mention(self, conversation: int, text: str) -> None:
        """Post a message that mentions the bot in a conversation's channel."""


class DiscordWorkload(Workload):
    """The mentions on Discord."""

    name, bare_module = "Discord", "benchmarks.bare.on_discord"

    async def open(self, stack: AsyncExitStack) -> None:
        self.server = await stack.enter_async_context(FakeDiscord())
        self.server.rates.on = False
        guild = self.server.add_guild("Team")
        self.people = [self.server.add_user(f"Person {number}") for number in range(CONVERSATIONS)]
        self.places = [self.server.add_channel(guild, f"channel-{number}") for number in range(CONVERSATIONS)]
        for person in self.people:
            self.server.add_member(guild, person)

    def table(self) -> str:
        addresses = f'api_url = "{self.server.api_url}"\ngateway_url = "{self.server.gateway_url}"\n'
        return f"[discord]\n{addresses}requests_per_second = 1000.0\n"

    def environment(self) -> Mapping[str, str]:
        return {"DISCORD_TOKEN": self.server.token, "API_URL": self.server.api_url}

    async def connected(self) -> None:
        await self.server.connected()

    def mention(self, conversation: int, text: str) -> None:
        self.server.post(self.places[conversation], self.people[conversation], self.server.mention(text))


class SlackWorkload(Workload):
    """The mentions on Slack."""

    name, bare_module = "Slack", "benchmarks.bare.on_slack"

    async def open(self, stack: AsyncExitStack) -> None:
        self.server = await stack.enter_async_context(FakeSlack())
        self.server.rates.on = False
        self.people = [self.server.add_user(f"Person {number}") for number in range(CONVERSATIONS)]
        self.places = [
            self.server.add_channel(f"channel-{number}", person) for number, person in enumerate(self.people)
        ]

    def table(self) -> str:
        return f'[slack]\napi_url = "{self.server.api_url}"\npace = 1000.0\n'

    def environment(self) -> Mapping[str, str]:
        tokens = {"SLACK_BOT_TOKEN": self.server.bot_token, "SLACK_APP_TOKEN": self.server.app_token}
        return {**tokens, "API_URL": self.server.api_url}

    async def connected(self) -> None:
        await self.server.connected()

    def mention(self, conversation: int, text: str) -> None:
        self.server.post(self.places[conversation], self.people[conversation], self.server.mention(text))


@asynccontextmanager
async def process(*arguments: str, **environment: str) -> AsyncGenerator[None, None]:
    """Run a Python process until the end of the block."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env={**os.environ, **environment}, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        child.terminate()
        await child.wait()


async def delays(workload: Workload, model: FakeOpenAI, pause: float) -> list[float]:
    """Return the delay of each mention in milliseconds; the mentions are evenly spread over the conversations."""
    sent: dict[int, float] = {}
    measured: list[float] = []
    warm, complete = asyncio.Event(), asyncio.Event()
    total = int(CONVERSATIONS * SECONDS / pause)

    def answer(body: Body) -> Answer:
        messages = body["messages"]
        assert isinstance(messages, list)
        found = NUMBER.search(messages[-1]["content"])
        if not found:
            warm.set()
        else:
            measured.append((time.perf_counter() - sent[int(found[1])]) * 1_000)
            if len(measured) == total:
                complete.set()
        return Answer(("Hello", " there"))

    model.answer = answer
    await workload.connected()
    workload.mention(0, "hello")  # the first request also pays for work that happens once; it is not measured
    await warm.wait()
    started = time.perf_counter()
    for number in range(total):
        await asyncio.sleep(max(0.0, started + number * pause / CONVERSATIONS - time.perf_counter()))
        sent[number] = time.perf_counter()
        workload.mention(number % CONVERSATIONS, f"number {number}")
    async with asyncio.timeout(60):
        await complete.wait()
    return measured


async def delays_of_bot(kind: type[Workload], pause: float) -> list[float]:
    """Return the delays of the whole bot: `shoulders run`."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        model, workload = await stack.enter_async_context(FakeOpenAI(key="")), kind()
        await workload.open(stack)
        config = Path(folder) / "config.toml"
        config.write_text(CONFIG.format(folder=folder, model=model.base_url) + workload.table())
        arguments = ("-m", "bot", "run", "--config", str(config))
        await stack.enter_async_context(process(*arguments, **workload.environment()))
        return await delays(workload, model, pause)


async def delays_of_bare_handler(kind: type[Workload], pause: float) -> list[float]:
    """Return the delays of a handler that only calls the model."""
    async with AsyncExitStack() as stack:
        model, workload = await stack.enter_async_context(FakeOpenAI(key="")), kind()
        await workload.open(stack)
        environment = {**workload.environment(), "MODEL_URL": model.base_url}
        await stack.enter_async_context(process("-m", workload.bare_module, **environment))
        return await delays(workload, model, pause)


async def measure() -> list[Row]:
    """Return a row for a calm and one for a busy load on each platform."""
    return [await row(kind, pause) for kind in (DiscordWorkload, SlackWorkload) for pause in (CALM, BUSY)]


async def row(kind: type[Workload], pause: float) -> Row:
    """Measure the bot and the bare handler under one load."""
    bot, bare = await delays_of_bot(kind, pause), await delays_of_bare_handler(kind, pause)
    bot_50, bot_99, bare_50, bare_99 = (percentile(values, share) for values in (bot, bare) for share in (0.5, 0.99))
    return Row(
        f"own delay on {kind.name}, {CONVERSATIONS} conversations, one mention each {pause:.0f} s (p50 / p99)",
        f"{bot_50:.1f} / {bot_99:.1f} ms",
        f"a bare handler: {bare_50:.1f} / {bare_99:.1f} ms ({bot_50 / bare_50:.1f}× / {bot_99 / bare_99:.1f}×)",
        "1.5× / 1×",
    )
