"""The composition root: config → store, backends, adapters; supervision and shutdown."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from bot.administration.audit_announcer import AuditAnnouncer
from bot.administration.limits.budget import Budget
from bot.administration.model_choice import ModelChoice
from bot.administration.policy import Policy
from bot.administration.retention import Retention
from bot.administration.rights import Rights
from bot.administration.state import Administration
from bot.administration.task_preferences import check_preferences
from bot.catalogue import Catalogue
from bot.commands._registry import CommandModule, load_commands
from bot.config import Config, backend_kinds, platforms
from bot.core.active_requests import ActiveRequests
from bot.core.admission import Admissions
from bot.core.dispatcher import Dispatcher
from bot.core.intake import CoreIntake
from bot.core.request_queue import TIMEOUTS, QueueTimeouts, RequestQueue
from bot.hub.client import Hub
from bot.inference import downloads
from bot.interfaces.adapter import Adapter
from bot.interfaces.backend import Backend
from bot.interfaces.command import by_path
from bot.interfaces.database import Database
from bot.interfaces.errors import ConfigError, ShouldersError, UserError
from bot.interfaces.network import network_of
from bot.services import RecentRequests, Services
from bot.tasks.engine.registry import load_tasks
from bot.utils.file_permissions import open_to_others
from storage import sqlite

log = logging.getLogger(__name__)

LONGEST_PAUSE = 60.0
"""Seconds; the pause before a platform that failed is started again doubles up to this."""

HEALTHY_AFTER = 60.0
"""Seconds for which a platform must have run for its next failure to count as its first."""

CLOSE_SECONDS = 10.0
"""Seconds for which a platform or a model may close when the program ends."""

Say = Callable[[str], None]
BackgroundJob = Callable[[], Coroutine[object, object, None]]
"""A task that runs beside the platforms until the program ends."""


@dataclass(frozen=True, slots=True)
class App:
    """Everything that runs together."""

    config: Config
    services: Services
    intake: CoreIntake
    queue: RequestQueue
    active: ActiveRequests
    background_jobs: Mapping[str, BackgroundJob]
    adapters: Mapping[str, Adapter]

    @property
    def default_backend(self) -> Backend:
        """Return the backend that answers where nobody chose a model."""
        return self.services.backends[self.config.default_model]

    @property
    def banner(self) -> str:
        """Return a line with the default model and the destination of texts."""
        name, model = self.config.bot.name, self.config.default_model
        return f"{name}: {model} answers, and text goes to {self.default_backend.destination}."

    async def drain(self) -> None:
        """Accept no more requests, and let running answers finish while the platforms are still connected."""
        for adapter in self.adapters.values():
            await adapter.stop_intake()
        await self.queue.aclose(self.config.bot.stop_seconds)


def check_task_preferences(config: Config) -> None:
    """Raise ConfigError where the setting `tasks` names a task or a model that does not exist."""
    try:
        check_preferences(config.settings.tasks, load_tasks(), config.models)
    except UserError as error:
        raise ConfigError(f"{config.source}: [settings] {error.message}") from None


async def open_database(config: Config) -> Database:
    """Open the database that `[bot] database` names: a path is a file of SQLite's. Raises StoreError.

    Every other kind of database is a folder under storage/, and one line here.
    """
    return await sqlite.open_database(config.database)


def make_backends(config: Config) -> Mapping[str, Backend]:
    """Return one backend for each model, in the catalogue's order."""
    made: dict[str, Backend] = {}
    for kind in backend_kinds().values():
        sections = {name: section for name, section in config.models.items() if section.backend == kind.name}
        if sections:
            made.update(kind.create(sections, config.environment, config.data, config.backends[kind.name]))
    return {name: made[name] for name in config.models}


def make_adapter(config: Config, name: str) -> Adapter:
    """Return the adapter of one platform. Raises ConfigError when a secret is missing."""
    platform = platforms()[name]
    missing = [secret for secret in platform.secrets if not config.environment.get(secret)]
    if missing:
        raise ConfigError(f"{name} needs {' and '.join(missing)}. Set it in the environment or in .env.")
    secrets = {secret: config.environment[secret] for secret in platform.secrets}
    return platform.create(config.platforms[name], secrets, network_of(config.environment))


