"""`shoulders doctor`: is everything here that the bot needs? One line a thing, and what to do where it is not."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import AsyncIterator, Awaitable, Mapping
from importlib.metadata import version

from bot import __version__
from bot.app import make_adapter, make_backends
from bot.config import Config, platforms
from bot.errors import ConfigError, DatabaseBusy, ShouldersError
from bot.logs import plain
from bot.permissions import loose
from bot.ports import Backend
from storage.sqlite import open_store

CHECK_SECONDS = 20.0
"""How long one thing may take to answer."""

SHOWN_VERSIONS = ("discord.py", "slack-bolt", "openai", "aiosqlite")


async def examine(config: Config) -> int:
    """Print a line for each check; the exit status is 1 when something that is needed failed."""
    failed = False
    async for name, check, needed in _checks(config):
        try:
            line, mark = await asyncio.wait_for(check, CHECK_SECONDS), "ok"
        except (ShouldersError, TimeoutError) as error:
            mark = "FAIL" if needed else "-"
            line = error.message if isinstance(error, ShouldersError) else f"No answer within {CHECK_SECONDS:.0f} s."
            failed = failed or needed
        print(f"{mark:4}  {name:<10} {plain(line)}", flush=True)
    return int(failed)


async def _checks(config: Config) -> AsyncIterator[tuple[str, Awaitable[str], bool]]:
    """Each thing's name, its check, and whether the bot cannot do without it."""
    yield "versions", _fine(_versions()), True
    yield "config", _fine(f"{config.source}; {config.default_model} answers by default"), True
    yield "database", _database(config), True
    yield "permissions", _permissions(config), False
    backends: Mapping[str, Backend] = {}
    try:
        backends = make_backends(config)
    except ConfigError as error:
        yield "models", _wrong(error), True
    for name, backend in backends.items():
        yield name, backend.check(), name == config.default_model
    for backend in backends.values():
        await backend.aclose()
    for name, known in platforms().items():
        if known.secrets:
            needed = any(config.environment.get(secret) for secret in known.secrets)
            yield name, _platform(config, name), needed


async def _fine(line: str) -> str:
    return line


async def _wrong(error: ConfigError) -> str:
    raise error


def _versions() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in SHOWN_VERSIONS)
    return f"shoulders {__version__}, Python {platform.python_version()}, {libraries}"


async def _database(config: Config) -> str:
    try:
        store = await open_store(config.database)
    except DatabaseBusy:
        return f"{config.database} is in use by a running Shoulders"
    await store.aclose()
    return f"{config.database} opens and is up to date"


async def _permissions(config: Config) -> str:
    if found := await asyncio.to_thread(loose, config):
        raise ConfigError(" ".join(found))
    return f"{config.secrets_file}, {config.data} and the database are open to nobody else"


async def _platform(config: Config, name: str) -> str:
    if not any(config.environment.get(secret) for secret in platforms()[name].secrets):
        raise ConfigError(f"Not set up: {' and '.join(platforms()[name].secrets)} would be needed.")
    adapter = make_adapter(config, name)
    try:
        return await adapter.check()
    finally:
        await adapter.aclose()
