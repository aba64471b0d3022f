"""`shoulders doctor`: one line for each thing that the bot needs, with the next step for a failure."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from bot import __version__
from bot.app import make_adapter, make_backends, open_database
from bot.config import Config, platforms
from bot.interfaces.errors import ConfigError, DatabaseBusy, ShouldersError
from bot.interfaces.network import network_of
from bot.logs import plain
from bot.utils.file_permissions import open_to_others

CHECK_SECONDS = 20.0
"""The time limit of one check."""

LIBRARIES = ("discord.py", "slack-bolt", "openai", "aiosqlite")
"""The distributions whose versions the report shows."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check. Without a `needed` one the bot cannot run as configured."""

    name: str
    line: str
    passed: bool
    needed: bool


async def examine(config: Config) -> int:
    """Print a line for each check and a summary. Return the exit status: 1 if a needed check failed, else 0."""
    findings: list[Finding] = []
    async for name, check, needed in _checks(config):
        finding = await _finding(name, check, needed=needed)
        findings.append(finding)
        mark = "ok" if finding.passed else "FAIL" if needed else "-"
        print(f"{mark:4}  {name:<10} {plain(finding.line)}", flush=True)
    print(_summary(config, findings), flush=True)
    return int(any(finding.needed and not finding.passed for finding in findings))


async def _finding(name: str, check: Awaitable[str], *, needed: bool) -> Finding:
    try:
        return Finding(name, await asyncio.wait_for(check, CHECK_SECONDS), True, needed)
    except ShouldersError as error:
        line = error.message
    except TimeoutError:
        line = f"The check had no result within {CHECK_SECONDS:.0f} s. Run it again later."
    except Exception as error:  # noqa: BLE001 -- a fault in one check must not hide the results of the others
        line = f"The check itself failed with {type(error).__name__}. Please report this."
    return Finding(name, line, False, needed)


def _summary(config: Config, findings: Sequence[Finding]) -> str:
    """Return a sentence with the model and the platforms that work, and one with the needed checks that failed."""
    passed = {finding.name for finding in findings if finding.passed}
    failed = [finding.name for finding in findings if finding.needed and not finding.passed]
    model = next((name for name in _chain(config) if name in passed), "")
    served = ", ".join(
        ["the terminal", *(name for name, known in platforms().items() if known.secrets and name in passed)]
    )
    works = f"{model} answers in: {served}." if model and "database" in passed else "The bot cannot answer."
    return works + (f" Not working: {', '.join(failed)}." if failed else "")


def _chain(config: Config) -> Sequence[str]:
    """Return the default model, its fallback, the fallback of that, and so on."""
    chain = [config.default_model]
    while (fallback := config.models[chain[-1]].fallback) and fallback not in chain:
        chain.append(fallback)
    return chain


async def _checks(config: Config) -> AsyncIterator[tuple[str, Awaitable[str], bool]]:
    """Yield each check: its name, its coroutine, and True if the bot needs it."""
    yield "versions", asyncio.to_thread(_versions), True
    yield "config", _result(f"{config.source}; {config.default_model} answers by default"), True
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
    """Yield the checks of the models. A model of the default chain is needed if no other one of the chain answers."""
    try:
        backends = make_backends(config)
    except ConfigError as error:
        yield "models", _failure(error), True
        return
    chain = _chain(config)
    checks = {name: asyncio.create_task(backend.check()) for name, backend in backends.items() if name in chain}
    try:
        for name, backend in backends.items():
            if name not in checks:
                yield name, backend.check(), False
                continue
            # shielded: a check that runs out of time here still belongs to the other models' lines
            others = [_finding(other, asyncio.shield(checks[other]), needed=False) for other in chain if other != name]
            yield name, asyncio.shield(checks[name]), not any(one.passed for one in await asyncio.gather(*others))
    finally:
        for task in checks.values():
            task.cancel()
        await asyncio.wait(checks.values())
        for backend in backends.values():
            await backend.aclose()


async def _result(line: str) -> str:
    return line


async def _failure(error: ConfigError) -> str:
    raise error


def _versions() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return f"shoulders {__version__}, Python {platform.python_version()}, {libraries}"


async def _database(config: Config) -> str:
    try:
        database = await open_database(config)
    except DatabaseBusy:
        return f"{config.database} is in use by a running Shoulders"
    await database.aclose()
    return f"{config.database} opens and is up to date"


async def _permissions(config: Config) -> str:
    if sentences := await asyncio.to_thread(open_to_others, config.private_files):
        raise ConfigError(" ".join(sentences))
    return f"{config.secrets_file}, {config.data} and the database are closed to other people of this machine"


async def _network(config: Config) -> str:
    network = network_of(config.environment)
    await network.prepare()
    network.must_trust()
    return network.description()


async def _platform(config: Config, name: str) -> str:
    if not any(config.environment.get(secret) for secret in platforms()[name].secrets):
        raise ConfigError(f"Not set up. To serve it, set {' and '.join(platforms()[name].secrets)}.")
    adapter = make_adapter(config, name)
    try:
        return await adapter.check()
    finally:
        await adapter.aclose()