def setup_text(config: Config, name: str, *, plain: bool = False) -> str:
    """Return the text that installs the bot on a platform, such as a manifest. Raises ConfigError."""
    platform = platforms().get(name)
    setup = (platform.plain_setup if plain else platform.setup) if platform else None
    if setup is None:
        with_setup = ", ".join(name for name, platform in platforms().items() if platform.setup)
        raise ConfigError(f"{name} does not need this setup. Platforms with it: {with_setup}.")
    declared = [module.COMMAND for module in load_commands().values()]
    return setup(config.platforms[name], declared, config.environment)


def platforms_with_secrets(config: Config) -> Sequence[str]:
    """Return the platforms that `shoulders run` serves: those with all secrets. Raises ConfigError for half a set."""
    chosen = []
    for name, platform in platforms().items():
        present = [secret for secret in platform.secrets if config.environment.get(secret)]
        if present and len(present) < len(platform.secrets):
            make_adapter(config, name)
        if present:
            chosen.append(name)
    if not chosen:
        tokens = "; ".join(f"{' and '.join(p.secrets)} for {name}" for name, p in platforms().items() if p.secrets)
        raise ConfigError(f"There is no token for any platform. Set {tokens}. `shoulders chat` works without a token.")
    return chosen


@asynccontextmanager
async def application(
    config: Config,
    adapters: Mapping[str, Adapter],
    open_with: Callable[[Config], Awaitable[Database]] = open_database,
    close_seconds: float = CLOSE_SECONDS,
) -> AsyncGenerator[App, None]:
    """Open the database, the models and the platforms, and close them in the reverse order."""
    close = partial(_close, seconds=close_seconds)
    async with AsyncExitStack() as resources:
        database = await open_with(config)
        resources.push_async_callback(database.aclose)
        for sentence in await asyncio.to_thread(open_to_others, config.private_files):
            log.warning("%s", sentence)
        backends = make_backends(config)
        for backend in backends.values():
            resources.push_async_callback(close, backend)
        for adapter in adapters.values():
            resources.push_async_callback(close, adapter)
        commands = await asyncio.to_thread(load_commands)
        app = await assemble(config, database, backends, adapters, commands)
        resources.push_async_callback(close, app.services.catalogue)
        yield app


async def assemble(
    config: Config,
    database: Database,
    backends: Mapping[str, Backend],
    adapters: Mapping[str, Adapter],
    commands: Mapping[str, CommandModule],
    clock: Callable[[], float] = time.time,
    timeouts: QueueTimeouts = TIMEOUTS,
) -> App:
    """Connect the opened parts to an App, and load their state."""
    active = ActiveRequests()
    declared = [module.COMMAND for module in commands.values()]
    administration = Administration(database.records, config.settings, _administrators(config))
    hub = Hub(config.hub, downloads.within(config.data / "models"), config.environment, config.memory)
    catalogue = Catalogue(config, backends, database.catalogue, hub)
    budget = Budget(administration, database.usage, catalogue.sections, config.bot.currency, clock)
    grace = config.bot.uninstall_grace_hours * 3_600
    retention = Retention(database.history, administration, adapters, active, grace, clock)
    for part in (administration, catalogue, budget, retention):
        await part.load()
    policy = Policy(
        administration, budget, lambda: config.hub.centrally(several=retention.departures.workspaces.several)
    )
    services = Services(
        config,
        database.conversations,
        database.history,
        database.records,
        database.usage,
        administration,
        policy,
        Rights(administration, policy, adapters, catalogue.backends),
        ModelChoice(administration, policy, catalogue.backends, catalogue.sections, config.default_model),
        budget,
        retention,
        catalogue,
        adapters,
        declared,
        RecentRequests(),
        stop=active.stop,
        running=active.running,
    )
    admissions = Admissions(administration, policy, by_path(declared))
    core = Dispatcher(services, commands, admissions)
    queue = RequestQueue(database.requests, adapters, declared, core.handle, administration, active, timeouts)
    intake = CoreIntake(services, core, queue, admissions)
    announcer = AuditAnnouncer(administration, adapters)
    background_jobs = {"announcements": announcer.run, "retention": retention.run, "downloads": catalogue.fetch}
    return App(config, services, intake, queue, active, background_jobs, adapters)


def _administrators(config: Config) -> Sequence[str]:
    """Return the administrators of all workspaces: those of the configuration, and everybody at a terminal."""
    terminals = (name for name, platform in platforms().items() if not platform.lasting)
    return (*config.bot.administrators, *terminals)


