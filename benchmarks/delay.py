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
NUMBER = re.compile(r"number (\d+)")
CONFIG = """
[bot]
data = "{folder}"
[models.m]
backend = "openai"
model = "test"
base_url = "{model}"
"""


class Town(ABC):
    """A platform with a channel and a person for each conversation, and no limits."""

    name: str
    bare: str
    """The module with the bare handler."""

    @abstractmethod
    async def open(self, stack: AsyncExitStack) -> None:
        """Start the server and its people."""

    @abstractmethod
    def table(self) -> str:
        """The platform's table of config.toml."""

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """Tokens, and API_URL for the bare handler."""

    @abstractmethod
    async def connected(self) -> None:
        """Wait for the bot."""

    @abstractmethod
    def mention(self, conversation: int, text: str) -> None:
        """Say something to the bot."""


class DiscordTown(Town):
    """Discord."""

    name, bare = "Discord", "benchmarks.bare.on_discord"

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


class SlackTown(Town):
    """Slack."""

    name, bare = "Slack", "benchmarks.bare.on_slack"

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
    """A child that serves until the end of the block."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env={**os.environ, **environment}, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        child.terminate()
        await child.wait()


async def delays(town: Town, model: FakeOpenAI, pause: float) -> list[float]:
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
        else:
            took.append((time.perf_counter() - sent[int(found[1])]) * 1_000)
            if len(took) == total:
                all_there.set()
        return Answer(("Hello", " there"))

    model.answer = answer
    await town.connected()
    town.mention(0, "hello")  # whatever happens once has happened then
    await warm.wait()
    started = time.perf_counter()
    for number in range(total):
        await asyncio.sleep(max(0.0, started + number * pause / CONVERSATIONS - time.perf_counter()))
        sent[number] = time.perf_counter()
        town.mention(number % CONVERSATIONS, f"number {number}")
    async with asyncio.timeout(60):
        await all_there.wait()
    return took


async def ours(kind: type[Town], pause: float) -> list[float]:
    """The whole bot: `shoulders run`."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        model, town = await stack.enter_async_context(FakeOpenAI(key="")), kind()
        await town.open(stack)
        config = Path(folder) / "config.toml"
        config.write_text(CONFIG.format(folder=folder, model=model.base_url) + town.table())
        arguments = ("-m", "bot", "run", "--config", str(config))
        await stack.enter_async_context(process(*arguments, **town.environment()))
        return await delays(town, model, pause)


async def bare(kind: type[Town], pause: float) -> list[float]:
    """A bare handler that does nothing but call the model."""
    async with AsyncExitStack() as stack:
        model, town = await stack.enter_async_context(FakeOpenAI(key="")), kind()
        await town.open(stack)
        environment = {**town.environment(), "MODEL_URL": model.base_url}
        await stack.enter_async_context(process("-m", town.bare, **environment))
        return await delays(town, model, pause)


async def measure() -> list[Row]:
    """Calm and busy on each platform, each beside the bare handler."""
    return [await row(kind, pause) for kind in (DiscordTown, SlackTown) for pause in (CALM, BUSY)]


async def row(kind: type[Town], pause: float) -> Row:
    """One line of the table."""
    mine, theirs = await ours(kind, pause), await bare(kind, pause)
    mine_50, mine_99, theirs_50, theirs_99 = (
        percentile(values, share) for values in (mine, theirs) for share in (0.5, 0.99)
    )
    return Row(
        f"own delay on {kind.name}, {CONVERSATIONS} conversations, one mention each {pause:.0f} s (p50 / p99)",
        f"{mine_50:.1f} / {mine_99:.1f} ms",
        f"a bare handler: {theirs_50:.1f} / {theirs_99:.1f} ms "
        f"({mine_50 / theirs_50:.1f}× / {mine_99 / theirs_99:.1f}×)",
        "1.5× / 1×",
    )
