"""The Discord adapter, through the real discord.py, against a stand-in for Discord."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from adapters.discord import DiscordSettings
from adapters.discord.adapter import DiscordAdapter
from bot.types import Answer, Choice, Part, Request, Status, Text
from tests.fakes.discord import FakeDiscord
from tests.fakes.intake import RecordingIntake


@dataclass
class Town:
    """A guild with people and a bot that serves it."""

    discord: FakeDiscord
    intake: RecordingIntake
    adapter: DiscordAdapter
    guild: str
    channel: str
    ada: str
    lines: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    running: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Connect; what the adapter says of it."""
        self.running = asyncio.create_task(self.adapter.run(self.intake, self.lines.put_nowait))
        return await self.connected()

    async def connected(self) -> str:
        line = asyncio.create_task(self.lines.get())
        assert self.running is not None
        await asyncio.wait([line, self.running], timeout=10, return_when=asyncio.FIRST_COMPLETED)
        if not line.done():
            line.cancel()
            self.running.result()
        return line.result()

    async def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()
            with suppress(asyncio.CancelledError):
                await self.running
            self.running = None

    async def asked(self, text: str = "hello") -> tuple[str, Request]:
        """A mention and the request that it becomes."""
        message = self.discord.post(self.channel, self.ada, self.discord.mention(text))
        return message, await self.intake.next()

    async def answer(self, request: Request, text: str, *choices: Choice, parts: Sequence[Part] = ()) -> None:
        await self.intake.draft(self.adapter, request, parts).finish(Answer(text, (), choices))


@pytest.fixture(autouse=True)
def no_waiting_for_guilds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.discord.client.GUILDS_SECONDS", 0.02)


@asynccontextmanager
async def town(**settings: bool) -> AsyncGenerator[Town, None]:
    """Everything but the connection; no violation may remain at the end."""
    async with FakeDiscord() as discord:
        guild = discord.add_guild("Team")
        channel = discord.add_channel(guild, "general")
        ada = discord.add_member(guild, discord.add_user("Ada"), discord.add_role(guild, "Engineers"))
        chosen = DiscordSettings(
            api_url=discord.api_url,
            gateway_url=discord.gateway_url,
            edits_per_second=100.0,
            message_content=settings.get("message_content", True),
        )
        made = Town(discord, RecordingIntake(), DiscordAdapter(chosen, discord.token), guild, channel, ada)
        try:
            yield made
        finally:
            await made.stop()
            await made.adapter.aclose()
        assert discord.violations == []


@pytest.fixture
async def team() -> AsyncGenerator[Town, None]:
    async with town() as made:
        await made.start()
        yield made


async def test_a_mention_becomes_a_request_and_its_answer_replies_without_a_ping(team: Town) -> None:
    message, request = await team.asked("what is a mean?")
    assert (request.command, request.text, request.addressed) == ("chat", "what is a mean?", True)
    assert request.place.name == "#general in Team"
    assert (request.place.workspace, request.place.channel, request.place.thread) == (team.guild, team.channel, "")
    assert (request.person.name, request.person.administrator) == ("Ada", False)
    await team.answer(request, "The middle. @everyone https://example.org")
    answer = await team.discord.answer_to(message)
    assert answer.content.startswith("The middle.")


async def test_a_slash_command_is_deferred_and_filled_in(team: Town) -> None:
    interaction = team.discord.slash(team.channel, team.ada, "ask", {"text": "why?", "private": True})
    request = await team.intake.next()
    assert (request.command, request.arguments) == ("ask", {"text": "why?", "private": "yes"})
    assert request.private
    await team.answer(request, "Because.")
    answer = await team.discord.answer_to(interaction)
    assert answer.content == "Because."
    assert team.discord.only_seen_by(team.ada) == [answer]


_ = (Status, Text)