async def _close(opened: Backend | Adapter | Catalogue, seconds: float) -> None:
    """Close a part, and leave it open after `seconds`: it ends with the program."""
    try:
        await asyncio.wait_for(opened.aclose(), seconds)
    except TimeoutError:
        log.warning("%s did not close within %.0f s", type(opened).__name__, seconds)


async def run_platforms(config: Config, say: Say) -> None:
    """Serve every platform that has a token until SIGTERM or SIGINT. Raises ConfigError where a token is refused."""
    adapters = {name: make_adapter(config, name) for name in platforms_with_secrets(config)}
    async with application(config, adapters) as app:
        say(app.banner)
        preparing = asyncio.create_task(prepare(app))
        serving = asyncio.create_task(serve(app, say))
        stopped = asyncio.create_task(_stop_signal().wait())
        try:
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
            say("Stopping. Running answers may finish.")
        finally:
            await app.drain()
            await _end([preparing, stopped, serving])
        if not serving.cancelled():
            serving.result()


async def serve(app: App, say: Say) -> None:
    """Run every platform, each supervised by itself, until cancelled. Raises ConfigError where a token is refused."""
    background_jobs = [asyncio.create_task(_run_forever(name, job)) for name, job in app.background_jobs.items()]
    serving = [asyncio.create_task(_supervise(app, name, say)) for name in app.adapters]
    try:
        await asyncio.gather(*serving)
    finally:
        await _end([*serving, *background_jobs])


async def _run_forever(name: str, job: BackgroundJob) -> None:
    """Run a job, and start it again after a pause when it fails."""
    while True:
        try:
            await job()
        except Exception:  # a fault in a job must not end the answers
            log.exception("%s failed and will be started again in %.0f s", name.capitalize(), LONGEST_PAUSE)
        await asyncio.sleep(LONGEST_PAUSE)


async def run_console(config: Config, say: Say) -> None:
    """Run the terminal chat until its user leaves. Raises UserError when a line of a script was not answered."""
    section = config.platforms["console"]
    if not section.model_dump()["history"]:
        section = section.model_copy(update={"history": str(config.data / "terminal-history")})
    console = platforms()["console"].create(section, {}, network_of(config.environment))
    async with application(config, {"console": console}) as app:
        await app.queue.drop_unfinished("console")
        preparing = asyncio.create_task(prepare(app))
        background_jobs = [asyncio.create_task(_run_forever(name, job)) for name, job in app.background_jobs.items()]
        try:
            await console.run(app.intake, lambda _line: say(app.banner))
        finally:
            await app.drain()
            await _end([preparing, *background_jobs])


async def _supervise(app: App, name: str, say: Say) -> None:
    """Run one platform, and start it again after a growing pause.

    Raises only a ConfigError before the first connection, such as for a wrong token: somebody is there to read it.
    """
    loop = asyncio.get_running_loop()
    failures, ever_connected = 0, False

    def connected(line: str) -> None:
        nonlocal ever_connected
        ever_connected = True
        say(line)
        app.queue.recover_soon(name)

    while True:
        started = loop.time()
        try:
            await app.adapters[name].run(app.intake, connected)
            return
        except ShouldersError as error:
            if isinstance(error, ConfigError) and not ever_connected:
                raise
            log.warning("%s: %s", name, error.message)
        except Exception:  # one platform's fault must not touch the other
            log.exception("%s failed", name)
        failures = 1 if loop.time() - started > HEALTHY_AFTER else failures + 1
        pause = min(LONGEST_PAUSE, 2.0 ** (failures - 1)) * random.uniform(0.75, 1.25)  # noqa: S311 -- spreads restarts
        log.warning("%s will be started again in %.0f s", name, pause)
        await asyncio.sleep(pause)


async def prepare(app: App) -> None:
    """Load the default model, and those with `warm`, in the background. A failure is shown at the first question."""
    warm = (name for name, model in app.config.models.items() if model.warm)
    for name in dict.fromkeys((app.config.default_model, *warm)):
        try:
            await app.services.backends[name].prepare()
        except ShouldersError as error:
            log.warning("%s: %s", name, error.message)
    # The modules live as long as the program. Without this, each full garbage collection walks through their 130,000
    # objects, which holds up every answer for a tenth of a second.
    gc.collect()
    gc.freeze()


async def _end(tasks: Sequence[asyncio.Task[None] | asyncio.Task[bool]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
