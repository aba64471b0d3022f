"""/models: show the catalogue; for administrators, add models from the Hub within the operator's rules."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from time import monotonic

from bot.catalogue import Catalogue, CatalogueEntry
from bot.chat.buttons import stop_choice
from bot.hub.progress import DownloadSpeed
from bot.hub.protocol import Hit
from bot.hub.task_types import TASKS
from bot.interfaces.backend import KeyedBackend, LoadableBackend, ModelStatus
from bot.interfaces.command import Command, Option
from bot.interfaces.errors import Denied, UserError
from bot.interfaces.messages import Request
from bot.interfaces.replies import Choice, Choices, Chunk, Done, Item, Menu, Reply, Status, Text
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.utils.byte_sizes import format_bytes
from bot.utils.formatting import markdown_table

NAME = Option("name", "The model's name here", required=True, suggested=True)
TOOL_TEXTS = {True: "its template supports them", False: "its template does not support them", None: ""}
"""The line about tools, by whether the model's template has them; None if that is not known."""
TASK = Option("task", "The task of the model", suggested=True, named=True)


def _sub(name: str, summary: str, options: tuple[Option, ...] = (), *, quiet: bool = True) -> Command:
    """Return a subcommand. Slow ones are not quiet: everybody may see them, and they outlive a private answer."""
    administrative = name not in ("list", "info")
    central = administrative and name != "search"
    return Command(name, summary, options, passes=True, quiet=quiet, administrative=administrative, central=central)


COMMAND = Command(
    "models",
    "List the models, and for administrators add more",
    subcommands=(
        _sub("list", "List every model: task, destination, size and speed"),
        _sub("info", "Show everything about one model", (NAME,)),
        _sub(
            "search",
            "Search the Hugging Face Hub",
            (
                Option("words", "A part of the model's name", required=True),
                TASK,
            ),
        ),
        _sub(
            "add",
            "Add a model from the Hub",
            (
                Option("model", "The model on the Hub, as organisation/name", required=True),
                Option("name", "The model's name here", named=True),
                TASK,
                Option("revision", "A branch, a tag or a commit; the newest by default", named=True),
            ),
        ),
        _sub("pull", "Download a model now", (NAME,), quiet=False),
        _sub("load", "Load a model into memory", (NAME,), quiet=False),
        _sub("unload", "Remove a model from memory", (NAME,)),
        _sub("remove", "Remove an added model and its files", (NAME,)),
    ),
)


def run(services: Services, accepted: Accepted) -> Reply:
    """Return the reply of the subcommand."""
    return _SUBCOMMANDS[accepted.request.command.partition(" ")[2]](services, accepted)


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """Return the possible models of a subcommand, or the possible tasks."""
    if option == "task":
        return tuple(TASKS)
    catalogue = services.catalogue
    match request.command.partition(" ")[2]:
        case "pull":
            return [name for name, entry in catalogue.entries.items() if entry.pinned]
        case "load" | "unload":
            return [name for name, backend in catalogue.backends.items() if isinstance(backend, LoadableBackend)]
        case "remove":
            return [name for name, entry in catalogue.entries.items() if entry.added]
        case _:
            return services.models.available(request).names


# The catalogue --------------------------------------------------------------------------------------------------------


async def _list(services: Services, accepted: Accepted) -> Reply:
    available = services.models.available(accepted.request)
    rows = []
    for name in available.names:
        entry, standing = services.catalogue.entry(name), await services.catalogue.standing(name)
        rows.append(
            (
                f"{name} (default)" if name == available.default else name,
                entry.kind,
                services.backends[name].destination,
                _size(entry, standing),
                _licence(entry, standing) or "–",
                await _state(services, entry, standing),
                _speed(services.catalogue, name, standing),
            )
        )
    yield Text(markdown_table(("name", "for", "runs on", "size", "licence", "state", "speed"), rows))
    yield Done()


