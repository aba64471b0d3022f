"""A guild with people in it and a bot that serves it, for tests of the Discord adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from adapters.discord.adapter import DiscordAdapter
from adapters.discord.settings import DiscordSettings
from adapters.discord.timeouts import DiscordTimeouts
from bot.interfaces.adapter import Adapter, Draft
from bot.interfaces.messages import Request
from bot.interfaces.replies import Answer, Choice, Part
from tests.fakes.discord import FakeDiscord, Interaction
from tests.fakes.intake import RecordingIntake

QUICK = DiscordTimeouts(guilds=0.02, identify=0.0, typing_after=0.0, retries=(0.01, 0.01))


@dataclass
class Town:
    """`lines` are what the adapter says when it is connected."""

    discord: FakeDiscord
    settings: DiscordSettings
    intake: RecordingIntake
    adapter: DiscordAdapter
    guild: str
    channel: str
    ada: str
    timeouts: DiscordTimeouts = QUICK
    lines: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    running: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Connect; what the adapter says of it. Raises what run() raises."""
        self.running = asyncio.create_task(self.adapter.run(self.intake, self.lines.put_nowait))
        return await self.connected()

    async def connected(self) -> str:
        line = asyncio.create_task(self.lines.get())
        assert self.running is not None
        await asyncio.wait([line, self.running], timeout=20, return_when=asyncio.FIRST_COMPLETED)
        if not line.done():
            line.cancel()
            self.running.result()
        return line.result()

    async def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()
            await asyncio.wait([self.running])
            self.running = None

    async def restart(self) -> None:
        """As after kill -9: nothing is known but what the platform and the request's handle say."""
        await self.stop()
        await self.adapter.aclose()
        self.adapter = make_adapter(self.settings, self.discord, self.timeouts)
        await self.start()

    def hurry(self, timeouts: DiscordTimeouts) -> None:
        """Wait no longer than this from now on."""
        self.timeouts = timeouts
        hurry(self.adapter, timeouts)

    def say(self, text: str, *, to: str = "", **how: str) -> str:
        return self.discord.post(to or self.channel, self.ada, text, **how)  # type: ignore[arg-type]  # see post()

    async def asked(self, text: str = "hello") -> tuple[str, Request]:
        """A mention and the request that it becomes."""
        message = self.say(self.discord.mention(text))
        return message, await self.intake.next()

    async def used(self, command: str, *, to: str = "", **options: str | bool) -> tuple[Interaction, Request]:
        """A slash command, acknowledged, and the request that it becomes."""
        interaction = self.discord.slash(to or self.channel, self.ada, command, options)
        request = await self.intake.next()
        await self.discord.wait(lambda: interaction.callback)
        return interaction, request

    def draft(self, request: Request, *parts: Part) -> Draft:
        return self.intake.draft(self.adapter, request, parts)

    async def answer(self, request: Request, text: str, *choices: Choice, parts: Sequence[Part] = ()) -> None:
        await self.draft(request, *parts).finish(Answer(text, (), choices))

    def shown(self, channel: str = "") -> list[str]:
        """What the bot's own messages in a channel say."""
        return [m.content for m in self.discord.messages(channel or self.channel) if m.author == self.discord.bot]


def make_adapter(settings: DiscordSettings, discord: FakeDiscord, timeouts: DiscordTimeouts) -> DiscordAdapter:
    return DiscordAdapter(settings, discord.token, discord.clock.now, timeouts=timeouts)


def hurry(adapter: Adapter, timeouts: DiscordTimeouts) -> None:
    """Let an adapter wait no longer than this from now on."""
    assert isinstance(adapter, DiscordAdapter)
    adapter._rest.timeouts = timeouts


@asynccontextmanager
async def town(*, message_content: bool = True, timeouts: DiscordTimeouts = QUICK) -> AsyncGenerator[Town, None]:
    """Everything but the connection; no violation may remain at the end."""
    async with FakeDiscord() as discord:
        guild = discord.add_guild("Team")
        channel = discord.add_channel(guild, "general")
        ada = discord.add_member(guild, discord.add_user("Ada"), discord.add_role(guild, "Engineers"))
        settings = DiscordSettings(
            api_url=discord.api_url,
            gateway_url=discord.gateway_url,
            edits_per_second=100.0,
            message_content=message_content,
        )
        adapter = make_adapter(settings, discord, timeouts)
        made = Town(discord, settings, RecordingIntake(), adapter, guild, channel, ada, timeouts)
        try:
            yield made
        finally:
            await made.stop()
            await made.adapter.aclose()
        assert discord.violations == []
