"""Guards for every test: nothing blocks the loop, nothing reaches beyond loopback, no warning passes."""

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
from tests.administration.kept import Files
from tests.clock import SetClock
from tests.core.world import CONFIG, World
from tests.stages import stages
from tests.stages.base import Stage
from tests.storage.databases import DATABASES

OWN_CODE = ["bot", "adapters", "storage"]


class ReachedOut(AssertionError):
    """A test tried to leave this machine."""


def _must_be_loopback(host: object) -> None:
    if host in (None, "", "localhost", b"localhost"):
        return
    try:
        loopback = ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ReachedOut(f"a test reached out to {host!r}")


@pytest.fixture(autouse=True)
def stay_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolving or connecting to anything but this machine fails the test."""
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
    """Code of ours that blocks the event loop fails the test."""
    with blockbuster_ctx(scanned_modules=OWN_CODE):
        yield


@pytest.fixture(autouse=True)
def no_secrets_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer's own environment holds must not change a test."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "DISCORD_TOKEN", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def database_clock() -> SetClock:
    """The clock by which the database dates its rows."""
    return SetClock()


@pytest.fixture(params=sorted(DATABASES))
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, database_clock: SetClock
) -> AsyncGenerator[Database, None]:
    """A fresh database of every kind."""
    opened = await DATABASES[request.param](tmp_path, database_clock)
    yield opened
    await opened.aclose()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model of a few kilobytes, made in a process of its own: torch stays out of the tests'."""
    folder = tmp_path_factory.mktemp("tiny")
    subprocess.run([sys.executable, "-m", "tests.inference.tiny_model", str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture
async def world(store: Database, tmp_path: Path) -> AsyncGenerator[World, None]:
    """A running core."""
    path = tmp_path / "config.toml"
    await asyncio.to_thread(path.write_text, CONFIG)
    world = World(store, await asyncio.to_thread(load, path, {}))
    await world.start()
    await world.inbox.recover("discord")
    yield world
    await world.inbox.aclose(0)


@pytest.fixture(params=sorted(stages()))
async def stage(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Stage, None]:
    """A platform to play scenarios on; those that cannot say why."""
    kind = stages()[request.param]
    for mark in request.node.iter_markers("needs"):
        if reason := kind.cannot.get(mark.args[0]):
            pytest.skip(reason)
    monkeypatch.chdir(tmp_path)  # the terminal saves files where it was started
    monkeypatch.setattr("bot.backends.openai.client.PAUSES", (0.0, 0.0))
    played = kind(tmp_path)
    if "fault" in request.fixturenames:
        played.patience = 0.3
    async with played.playing():
        yield played


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """The database's files."""
    return Files(tmp_path)
