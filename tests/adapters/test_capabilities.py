"""The core's answers for an adapter without optional capabilities."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bot.administration import platforms
from bot.interfaces.adapter import Draft
from bot.interfaces.errors import Forbidden, PlatformError
from bot.interfaces.messages import Act, Person, Place, Request
from tests.fakes.memory import MemoryAdapter

CHANNEL = Place("mute", "team", "general")
REQUEST = Request(Act("1", 1), CHANNEL, Person("ann", "Ann", administrator=True), "chat")


@dataclass
class Mute:
    """An adapter that can only answer."""

    adapter: MemoryAdapter

    def __post_init__(self) -> None:
        self.name = "mute"
        self.run, self.stop_intake = self.adapter.run, self.adapter.stop_intake
        self.fetch, self.check, self.aclose = self.adapter.fetch, self.adapter.check, self.adapter.aclose

    def draft(self, request: Request, log: object) -> Draft:
        raise AssertionError("nothing is asked")


async def test_without_capabilities_nothing_opens() -> None:
    adapter = Mute(MemoryAdapter())
    assert await platforms.context(adapter, REQUEST, 5) == ()
    assert await platforms.pointed(adapter, REQUEST) is None
    assert await platforms.readable(adapter, REQUEST, [CHANNEL]) == ()
    assert await platforms.audience(adapter, CHANNEL) == "none"
    with pytest.raises(Forbidden, match="no message history"):
        await platforms.history(adapter, REQUEST, 5, 0)
    with pytest.raises(PlatformError, match="your rights"):
        await platforms.person_now(adapter, REQUEST)
    with pytest.raises(Forbidden, match="only answer here"):
        await platforms.post(adapter, CHANNEL, "news", "key")
