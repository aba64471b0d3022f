"""The fixtures and guards of every test: no blocked loop, no connection beyond loopback, no secrets."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from bot.config import load
from bot.interfaces.database import Database
from bot.interfaces.network import VARIABLES
from tests.administration.stored_data import Files
from tests.clock import SetClock
from tests.core.world import CONFIG, World
from tests.stages import stages
from tests.stages.base import Stage
from tests.storage.databases import DATABASES

OWN_CODE = ["bot", "adapters", "storage"]


class ReachedOut(AssertionError):
    """A test connected, or tried to connect, to another machine."""


def _must_be_loopback(host: object) -> None:
    if host in (None, "", "localhost", b"localhost"):
        return
    try:
        loopback = ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ReachedOut(f"a test connected to {host!r}")


@pytest.fixture(autouse=True)
def stay_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that resolves or connects to another machine."""
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: tuple[str, int] | str) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _must_be_loopback(address[0])
        connect(self, address)

    def guarded_resolve(host: str | bytes | None, port: int, *args: int, **kwargs: int) -> object:
        _must_be_loopback(host)
        return resolve(host, port, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)
    for name in [name for name in os.environ if name.upper() in VARIABLES]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def never_block(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test in which the program's own code blocks the event loop."""
    with blockbuster_ctx(scanned_modules=OWN_CODE):
        yield


@pytest.fixture(autouse=True)
def no_secrets_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the developer's own secrets from the tests."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "DISCORD_TOKEN", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def database_clock() -> SetClock:
    """Return the clock by which the database dates its rows."""
    return SetClock()


@pytest.fixture(params=sorted(DATABASES))
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, database_clock: SetClock
) -> AsyncGenerator[Database, None]:
    """Yield a new database of each kind."""
    opened = await DATABASES[request.param](tmp_path, database_clock)
    yield opened
    await opened.aclose()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a language model of a few kilobytes, in a process of its own, so that this one never imports torch."""
    folder = tmp_path_factory.mktemp("tiny")
    subprocess.run([sys.executable, "-m", "tests.inference.tiny_model", str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture
async def world(store: Database, tmp_path: Path) -> AsyncGenerator[World, None]:
    """Yield a running core."""
    path = tmp_path / "config.toml"
    await asyncio.to_thread(path.write_text, CONFIG)
    world = World(store, await asyncio.to_thread(load, path, {}))
    await world.start()
    await world.queue.recover("discord")
    yield world
    await world.queue.aclose(0)


@pytest.fixture(params=sorted(stages()))
async def stage(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Stage, None]:
    """Yield a platform for scenarios; skip platforms without an ability that the test needs, with their reason."""
    kind = stages()[request.param]
    for mark in request.node.iter_markers("needs"):
        if reason := kind.cannot.get(mark.args[0]):
            pytest.skip(reason)
    monkeypatch.chdir(tmp_path)  # the terminal saves files in the current folder
    monkeypatch.setattr("bot.backends.openai.client.PAUSES", (0.0, 0.0))
    played = kind(tmp_path)
    if "fault" in request.fixturenames:
        played.patience = 0.3
    async with played.playing():
        yield played


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return the database's files."""
    return Files(tmp_path)
