"""The catalogue: the models of config.toml and those that administrators added from chat, by name."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic

from bot.config import Config, backend_kinds
from bot.hub.admission import COMMIT, MODEL_ID, HubSection, ModelFiles
from bot.hub.client import Hub
from bot.hub.protocol import DownloadProgress
from bot.hub.task_types import KINDS, TASKS, Kind
from bot.interfaces.backend import Backend, LoadableBackend, ModelStatus
from bot.interfaces.catalogue import AddedModel, CatalogueStore
from bot.interfaces.config import ModelSection
from bot.interfaces.errors import ShouldersError, UserError
from bot.interfaces.messages import Place
from bot.interfaces.replies import Done, Piece, Text, Thought

log = logging.getLogger(__name__)

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
"""The form of an added model's name."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One model. `added` is None for a model of config.toml."""

    name: str
    section: ModelSection
    added: AddedModel | None = None

    @property
    def kind(self) -> Kind:
        """The kind of the model's tasks."""
        if self.added:
            return TASKS[self.added.task].kind
        fields = self.section.model_dump()
        if fields.get("pipeline") in TASKS:
            return TASKS[fields["pipeline"]].kind
        return KINDS[fields.get("skill", next(iter(self.section.can), "chat"))]

    @property
    def pinned(self) -> tuple[str, str] | None:
        """The model's id on the Hub and its commit; None for a model from elsewhere."""
        fields = self.section.model_dump()
        model, revision = self.section.model, str(fields.get("revision", ""))
        return (model, revision) if MODEL_ID.fullmatch(model) and COMMIT.fullmatch(revision) else None


class TokenSpeeds:
    """The speed of each model's last answer, in tokens per second from its first text on."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.last: dict[str, float] = {}
        self._clock = clock

    def watch(self, model: str) -> Callable[[Piece], None]:
        """Return a function to call with every piece of one answer; the last piece sets the model's speed."""
        started: float | None = None

        def measure(piece: Piece) -> None:
            nonlocal started
            if isinstance(piece, Text | Thought):
                started = self._clock() if started is None else started
            elif isinstance(piece, Done) and started is not None and (seconds := self._clock() - started) > 0:
                self.last[model] = piece.usage.completion_tokens / seconds

        return measure


