"""/models in chat: the list, and the changes of administrators, against a loopback Hub."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.backends.local import LocalModelSettings
from bot.catalogue import TokenSpeeds
from bot.config import load
from bot.hub.progress import DownloadSpeed
from bot.hub.protocol import DownloadProgress
from bot.interfaces.backend import ModelStatus
from bot.interfaces.catalogue import AddedModel
from bot.interfaces.config import ModelSection
from bot.interfaces.database import Database
from bot.interfaces.replies import Choice, Done, Menu, Status, Text, Usage
from tests.core.world import ADMIN, ANN, CHANNEL, CONFIG, World, play
from tests.fakes.hub import FakeHub, Hold, Repository
from tests.fakes.memory import MemoryBackend, MemoryDraft

ELSEWHERE = replace(CHANNEL, workspace="another")
WEIGHTS = os.urandom(100_000)
SMALL = Repository("maker/Small-Chat", {"config.json": b"{}", "model.safetensors": WEIGHTS}, downloads=1_234)


@dataclass
class Shelved(MemoryBackend):
    """A model on this machine."""

    destination: str = "this machine"
    loaded: bool = False
    beside: list[ModelSection] = field(default_factory=list)

    async def standing(self) -> ModelStatus:
        return ModelStatus(self.loaded, 2_000_000, 17.4, "tokens") if self.loaded else ModelStatus(False)

    async def prepare(self) -> None:
        self.loaded = True

    async def unload(self) -> None:
        self.loaded = False

    def another(self, section: ModelSection) -> Shelved:
        self.beside.append(section)
        return Shelved()


@pytest.fixture
async def server() -> AsyncGenerator[FakeHub]:
    async with FakeHub() as hub:
        hub.add(SMALL, Repository("other/small", {"model.safetensors": b""}, downloads=5_000))
        yield hub
    assert hub.violations == []


@pytest.fixture
async def world(store: Database, tmp_path: Path, server: FakeHub) -> AsyncGenerator[World]:
    path = tmp_path / "config.toml"
    hub = f'[hub]\nallow = ["maker/*"]\nendpoint = "{server.endpoint}"\nmanaged_by = "administrators"\n'
    await asyncio.to_thread(path.write_text, CONFIG.replace("[bot]", f'[bot]\ndata = "{tmp_path}"') + hub)
    world = World(store, await asyncio.to_thread(load, path, {}))
    world.main = world.backends["main"] = Shelved()
    await world.start()
    await world.queue.recover("discord")
    yield world
    await world.queue.aclose(0)


def said(draft: MemoryDraft) -> str:
    answer = draft.answers[-1]
    return "\n".join((answer.text, *answer.notes))


async def do(world: World, what: str, **arguments: str) -> str:
    return said(await world.command(f"models {what}", CHANNEL, ADMIN, **arguments))


async def listed(world: World) -> dict[str, str]:
    lines = said(await world.command("models list", CHANNEL)).splitlines()
    return {line.split()[0]: " ".join(line.split()[1:]) for line in lines[3:-1]}


async def audited(world: World) -> list[tuple[str, str, str]]:
    entries = await world.store.records.audit("discord", "guild", action="model")
    return [(entry.action, entry.target, entry.after) for entry in reversed(entries)]


async def test_the_list_says_what_there_is(world: World) -> None:
    assert await listed(world) == {
        "main": "(default) chat this machine – – not loaded –",
        "spare": "chat a test – – – –",
    }
    assert "**main** is loaded." in await do(world, "load", name="main")
    assert (await listed(world))["main"] == "(default) chat this machine – – loaded 17 tokens/s"
    told = said(await world.command("models info", CHANNEL, name="main"))
    assert "- memory: 2.0 MB" in told
    assert "- if it fails: spare answers" in told
    assert "not in memory any more" in await do(world, "unload", name="main")
    assert (await listed(world))["main"].endswith("not loaded –")
    assert "runs on a test, so I cannot load or unload it" in await do(world, "load", name="spare")
    assert [entry[:2] for entry in await audited(world)] == [("model load", "main"), ("model unload", "main")]


async def test_a_model_whose_key_is_missing_is_marked(world: World) -> None:
    world.app.services.catalogue.backends["spare"] = Keyless()
    assert (await listed(world))["spare"] == "chat a test – – ⚠ OPENAI_API_KEY is missing –"


@dataclass
class Keyless(MemoryBackend):
    missing_key: str = "OPENAI_API_KEY"


async def test_the_speed_that_was_last_seen_is_listed(world: World) -> None:
    ticks = iter((100.0, 100.5))
    world.app.services.catalogue.speeds = TokenSpeeds(lambda: next(ticks))
    play(world.spare, Status("Thinking…"), Text("two "), Text("words"), Done("complete", Usage(10, 25)))
    await world.say("Hello", CHANNEL, command="ask", arguments={"text": "Hello", "model": "spare"})
    assert (await listed(world))["spare"].endswith("50 tokens/s")


async def test_a_search_offers_what_may_be_added(world: World) -> None:
    draft = await world.command("models search", CHANNEL, ADMIN, words="small")
    lines = said(draft).splitlines()
    assert lines[3].split() == ["other/small", "text-generation", "5,000", "apache-2.0", "not", "on", "the", "list"]
    assert lines[4].split() == ["maker/Small-Chat", "text-generation", "1,234", "apache-2.0"]
    (menu,) = draft.answers[-1].choices
    assert isinstance(menu, Menu)
    assert (menu.command, menu.option, [item.value for item in menu.items]) == ("models add", "model", [SMALL.model])
    assert "The Hub does not have such a model" in await do(world, "search", words="nothing of the kind")
    assert "operator's rules do not admit" in await do(world, "search", words="other")


async def test_a_model_is_added_pulled_listed_and_removed(world: World, server: FakeHub, tmp_path: Path) -> None:
    draft = await world.command("models add", CHANNEL, ADMIN, model="maker/Small-Chat")
    assert f"**small-chat** to the catalogue, for chat: maker/Small-Chat at commit {SMALL.commit[:12]}" in said(draft)
    assert draft.answers[-1].choices == (Choice("Download it now", "models pull", {"name": "small-chat"}),)
    assert (await listed(world))["small-chat"] == "chat this machine 100 KB apache-2.0 not downloaded –"
    pulled = await world.command("models pull", CHANNEL, ADMIN, name="small-chat")
    assert (
        "**small-chat** is downloaded: 100 KB, and every checksum is right. `/model small-chat` makes it answer."
        in said(pulled)
    )
    statuses = [chunk for chunk in pulled.chunks if isinstance(chunk, Status)]
    assert statuses[-1].long
    assert "Downloading small-chat: 100 % of 100 KB" in statuses[-1].text
    assert (await listed(world))["small-chat"] == "chat this machine 100 KB apache-2.0 not loaded –"
    assert "it was complete already" in await do(world, "pull", name="small-chat")
    folder = world.app.services.catalogue.hub.folder(SMALL.model, SMALL.commit)
    assert await asyncio.to_thread((folder / "model.safetensors").read_bytes) == WEIGHTS
    assert "I removed **small-chat** and its files." in await do(world, "remove", name="small-chat")
    assert "small-chat" not in await listed(world)
    assert not await asyncio.to_thread(folder.exists)
    assert await audited(world) == [
        ("model add", "small-chat", f"maker/Small-Chat at {SMALL.commit}"),
        ("model pull", "small-chat", "maker/Small-Chat"),
        ("model remove", "small-chat", "was maker/Small-Chat"),
    ]


async def test_a_pipeline_model_is_added_with_its_pipeline(world: World, server: FakeHub) -> None:
    config = {"model_type": "glpn", "architectures": ["GLPNForDepthEstimation"]}
    server.add(replace(SMALL, model="maker/depth", task="depth-estimation", tags=(), config=config))
    assert "for depth-estimation" in await do(world, "add", model="maker/depth")
    assert "`/run depth` runs it." in await do(world, "pull", name="depth")
    section = world.app.services.catalogue.sections["depth"]
    assert (section.skills, section.model_dump()["pipeline"]) == (("run",), "depth-estimation")
    assert (await listed(world))["depth"].startswith("picture this machine")
    offered = await world.intake.suggest("models add", "task", "depth", CHANNEL, ADMIN, {})
    assert list(offered) == ["depth-estimation"]


async def test_added_models_survive_a_restart(world: World) -> None:
    await do(world, "add", model="maker/Small-Chat", name="tiny", task="text-generation")
    again = World(world.store, world.config)
    local = again.main = again.backends["main"] = Shelved()
    again.acts = world.acts
    await again.start()
    await again.queue.recover("discord")
    assert (await listed(again))["tiny"].startswith("text this machine 100 KB")
    (section,) = local.beside
    assert (section.model, section.model_dump()["revision"]) == ("maker/Small-Chat", SMALL.commit)
    await again.queue.aclose(0)


async def test_an_added_model_can_be_chosen_and_answers(world: World) -> None:
    await do(world, "add", model="maker/Small-Chat", name="tiny")
    assert "From now on **tiny** answers" in said(await world.command("model", CHANNEL, name="tiny"))
    assert "Hello there" in (await world.say("Hello there", CHANNEL)).text
    offered = await world.intake.suggest("models pull", "name", "", CHANNEL, ADMIN, {})
    assert list(offered) == ["tiny"]
    assert list(await world.intake.suggest("models load", "name", "", CHANNEL, ADMIN, {})) == ["main", "tiny"]
    assert list(await world.intake.suggest("models remove", "name", "", CHANNEL, ADMIN, {})) == ["tiny"]
    assert list(await world.intake.suggest("models info", "name", "", CHANNEL, ANN, {})) == ["main", "spare", "tiny"]


async def test_a_completion_model_is_not_a_chat_model(world: World) -> None:
    await do(world, "add", model="maker/Small-Chat", name="tiny", task="text-generation")
    assert "“tiny” is not a chat model. It supports: write" in said(await world.command("model", CHANNEL, name="tiny"))
    assert "tiny" not in await world.intake.suggest("ask", "model", "", CHANNEL, ANN, {})
    assert "tiny" in await world.intake.suggest("complete", "model", "", CHANNEL, ANN, {})


@pytest.mark.parametrize(
    ("what", "arguments", "says"),
    [
        ("add", {"model": "other/small"}, "The operator's list does not admit other/small. It admits: maker/*."),
        ("add", {"model": "small"}, "“small” is not the name of a model on the Hub"),
        ("add", {"model": "maker/Small-Chat", "name": "main"}, "“main” is already in use."),
        ("add", {"model": "maker/Small-Chat", "name": "a b"}, "A model's name is one word of at most 32"),
        ("add", {"model": "maker/Small-Chat", "task": "fill-mask"}, "which was not made for fill-mask"),
        ("add", {"model": "maker/Small-Chat", "revision": "v2"}, "has no revision “v2”"),
        ("pull", {"name": "main"}, "main is not a model of the Hub"),
        ("pull", {"name": "nobody"}, "“nobody” is not in the catalogue. Use one of: main, spare."),
        ("remove", {"name": "main"}, "main comes from config.toml"),
    ],
)
async def test_what_cannot_be_done_is_told(world: World, what: str, arguments: dict[str, str], says: str) -> None:
    assert says in await do(world, what, **arguments)
    assert await audited(world) == []


async def test_only_administrators_change_the_catalogue(world: World) -> None:
    for what in ("search", "add", "pull", "load", "unload", "remove"):
        draft = await world.command(f"models {what}", CHANNEL, ANN, name="main", model="maker/x", words="x")
        assert "That is for administrators." in said(draft)


async def test_another_workspace_cannot_remove_what_was_added_here(world: World) -> None:
    await do(world, "add", model="maker/Small-Chat", name="tiny")
    draft = await world.command("models remove", ELSEWHERE, ADMIN, name="tiny")
    assert "tiny was added in another workspace" in said(draft)
    assert "tiny" in await listed(world)
    world.app.services.administration._administrators = frozenset({"discord:3"})
    assert "I removed **tiny**" in said(await world.command("models remove", ELSEWHERE, ADMIN, name="tiny"))


async def test_a_stopped_download_resumes_later(world: World, server: FakeHub) -> None:
    await do(world, "add", model="maker/Small-Chat", name="tiny")
    server.fail("model.safetensors", Hold(60_000))
    stopping = asyncio.create_task(world.command("models pull", CHANNEL, ADMIN, name="tiny"))
    await server.wait(lambda: ("model.safetensors", "") in server.requests)
    stop = next(
        choice
        for chunk in world.adapter.drafts[-1].chunks
        for choice in getattr(chunk, "choices", ())
        if choice.label == "Stop"
    )
    await until_told(world, "60 %")
    await world.command(stop.command, CHANNEL, ADMIN, **stop.arguments)
    assert "Stopped" in said(await stopping)
    await asyncio.wait_for(server.hung_up.wait(), 10)
    assert (await listed(world))["tiny"].endswith("not downloaded –")
    assert "every checksum is right" in await do(world, "pull", name="tiny")
    assert server.requests[-1] == ("model.safetensors", "bytes=60000-")


async def until_told(world: World, words: str) -> None:
    draft = world.adapter.drafts[-1]
    async with asyncio.timeout(10):
        while not any(isinstance(chunk, Status) and words in chunk.text for chunk in draft.chunks):
            draft.updated.clear()
            await draft.updated.wait()


async def test_models_of_the_config_are_downloaded_automatically(world: World, server: FakeHub) -> None:
    stranger = Repository("elsewhere/model", {"config.json": b"{}", "model.safetensors": b"x" * 10}, licence="own")
    server.add(stranger)
    section = LocalModelSettings(backend="local", model=stranger.model, revision=stranger.commit)
    world.config = replace(world.config, models={**world.config.models, "hers": section})
    started = World(world.store, world.config)
    started.main = Shelved()
    await started.start()
    catalogue = started.app.services.catalogue
    catalogue.backends["hers"] = Shelved()
    assert not await catalogue.here(catalogue.entry("hers"))
    await started.app.background_jobs["downloads"]()
    assert await catalogue.here(catalogue.entry("hers"))
    await started.queue.aclose(0)


async def test_a_configured_model_replaces_an_added_one(store: Database, world: World) -> None:
    added = AddedModel("spare", "maker/Small-Chat", SMALL.commit, "chat", "mit", 10, "discord", "guild")
    await store.catalogue.add(added)
    again = World(store, world.config)
    await again.start()
    assert again.app.services.catalogue.entry("spare").added is None


@pytest.mark.timeout(120)
async def test_a_hub_model_answers_in_the_models_process(
    world: World, server: FakeHub, tiny: Path, store: Database
) -> None:
    server.add(await asyncio.to_thread(Repository.of_folder, "maker/tiny", tiny))
    living = World(store, world.config)
    living.acts = world.acts
    await living.start()
    await living.queue.recover("discord")
    catalogue = living.app.services.catalogue
    try:
        await do(living, "add", model="maker/tiny")
        await living.command("model", CHANNEL, name="tiny")
        early = await living.say("Hello", CHANNEL)
        assert "maker/tiny is not downloaded yet" in said(early)
        assert "every checksum is right" in await do(living, "pull", name="tiny")
        assert "**tiny** is loaded." in await do(living, "load", name="tiny")
        section = catalogue.sections["tiny"].model_copy(update={"max_tokens": 5})
        catalogue.backends["tiny"]._section = section  # type: ignore[attr-defined]  # it would write for ever
        answer = await living.say("Hello", CHANNEL)
        assert answer.text
        state = (await listed(living))["tiny"]
        assert state.startswith("chat this machine")
        assert " loaded " in state
        told = said(await living.command("models info", CHANNEL, name="tiny"))
        assert "- computation: cpu, " in told
        assert "- tools: its template does not support them" in told
        assert state.endswith("tokens/s")
        assert "not in memory any more" in await do(living, "unload", name="tiny")
        assert " not loaded " in (await listed(living))["tiny"]
    finally:
        await living.queue.aclose(0)
        await catalogue.aclose()


def test_progress_is_percent_rate_and_time_left() -> None:
    pace = DownloadSpeed()
    assert pace.take(DownloadProgress(0, 0), 0) == "0 % of 0 B"
    pace = DownloadSpeed()
    assert pace.take(DownloadProgress(10_000_000, 100_000_000), 0) == "10 % of 100 MB"
    assert pace.take(DownloadProgress(20_000_000, 100_000_000), 2) == "20 % of 100 MB, 5.0 MB/s, 16 s left"
    assert pace.take(DownloadProgress(21_000_000, 100_000_000), 13) == "21 % of 100 MB, 91 KB/s, 14 min left"
