"""`shoulders doctor`: is everything here that the bot needs? One line a thing, and what to do where it is not."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from bot import __version__
from bot.app import make_adapter, make_backends
from bot.config import Config, platforms
from bot.interfaces.errors import ConfigError, DatabaseBusy, ShouldersError
from bot.interfaces.network import network_of
from bot.logs import plain
from bot.utils.file_permissions import open_to_others
from storage.sqlite.store import open_store

CHECK_SECONDS = 20.0
"""How long one thing may take to answer."""

SHOWN_VERSIONS = ("discord.py", "slack-bolt", "openai", "aiosqlite")


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check. `needed` says that the bot cannot do without it."""

    name: str
    line: str
    fine: bool
    needed: bool


async def examine(config: Config) -> int:
    """Print a line for each check and what works in all; the exit status is 1 when something needed failed."""
    found: list[Finding] = []
    async for name, check, needed in _checks(config):
        finding = await _look(name, check, needed=needed)
        found.append(finding)
        mark = "ok" if finding.fine else "FAIL" if needed else "-"
        print(f"{mark:4}  {name:<10} {plain(finding.line)}", flush=True)
    print(_summary(config, found), flush=True)
    return int(any(finding.needed and not finding.fine for finding in found))


async def _look(name: str, check: Awaitable[str], *, needed: bool) -> Finding:
    try:
        return Finding(name, await asyncio.wait_for(check, CHECK_SECONDS), True, needed)
    except ShouldersError as error:
        line = error.message
    except TimeoutError:
        line = f"No answer within {CHECK_SECONDS:.0f} s."
    except Exception as error:  # noqa: BLE001 -- a fault in one check must not hide what the others find
        line = f"The check itself failed: {type(error).__name__}. Please report this."
    return Finding(name, line, False, needed)


def _summary(config: Config, found: Sequence[Finding]) -> str:
    """Say what works and what does not, in a sentence each."""
    fine = {finding.name for finding in found if finding.fine}
    broken = [finding.name for finding in found if finding.needed and not finding.fine]
    answering = next((name for name in _chain(config) if name in fine), "")
    where = ", ".join(
        ["the terminal", *(name for name, known in platforms().items() if known.secrets and name in fine)]
    )
    works = f"{answering} answers in: {where}." if answering and "database" in fine else "Nobody is answered."
    return works + (f" Not working: {', '.join(broken)}." if broken else "")


def _chain(config: Config) -> Sequence[str]:
    """List the model that answers by default, and those that answer in its place."""
    chain = [config.default_model]
    while (fallback := config.models[chain[-1]].fallback) and fallback not in chain:
        chain.append(fallback)
    return chain


async def _checks(config: Config) -> AsyncIterator[tuple[str, Awaitable[str], bool]]:
    """Each thing's name, its check, and whether the bot cannot do without it."""
    yield "versions", asyncio.to_thread(_versions), True
    yield "config", _fine(f"{config.source}; {config.default_model} answers by default"), True
    yield "database", _database(config), True
    yield "permissions", _permissions(config), False
    async for check in _models(config):
        yield check
    yield "network", _network(config), False
    for name, known in platforms().items():
        if known.secrets:
            needed = any(config.environment.get(secret) for secret in known.secrets)
            yield name, _platform(config, name), needed


async def _models(config: Config) -> AsyncIterator[tuple[str, Awaitable[str], bool]]:
    """Check the models; one that others stand in for is needed only where none of them answers."""
    try:
        backends = make_backends(config)
    except ConfigError as error:
        yield "models", _wrong(error), True
        return
    chain = _chain(config)
    asked = {name: asyncio.create_task(backend.check()) for name, backend in backends.items() if name in chain}
    try:
        for name, backend in backends.items():
            if name not in asked:
                yield name, backend.check(), False
                continue
            instead = [_look(other, asyncio.shield(asked[other]), needed=False) for other in chain if other != name]
            yield name, asyncio.shield(asked[name]), not any(one.fine for one in await asyncio.gather(*instead))
    finally:
        for task in asked.values():
            task.cancel()
        await asyncio.wait(asked.values())
        for backend in backends.values():
            await backend.aclose()


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
    if found := await asyncio.to_thread(open_to_others, config.private_files):
        raise ConfigError(" ".join(found))
    return f"{config.secrets_file}, {config.data} and the database are open to nobody else"


async def _network(config: Config) -> str:
    network = network_of(config.environment)
    await network.prepare()
    network.must_trust()
    return network.description()


async def _platform(config: Config, name: str) -> str:
    if not any(config.environment.get(secret) for secret in platforms()[name].secrets):
        raise ConfigError(f"Not set up: {' and '.join(platforms()[name].secrets)} would be needed.")
    adapter = make_adapter(config, name)
    try:
        return await adapter.check()
    finally:
        await adapter.aclose()
