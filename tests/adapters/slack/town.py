"""A workspace with people and a bot in it, for tests of the Slack adapter."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from adapters.slack.adapter import SlackAdapter
from adapters.slack.settings import SlackSettings
from adapters.slack.timeouts import SlackTimeouts
from bot.interfaces.adapter import Adapter, Draft
from bot.interfaces.messages import Request, StoredTarget
from bot.interfaces.replies import Answer, Choice, Part
from tests.adapters.base_town import BaseTown
from tests.fakes.intake import ListedDraftLog, RecordingIntake
from tests.fakes.slack import Act, FakeSlack, Message

QUICK = SlackTimeouts(message=0.1, ping=0.05, retries=(0.01, 0.01))


@dataclass
class Town(BaseTown):
    """One channel with Ada and Ben in it; `logs` are the draft logs by request."""

    adapter: SlackAdapter
    slack: FakeSlack
    settings: SlackSettings
    channel: str
    ada: str
    ben: str
    timeouts: SlackTimeouts = QUICK
    logs: dict[str, ListedDraftLog] = field(default_factory=dict)

    @property
    def violations(self) -> list[str]:
        return self.slack.violations

    def again(self) -> SlackAdapter:
        return make_adapter(self.settings, self.slack, self.timeouts)

    def hurry(self, timeouts: SlackTimeouts) -> None:
        """Use these timeouts from now on."""
        self.timeouts = timeouts
        hurry(self.adapter, timeouts)

    def say(self, text: str, *, to: str = "", who: str = "", thread: str = "", files: Sequence[str] = ()) -> str:
        return self.slack.post(to or self.channel, who or self.ada, text, thread, files=files)

    async def asked(self, text: str = "hello") -> tuple[str, Request]:
        """Mention the bot; return the message and its request."""
        ts = self.say(self.slack.mention(text))
        return ts, await self.intake.next()

    async def wrote(self, text: str = "hello") -> tuple[str, Request]:
        """Write a direct message; return the message and its request."""
        ts = self.say(text, to=self.direct)
        return ts, await self.intake.next()

    @property
    def direct(self) -> str:
        """Return the channel of Ada's direct messages with the bot."""
        return self.slack.add_direct(self.ada)

    async def used(self, command: str, text: str, *, to: str = "", who: str = "") -> tuple[Act, Request]:
        """Use a slash command and wait for its acknowledgement; return the act and its request."""
        act = self.slack.command(to or self.channel, who or self.ada, command, text)
        request = await self.intake.next()
        await self.slack.wait(lambda: act.acknowledged)
        return act, request

    async def ignored(self) -> None:
        """Assert that no message so far is for the bot: the next request is that of the next message."""
        ts, request = await self.asked("are you there?")
        assert request.message == ts

    def draft(self, request: Request, *parts: Part) -> Draft:
        """Return a draft; with `parts`, or the log of an earlier draft, it belongs to a later run."""
        known = self.logs.get(request.act.id)
        found = parts or (known.parts if known else ())
        log = ListedDraftLog(self.intake.requests.index(request) + 1, found, bool(found))
        self.logs[request.act.id] = log
        stored = StoredTarget(request.reply_target.dump())
        return self.adapter.draft(replace(request, reply_target=stored) if found else request, log)

    async def answer(self, request: Request, text: str, *choices: Choice, notes: tuple[str, ...] = ()) -> None:
        await self.draft(request).finish(Answer(text, notes, choices))

    def shown(self, thread: str | None = None, channel: str = "") -> list[str]:
        """Return the texts of the bot's messages."""
        return [message.shown for message in self.slack.answers(channel or self.channel, thread)]

    async def shows(self, text: str) -> Message:
        """Wait for the bot's message with exactly this text."""
        messages = self.slack.world.messages
        return await self.slack.wait(lambda: next((m for m in messages.values() if m.shown == text), None))


def make_adapter(settings: SlackSettings, slack: FakeSlack, timeouts: SlackTimeouts) -> SlackAdapter:
    return SlackAdapter(settings, slack.bot_token, slack.app_token, slack.clock.now, timeouts=timeouts)


def hurry(adapter: Adapter, timeouts: SlackTimeouts) -> None:
    """Use these timeouts in an adapter from now on."""
    assert isinstance(adapter, SlackAdapter)
    adapter._rest.timeouts = timeouts


@asynccontextmanager
async def town(
    pace: float = 1.0, *, links_in_edits: bool = False, timeouts: SlackTimeouts = QUICK
) -> AsyncGenerator[Town, None]:
    """Yield a town without a connection; assert at the end that no rule was broken."""
    async with FakeSlack() as slack:
        ada, ben = slack.add_user("Ada"), slack.add_user("Ben")
        channel = slack.add_channel("general", ada, ben)
        settings = SlackSettings(api_url=slack.api_url, pace=pace, links_in_edits=links_in_edits)
        adapter = make_adapter(settings, slack, timeouts)
        made = Town(RecordingIntake(), adapter, slack, settings, channel, ada, ben, timeouts)
        try:
            yield made
        finally:
            await made.stop()
            await made.adapter.aclose()
        assert slack.violations == []
