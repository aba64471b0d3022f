"""A guild with people and a bot in it, for tests of the Discord adapter."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.discord.adapter import DiscordAdapter
from adapters.discord.settings import DiscordSettings
from adapters.discord.timeouts import DiscordTimeouts
from bot.interfaces.adapter import Adapter, Draft
from bot.interfaces.messages import Request
from bot.interfaces.replies import Answer, Choice, Part
from tests.adapters.base_town import BaseTown
from tests.fakes.discord import FakeDiscord, Interaction
from tests.fakes.intake import RecordingIntake

QUICK = DiscordTimeouts(guilds=0.02, identify=0.0, typing_after=0.0, retries=(0.01, 0.01))


@dataclass
class Town(BaseTown):
    """One guild with one channel and Ada in it."""

    adapter: DiscordAdapter
    discord: FakeDiscord
    settings: DiscordSettings
    guild: str
    channel: str
    ada: str
    timeouts: DiscordTimeouts = QUICK

    @property
    def violations(self) -> list[str]:
        return self.discord.violations

    def again(self) -> DiscordAdapter:
        return make_adapter(self.settings, self.discord, self.timeouts)

    def hurry(self, timeouts: DiscordTimeouts) -> None:
        """Use these timeouts from now on."""
        self.timeouts = timeouts
        hurry(self.adapter, timeouts)

    def say(self, text: str, *, to: str = "", **how: str) -> str:
        return self.discord.post(to or self.channel, self.ada, text, **how)  # type: ignore[arg-type]  # see post()

    async def asked(self, text: str = "hello") -> tuple[str, Request]:
        """Mention the bot; return the message and its request."""
        message = self.say(self.discord.mention(text))
        return message, await self.intake.next()

    async def used(self, command: str, *, to: str = "", **options: str | bool) -> tuple[Interaction, Request]:
        """Use a slash command and wait for its acknowledgement; return the interaction and its request."""
        interaction = self.discord.slash(to or self.channel, self.ada, command, options)
        request = await self.intake.next()
        await self.discord.wait(lambda: interaction.callback)
        return interaction, request

    def draft(self, request: Request, *parts: Part) -> Draft:
        return self.intake.draft(self.adapter, request, parts)

    async def answer(self, request: Request, text: str, *choices: Choice, parts: Sequence[Part] = ()) -> None:
        await self.draft(request, *parts).finish(Answer(text, (), choices))

    def shown(self, channel: str = "") -> list[str]:
        """Return the texts of the bot's messages in a channel."""
        return [m.content for m in self.discord.messages(channel or self.channel) if m.author == self.discord.bot]


def make_adapter(settings: DiscordSettings, discord: FakeDiscord, timeouts: DiscordTimeouts) -> DiscordAdapter:
    return DiscordAdapter(settings, discord.token, discord.clock.now, timeouts=timeouts)


def hurry(adapter: Adapter, timeouts: DiscordTimeouts) -> None:
    """Use these timeouts in an adapter from now on."""
    assert isinstance(adapter, DiscordAdapter)
    adapter._rest.timeouts = timeouts


@asynccontextmanager
async def town(*, message_content: bool = True, timeouts: DiscordTimeouts = QUICK) -> AsyncGenerator[Town, None]:
    """Yield a town without a connection; assert at the end that no rule was broken."""
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
        made = Town(RecordingIntake(), adapter, discord, settings, guild, channel, ada, timeouts)
        try:
            yield made
        finally:
            await made.stop()
            await made.adapter.aclose()
        assert discord.violations == []
