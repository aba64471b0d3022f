"""Which adapter can do more than answer, and the answer where one cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pytest

from adapters.console.adapter import Console
from adapters.discord.adapter import DiscordAdapter
from adapters.slack.adapter import SlackAdapter
from bot.administration import platforms
from bot.interfaces.adapter import Adapter, Draft, HistoryAdapter, LocalDataAdapter, PeopleAdapter, PostAdapter
from bot.interfaces.errors import Forbidden, PlatformError
from bot.interfaces.messages import Act, Person, Place, Request
from tests.fakes.memory import MemoryAdapter

CHANNEL = Place("mute", "team", "general")
REQUEST = Request(Act("1", 1), CHANNEL, Person("ann", "Ann", administrator=True), "chat")


class TeamChat(Adapter, HistoryAdapter, PeopleAdapter, PostAdapter, Protocol):
    """All that an adapter of a team's chat offers."""


class Terminal(Adapter, PeopleAdapter, PostAdapter, LocalDataAdapter, Protocol):
    """All that the terminal offers."""


OFFERED: tuple[type[TeamChat] | type[Terminal], ...] = (DiscordAdapter, SlackAdapter, Console)
"""Checked by mypy: a capability that is misspelt would only be missing."""


@dataclass
class Mute:
    """An adapter that can answer and nothing else."""

    adapter: MemoryAdapter

    def __post_init__(self) -> None:
        self.name = "mute"
        self.run, self.stop_intake = self.adapter.run, self.adapter.stop_intake
        self.fetch, self.check, self.aclose = self.adapter.fetch, self.adapter.check, self.adapter.aclose

    def draft(self, request: Request, log: object) -> Draft:
        raise AssertionError("nothing is asked")


@pytest.mark.parametrize("adapter", [DiscordAdapter, SlackAdapter])
def test_team_chats_offer_every_capability(adapter: type[TeamChat]) -> None:
    offered = dir(adapter)
    assert {"context", "pointed", "history", "whois", "readable", "audience", "post"}.issubset(offered)


async def test_without_capabilities_nothing_opens() -> None:
    adapter = Mute(MemoryAdapter())
    assert await platforms.context(adapter, REQUEST, 5) == ()
    assert await platforms.pointed(adapter, REQUEST) is None
    assert await platforms.readable(adapter, REQUEST, [CHANNEL]) == ()
    assert await platforms.audience(adapter, CHANNEL) == "none"
    with pytest.raises(Forbidden, match="no message history"):
        await platforms.history(adapter, REQUEST, 5, 0)
    with pytest.raises(PlatformError, match="which rights"):
        await platforms.person_now(adapter, REQUEST)
    with pytest.raises(Forbidden, match="not post"):
        await platforms.post(adapter, CHANNEL, "news", "key")
