"""The catalogue: every model by its name, those of config.toml and those that administrators added while it runs."""

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


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One model. `added` is there for those that do not stand in config.toml."""

    name: str
    section: ModelSection
    added: AddedModel | None = None

    @property
    def kind(self) -> Kind:
        """What sort of thing it is for."""
        if self.added:
            return TASKS[self.added.task].kind
        fields = self.section.model_dump()
        if fields.get("pipeline") in TASKS:
            return TASKS[fields["pipeline"]].kind
        return KINDS[fields.get("skill", next(iter(self.section.can), "chat"))]

    @property
    def pinned(self) -> tuple[str, str] | None:
        """The Hub's model and the commit of it that this is; None for models from elsewhere."""
        fields = self.section.model_dump()
        model, revision = self.section.model, str(fields.get("revision", ""))
        return (model, revision) if MODEL_ID.fullmatch(model) and COMMIT.fullmatch(revision) else None


class TokenSpeeds:
    """How many tokens a second each model last wrote, from its first word on."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.last: dict[str, float] = {}
        self._clock = clock

    def watch(self, model: str) -> Callable[[Piece], None]:
        """Something to be told of every piece of one answer."""
        began: float | None = None

        def take(piece: Piece) -> None:
            nonlocal began
            if isinstance(piece, Text | Thought):
                began = self._clock() if began is None else began
            elif isinstance(piece, Done) and began is not None and (seconds := self._clock() - began) > 0:
                self.last[model] = piece.usage.completion_tokens / seconds

        return take


class Catalogue:
    """`entries`, `sections` and `backends` have the same names, and grow and shrink while the program runs."""

    def __init__(self, config: Config, backends: Mapping[str, Backend], kept: CatalogueStore, hub: Hub) -> None:
        self.hub = hub
        self.speeds = TokenSpeeds()
        self.sections: dict[str, ModelSection] = dict(config.models)
        self.backends: dict[str, Backend] = dict(backends)
        self.entries = {name: CatalogueEntry(name, section) for name, section in config.models.items()}
        self._config = config
        self._kept = kept
        self._made: list[Backend] = []

    async def load(self) -> None:
        """Bring back what was added in earlier runs."""
        for added in await self._kept.load():
            if added.name in self.entries:
                log.warning("The model %s that was added is left out: config.toml has one of that name", added.name)
            else:
                self._put(added)

    @property
    def rules(self) -> HubSection:
        """The operator's rules for models of the Hub."""
        return self.hub.rules

    def entry(self, name: str) -> CatalogueEntry:
        """One model. Raises UserError that names those there are."""
        if name not in self.entries:
            raise UserError(f"There is no model “{name[:40]}” here. There are: {', '.join(self.entries)}.")
        return self.entries[name]

    def free_name(self, name: str, model: str) -> str:
        """The name to add a model under: the wish, else made of the model's own. Raises UserError."""
        wanted = (name or re.sub(r"[^a-z0-9._-]", "-", model.rpartition("/")[2].lower()).lstrip("._-")[:32]).lower()
        if not NAME.fullmatch(wanted):
            raise UserError("A model's name is one word of at most 32 letters, digits, dots, dashes and underscores.")
        if wanted in self.entries:
            raise UserError(f"There is a model “{wanted}” already. Add this one under another name: `--name …`.")
        return wanted

    async def add(self, name: str, chosen: ModelFiles, place: Place) -> CatalogueEntry:
        """Offer a model of the Hub under a name, from now on and after restarts. Raises UserError or StoreError."""
        name = self.free_name(name, chosen.model)
        about = (chosen.model, chosen.revision, chosen.task, chosen.licence, chosen.size)
        added = AddedModel(name, *about, place.platform, place.workspace)
        await self._kept.add(added)
        self._put(added)
        return self.entries[name]

    async def remove(self, entry: CatalogueEntry) -> None:
        """Forget an added model and its files, if no other entry is about them. Raises UserError or StoreError."""
        assert entry.pinned
        if [other.pinned for other in self.entries.values()].count(entry.pinned) == 1:
            await self.hub.forget(*entry.pinned)
        await self._kept.remove(entry.name)
        backend = self.backends.pop(entry.name, None)  # two may remove it at once
        self.entries.pop(entry.name, None)
        self.sections.pop(entry.name, None)
        if isinstance(backend, LoadableBackend):
            await backend.unload()

    async def pull(self, entry: CatalogueEntry) -> AsyncGenerator[DownloadProgress]:
        """Begin to download what is missing of a model's files; return its progress. Raises UserError or HubError."""
        if entry.pinned is None:
            raise UserError(f"{entry.name} does not come from the Hub: there is nothing to download.")
        rules, task = self.hub.rules, entry.added.task if entry.added else ""
        if entry.added is None:  # who writes config.toml has admitted it there
            rules = HubSection(allow=(entry.section.model,), licences=("*",), largest=rules.disk)
        fields = entry.section.model_dump()
        run = [str(fields[name]) for name in ("device", "dtype", "quantise")]
        return self.hub.pull(await self.hub.look(*entry.pinned, task, rules, run))

    async def here(self, entry: CatalogueEntry) -> bool:
        """Whether nothing has to be downloaded before it can answer."""
        return entry.pinned is None or await self.hub.ready(*entry.pinned)

    def measure_speed(self, name: str) -> Callable[[Piece], None]:
        """Return a function to call with every piece of one answer of a model."""
        return self.speeds.watch(name)

    def speed(self, name: str) -> float:
        """Return the tokens a second that a model last wrote, 0 while that is not known."""
        return self.speeds.last.get(name, 0.0)

    async def standing(self, name: str) -> ModelStatus | None:
        """Whether a model is in this machine's memory, and how fast it was; None where it runs elsewhere."""
        backend = self.backends[name]
        return await backend.standing() if isinstance(backend, LoadableBackend) else None

    async def fetch(self) -> None:
        """Download what config.toml names and is not here yet; a chore of the program."""
        for entry in [entry for entry in self.entries.values() if entry.added is None and entry.pinned]:
            if await self.here(entry):
                continue
            log.info("Downloading %s (%s)", entry.name, entry.section.model)
            try:
                async with aclosing(await self.pull(entry)) as progress:
                    async for _ in progress:
                        pass
                log.info("%s is here", entry.name)
            except ShouldersError as error:
                log.warning("%s: %s", entry.name, error.message)

    async def aclose(self) -> None:
        """Close what was made while the program ran."""
        for backend in self._made:
            await backend.aclose()

    def _put(self, added: AddedModel) -> None:
        kind = backend_kinds()["local"]
        table = {"backend": kind.name, "model": added.model, "revision": added.revision}
        can, skill = ["chat"] if added.task == "chat" else [], TASKS[added.task].skill
        pipeline = added.task if skill == "run" else ""
        section = kind.settings.model_validate({**table, "skill": skill, "can": can, "pipeline": pipeline})
        self.sections[added.name] = section
        self.entries[added.name] = CatalogueEntry(added.name, section, added)
        self.backends[added.name] = self._make(added.name, section)

    def _make(self, name: str, section: ModelSection) -> Backend:
        """A backend beside the others of its kind, whose process it shares."""
        for backend in self.backends.values():
            if isinstance(backend, LoadableBackend):
                return backend.another(section)
        kind, config = backend_kinds()[section.backend], self._config
        made = kind.create({name: section}, config.environment, config.data, config.backends[kind.name])[name]
        self._made.append(made)
        return made