async def _info(services: Services, accepted: Accepted) -> Reply:
    name = services.models.require(accepted.request, _name(accepted))
    entry, standing = services.catalogue.entry(name), await services.catalogue.standing(name)
    backend = services.backends[name]
    context = standing.context if standing else backend.context
    fallback = entry.section.fallback
    lines = {
        "model": entry.section.model,
        "backend": entry.section.backend,
        "commit": entry.pinned[1] if entry.pinned else "",
        "for": entry.added.task if entry.added else entry.kind,
        "runs on": backend.destination,
        "size": _size(entry, standing),
        "licence": _licence(entry, standing),
        "context window": f"{context:,} tokens" if context else "",
        "state": await _state(services, entry, standing),
        "memory": format_bytes(standing.bytes) if standing and standing.bytes else "",
        "computation": standing.how if standing else "",
        "tools": TOOL_TEXTS[standing.tools if standing else None],
        "speed": _speed(services.catalogue, name, standing),
        "source": "chat; `/models remove` removes it" if entry.added else "config.toml",
        "if it fails": f"{fallback} answers" if fallback in services.models.available(accepted.request).names else "",
    }
    facts = "\n".join(f"- {what}: {value}" for what, value in lines.items() if value not in ("", "–"))
    yield Text(f"**{name}**\n{facts}")
    yield Done()


def _size(entry: CatalogueEntry, standing: ModelStatus | None) -> str:
    size = entry.added.size if entry.added else standing.size if standing else 0
    return format_bytes(size) if size else "–"


def _licence(entry: CatalogueEntry, standing: ModelStatus | None) -> str:
    return entry.added.licence if entry.added else standing.licence if standing else ""


async def _state(services: Services, entry: CatalogueEntry, standing: ModelStatus | None) -> str:
    """Return the reason why a model cannot answer or, without one, whether it is in memory."""
    backend = services.backends[entry.name]
    if isinstance(backend, KeyedBackend) and backend.missing_key:
        return f"⚠ {backend.missing_key} is missing"
    if not await services.catalogue.here(entry):
        return "not downloaded"
    if standing is None:
        return "–"
    return "loaded" if standing.loaded else "not loaded"


def _speed(catalogue: Catalogue, name: str, standing: ModelStatus | None) -> str:
    if standing and standing.speed:
        return f"{standing.speed:.0f} {standing.unit}/s"
    speed = catalogue.speed(name)
    return f"{speed:.0f} tokens/s" if speed else "–"


# From the Hub --------------------------------------------------------------------------------------------------------


async def _search(services: Services, accepted: Accepted) -> Reply:
    request, hub = accepted.request, services.catalogue.hub
    arguments = request.arguments
    task = arguments.get("task", "")
    if task and task not in TASKS:
        raise UserError(f"“{task[:40]}” is not a task of mine. The tasks are: {', '.join(TASKS)}.")
    yield Status("Searching the Hub…")
    hits = await hub.search(arguments.get("words", ""), "text-generation" if task == "chat" else task)
    if not hits:
        yield Text("The Hub does not have such a model with weights that I can load. Search for another word.")
        yield Done()
        return
    rows = [
        (hit.model, hit.task or "–", f"{hit.downloads:,}", hit.licence or "–", _obstacle(services.catalogue, hit))
        for hit in hits
    ]
    yield Text(markdown_table(("model", "for", "downloads", "licence", ""), rows))
    items = [
        Item(hit.model, hit.model[-75:], (hit.task or hit.licence)[:75])
        for hit in hits
        if not _obstacle(services.catalogue, hit)
    ]
    if not items:
        yield Text("\nThe operator's rules do not admit any of these. They are the table [hub] in config.toml.")
    elif services.policy.manages_models(request):
        arguments = {"task": task} if task else {}
        yield Choices((Menu("Add one…", "models add", "model", tuple(items[:25]), arguments),))
    yield Done()


def _obstacle(catalogue: Catalogue, hit: Hit) -> str:
    """Return the reason against a model that a search result shows, or ""."""
    rules = catalogue.rules
    if not rules.admits(hit.model):
        return "not on the list"
    if not rules.admits_licence(hit.licence):
        return "licence not on the list"
    return "gated" if hit.gated else ""


