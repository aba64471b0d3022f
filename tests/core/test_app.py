"""The whole program in memory: every opened resource is closed, and platforms do not affect each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bot import app
from bot.backends.openai.chat import OpenAIBackend
from bot.config import Config, load
from bot.interfaces.adapter import Intake
from bot.interfaces.errors import ConfigError, Unavailable
from storage.sqlite import open_database
from tests.fakes.memory import MemoryAdapter


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(f"[bot]\ndata = '{tmp_path}'\n")
    return load(path, {})


async def test_what_cannot_be_made_leaves_nothing_open(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_config: Config) -> None:
        raise ConfigError("There is no such model.")

    monkeypatch.setattr(app, "make_backends", refuse)
    with pytest.raises(ConfigError):
        async with app.application(config, {}):
            pass
    await (await open_database(config.database)).aclose()


async def test_a_failing_close_leaves_nothing_else_open(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_adapter: MemoryAdapter) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(MemoryAdapter, "aclose", hang)
    async with app.application(config, {"discord": MemoryAdapter()}, close_seconds=0.01):
        pass
    await (await open_database(config.database)).aclose()


@pytest.fixture
def with_warm_models(tmp_path: Path) -> Config:
    warm = {"first": "false", "second": "false", "third": "true"}
    tables = (f"[models.{name}]\nbackend = 'openai'\nmodel = 'x'\nwarm = {warm[name]}\n" for name in warm)
    path = tmp_path / "config.toml"
    path.write_text(f"[bot]\ndata = '{tmp_path}'\n{''.join(tables)}")
    return load(path, {})


async def test_default_and_warm_models_load_at_the_start(
    with_warm_models: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[str] = []

    async def prepare(backend: OpenAIBackend) -> None:
        prepared.extend(name for name, made in started.services.backends.items() if made is backend)
        raise Unavailable("It is not there.")

    monkeypatch.setattr(OpenAIBackend, "prepare", prepare)
    async with app.application(with_warm_models, {}) as started:
        await app.prepare(started)
    assert prepared == ["first", "third"]


class Revoked(MemoryAdapter):
    """A platform that refuses its token, at the start or after it has connected."""

    connects = True

    def __init__(self, name: str, runs: int = 0) -> None:
        super().__init__(name)
        self.runs_left = runs
        self.ran = asyncio.Event()

    async def run(self, intake: Intake, connected: Callable[[str], None]) -> None:
        self.runs_left -= 1
        if self.runs_left == 0:
            self.ran.set()
        if self.connects:
            connected("in memory")
        raise ConfigError("The token is refused.")


async def test_a_revoked_token_ends_only_its_platform(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "LONGEST_PAUSE", 0.001)
    revoked, fine = Revoked("slack", runs=3), MemoryAdapter("discord")
    async with app.application(config, {"slack": revoked, "discord": fine}) as running:
        serving = asyncio.create_task(app.serve(running, lambda _line: None))
        await revoked.ran.wait()
        assert not serving.done()
        serving.cancel()
        await asyncio.wait([serving])
        await running.drain()


async def test_an_invalid_token_is_reported_at_once(config: Config) -> None:
    revoked = Revoked("slack")
    revoked.connects = False
    async with app.application(config, {"slack": revoked, "discord": MemoryAdapter("discord")}) as running:
        with pytest.raises(ConfigError, match="refused"):
            await app.serve(running, lambda _line: None)
        await running.drain()