class Catalogue:
    """The models in use. `entries`, `sections` and `backends` have the same names, and change at run time."""

    def __init__(self, config: Config, backends: Mapping[str, Backend], store: CatalogueStore, hub: Hub) -> None:
        self.hub = hub
        self.speeds = TokenSpeeds()
        self.sections: dict[str, ModelSection] = dict(config.models)
        self.backends: dict[str, Backend] = dict(backends)
        self.entries = {name: CatalogueEntry(name, section) for name, section in config.models.items()}
        self._config = config
        self._store = store
        self._created: list[Backend] = []

    async def load(self) -> None:
        """Load the models that administrators added in earlier runs. Raises StoreError."""
        for added in await self._store.load():
            if added.name in self.entries:
                log.warning("The added model %s is skipped: config.toml has a model of that name", added.name)
            else:
                self._register(added)

    @property
    def rules(self) -> HubSection:
        """The operator's rules for models of the Hub."""
        return self.hub.rules

    def entry(self, name: str) -> CatalogueEntry:
        """Return the model of a name. Raises UserError, which lists the existing names."""
        if name not in self.entries:
            names = ", ".join(self.entries)
            raise UserError(f"The model “{name[:40]}” is not in the catalogue. Use one of: {names}.")
        return self.entries[name]

    def free_name(self, name: str, model: str) -> str:
        """Return a new model's name: `name`, or one from its id. Raises UserError if it is not valid or in use."""
        name = (name or re.sub(r"[^a-z0-9._-]", "-", model.rpartition("/")[2].lower()).lstrip("._-")[:32]).lower()
        if not NAME.fullmatch(name):
            raise UserError(
                "A model's name is one word of at most 32 letters, digits, dots, dashes and underscores. "
                "Add it under such a name: `--name …`."
            )
        if name in self.entries:
            raise UserError(f"The name “{name}” is already in use. Add this model under another name: `--name …`.")
        return name

    async def add(self, name: str, chosen: ModelFiles, place: Place) -> CatalogueEntry:
        """Add a model of the Hub under a name and store it. Raises UserError or StoreError."""
        name = self.free_name(name, chosen.model)
        facts = (chosen.model, chosen.revision, chosen.task, chosen.licence, chosen.size)
        added = AddedModel(name, *facts, place.platform, place.workspace)
        await self._store.add(added)
        self._register(added)
        return self.entries[name]

    async def remove(self, entry: CatalogueEntry) -> None:
        """Remove an added model, and its files if no other entry uses them. Raises UserError or StoreError."""
        assert entry.pinned
        if [other.pinned for other in self.entries.values()].count(entry.pinned) == 1:
            await self.hub.forget(*entry.pinned)
        await self._store.remove(entry.name)
        backend = self.backends.pop(entry.name, None)  # another removal of the same model may have come first
        self.entries.pop(entry.name, None)
        self.sections.pop(entry.name, None)
        if isinstance(backend, LoadableBackend):
            await backend.unload()

    async def pull(self, entry: CatalogueEntry) -> AsyncGenerator[DownloadProgress]:
        """Start to download a model's missing files; return the progress. Raises UserError or HubError."""
        if entry.pinned is None:
            raise UserError(f"{entry.name} is not a model of the Hub, so there is nothing to download.")
        rules, task = self.hub.rules, entry.added.task if entry.added else ""
        if entry.added is None:  # the operator wrote it into config.toml, so only the disk limits its size
            rules = HubSection(allow=(entry.section.model,), licences=("*",), largest=rules.disk)
        fields = entry.section.model_dump()
        run = [str(fields[name]) for name in ("device", "dtype", "quantise")]
        return self.hub.pull(await self.hub.look(*entry.pinned, task, rules, run))

    async def here(self, entry: CatalogueEntry) -> bool:
        """Return True if all of the model's files are on this machine, or none are needed."""
        return entry.pinned is None or await self.hub.ready(*entry.pinned)

    def measure_speed(self, name: str) -> Callable[[Piece], None]:
        """Return a function to call with every piece of one answer of a model."""
        return self.speeds.watch(name)

    def speed(self, name: str) -> float:
        """Return the tokens a second that a model last wrote, 0 while that is not known."""
        return self.speeds.last.get(name, 0.0)

    async def standing(self, name: str) -> ModelStatus | None:
        """Return the state of a model on this machine; None for a model that runs elsewhere."""
        backend = self.backends[name]
        return await backend.standing() if isinstance(backend, LoadableBackend) else None

    async def fetch(self) -> None:
        """Download the missing models of config.toml, and log those that fail; it runs beside the platforms."""
        for entry in [entry for entry in self.entries.values() if entry.added is None and entry.pinned]:
            if await self.here(entry):
                continue
            log.info("Downloading %s (%s)", entry.name, entry.section.model)
            try:
                async with aclosing(await self.pull(entry)) as progress:
                    async for _ in progress:
                        pass
                log.info("Downloaded %s", entry.name)
            except ShouldersError as error:
                log.warning("%s: %s", entry.name, error.message)

    async def aclose(self) -> None:
        """Close the backends that this catalogue created; it does not own the others."""
        for backend in self._created:
            await backend.aclose()

    def _register(self, added: AddedModel) -> None:
        kind = backend_kinds()["local"]
        table = {"backend": kind.name, "model": added.model, "revision": added.revision}
        can, skill = ["chat"] if added.task == "chat" else [], TASKS[added.task].skill
        pipeline = added.task if skill == "run" else ""
        section = kind.settings.model_validate({**table, "skill": skill, "can": can, "pipeline": pipeline})
        self.sections[added.name] = section
        self.entries[added.name] = CatalogueEntry(added.name, section, added)
        self.backends[added.name] = self._create_backend(added.name, section)

    def _create_backend(self, name: str, section: ModelSection) -> Backend:
        """Return a backend in the process of the others of its kind, or the first one of the kind."""
        for backend in self.backends.values():
            if isinstance(backend, LoadableBackend):
                return backend.another(section)
        kind, config = backend_kinds()[section.backend], self._config
        backend = kind.create({name: section}, config.environment, config.data, config.backends[kind.name])[name]
        self._created.append(backend)
        return backend
