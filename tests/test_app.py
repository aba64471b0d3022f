"""Supervision: one platform's trouble is its own, what fails is started again, what cannot work ends with a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.app import application, platforms_with_secrets, serve
from bot.config import load
from bot.errors import ConfigError, PlatformError
from bot.ports import Intake
from bot.types import Act, Person, Place, Request
from tests.clock import now
from tests.fakes.memory import MemoryAdapter

CONFIG = '[bot]\ndata = "{data}"\n[models.m]\nbackend = "openai"\nmodel = "m"\nbase_url = "http://127.0.0.1:9/v1"\n'


class Faulty(MemoryAdapter):
    """Fails as often as it has errors left, and is connected after that."""

    def __init__(self, name: str, *errors: Exception) -> None:
        super().__init__(name)
        self.errors = list(errors)
        self.starts: list[float] = []
        self.up = asyncio.Event()

    async def run(self, intake: Intake, connected: Callable[[str], None]) -> None:
        self.starts.append(now())
        if self.errors:
            raise self.errors.pop(0)
        self.up.set()
        await super().run(intake, connected)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(data=tmp_path))
    return path


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.app.LONGEST_PAUSE", 0.01)


@pytest.mark.usefixtures("no_pauses")
async def test_a_platform_that_fails_is_started_again_and_touches_no_other(config: Path) -> None:
    shaky, steady = Faulty("discord", PlatformError("503"), ZeroDivisionError("a bug"), OSError()), Faulty("slack")
    loaded = await asyncio.to_thread(load, config, {})
    async with application(loaded, {"discord": shaky, "slack": steady}) as app:
        serving = asyncio.create_task(serve(app, lambda _line: None))
        async with asyncio.timeout(5):
            await shaky.up.wait()
        assert len(shaky.starts) == 4
        assert len(steady.starts) == 1
        await app.drain()
        serving.cancel()
        await asyncio.wait([serving])


@pytest.mark.usefixtures("no_pauses")
async def test_a_token_that_is_refused_ends_the_program_with_its_sentence(config: Path) -> None:
    loaded = await asyncio.to_thread(load, config, {})
    refused, steady = Faulty("discord", ConfigError("DISCORD_TOKEN is refused.")), Faulty("slack")
    async with application(loaded, {"discord": refused, "slack": steady}) as app:
        with pytest.raises(ConfigError, match="refused"):
            await serve(app, lambda _line: None)
        await app.drain()


async def test_what_is_offered_after_the_end_began_is_not_acknowledged(config: Path) -> None:
    loaded = await asyncio.to_thread(load, config, {})
    async with application(loaded, {"discord": Faulty("discord")}) as app:
        await app.drain()
        with pytest.raises(Exception, match="stopping"):
            await app.inbox.offer(Request(Act("1", 1), Place("discord", "g", "c"), Person("1", "Ann"), "chat"))


def test_the_platforms_that_run_are_those_with_tokens(config: Path) -> None:
    assert platforms_with_secrets(load(config, {"DISCORD_TOKEN": "x"})) == ["discord"]
    both = {"DISCORD_TOKEN": "x", "SLACK_BOT_TOKEN": "y", "SLACK_APP_TOKEN": "z"}
    assert sorted(platforms_with_secrets(load(config, both))) == ["discord", "slack"]