async def _add(services: Services, accepted: Accepted) -> Reply:
    request, catalogue = accepted.request, services.catalogue
    arguments, model = request.arguments, request.arguments.get("model", "").strip()
    catalogue.free_name(arguments.get("name", ""), model)
    yield Status("Reading its description on the Hub…")
    chosen = await catalogue.hub.look(model, arguments.get("revision", ""), arguments.get("task", ""))
    entry = await catalogue.add(arguments.get("name", ""), chosen, request.place)
    source = f"{chosen.model} at {chosen.revision}"
    await services.administration.write_audit(request.place, request.person, "model add", entry.name, source)
    yield Text(
        f"I added **{entry.name}** to the catalogue, for {chosen.task}: {chosen.model} "
        f"at commit {chosen.revision[:12]}, {format_bytes(chosen.size)}, licence {chosen.licence}."
    )
    if not await catalogue.here(entry):
        yield Text(f" `/models pull {entry.name}` downloads it.")
        yield Choices((Choice("Download it now", "models pull", {"name": entry.name}),))
    yield Done()


async def _pull(services: Services, accepted: Accepted) -> Reply:
    request, catalogue = accepted.request, services.catalogue
    entry = catalogue.entry(_name(accepted))
    yield Choices((stop_choice(accepted.id),))
    yield Status(f"Reading the description of {entry.section.model} on the Hub…", long=True)
    pace, size = DownloadSpeed(), 0
    async with aclosing(await catalogue.pull(entry)) as steps:
        async for step in steps:
            size = step.total
            yield Status(f"Downloading {entry.name}: {pace.take(step, monotonic())}", long=True)
    for chunk in _download_result(entry, size):
        yield chunk
    if size:
        await services.administration.write_audit(
            request.place, request.person, "model pull", entry.name, entry.section.model
        )
    yield Done()


def _download_result(entry: CatalogueEntry, size: int) -> Sequence[Chunk]:
    facts = f"{format_bytes(size)}, and every checksum is right" if size else "it was complete already"
    skills = entry.section.skills
    how = f" `/model {entry.name}` makes it answer." if entry.kind == "chat" else ""
    how = f" `/run {entry.name}` runs it." if "run" in skills and len(skills) == 1 else how
    return (Choices(()), Text(f"**{entry.name}** is downloaded: {facts}.{how}"))


async def _remove(services: Services, accepted: Accepted) -> Reply:
    request, catalogue = accepted.request, services.catalogue
    entry = catalogue.entry(_name(accepted))
    if entry.added is None:
        raise UserError(f"{entry.name} comes from config.toml. Remove its table there.")
    place, person = request.place, request.person
    trusted = services.administration.is_configured_administrator(place, person)
    if not trusted and (entry.added.platform, entry.added.workspace) != (
        place.platform,
        place.workspace,
    ):
        raise Denied(f"{entry.name} was added in another workspace. Only that workspace or the operator can remove it.")
    await catalogue.remove(entry)
    await services.administration.write_audit(place, person, "model remove", entry.name, f"was {entry.section.model}")
    yield Text(f"I removed **{entry.name}** and its files. Choose another model with `/model` for its conversations.")
    yield Done()


# In memory -----------------------------------------------------------------------------------------------------------


async def _load(services: Services, accepted: Accepted) -> Reply:
    name = _name(accepted)
    _in_memory(services, name)
    yield Choices((stop_choice(accepted.id),))
    yield Status(f"Loading {name}…", long=True)
    began = monotonic()
    await services.backends[name].prepare()
    yield Choices(())
    await services.administration.write_audit(accepted.request.place, accepted.request.person, "model load", name)
    yield Text(f"**{name}** is loaded. It took {monotonic() - began:.1f} s.")
    yield Done()


async def _unload(services: Services, accepted: Accepted) -> Reply:
    name = _name(accepted)
    await _in_memory(services, name).unload()
    await services.administration.write_audit(accepted.request.place, accepted.request.person, "model unload", name)
    yield Text(f"**{name}** is not in memory any more. The next question loads it again.")
    yield Done()


def _in_memory(services: Services, name: str) -> LoadableBackend:
    """Return the backend of a model on this machine. Raises UserError for another model."""
    services.catalogue.entry(name)
    backend = services.backends[name]
    if not isinstance(backend, LoadableBackend):
        raise UserError(
            f"{name} runs on {backend.destination}, so I cannot load or unload it. "
            "Name a model that runs on this machine."
        )
    return backend


def _name(accepted: Accepted) -> str:
    return accepted.request.arguments.get("name", "").strip()


_SUBCOMMANDS = {
    "list": _list,
    "info": _info,
    "search": _search,
    "add": _add,
    "pull": _pull,
    "load": _load,
    "unload": _unload,
    "remove": _remove,
}
