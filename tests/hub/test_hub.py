"""The real client process against a loopback Hub: admission, download, and failures on the way."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from bot.hub.admission import HubLimits, HubSection, check_memory, choose
from bot.hub.client import Hub
from bot.hub.protocol import FoundModel, RemoteFile
from bot.inference import downloads
from bot.interfaces.errors import HubError, ShouldersError, UserError
from bot.utils.byte_sizes import format_bytes, parse_bytes
from tests.fakes.hub import Cut, FakeHub, Hold, Refuse, Repository, Whole, Wrong
from tests.fakes.openai import unused_url

WEIGHTS = os.urandom(300_000)
CANARIES = {"OPENAI_API_KEY": "sk-canary", "DISCORD_TOKEN": "discord-canary", "SLACK_BOT_TOKEN": "xoxb-canary"}


PROXY = {"https_proxy": "http://me:password@proxy.test:1"}
"""A proxy for https, which the client process gets and does not use: the fake Hub's address begins with http."""


def repository(model: str = "maker/small", files: Mapping[str, bytes] = MappingProxyType({})) -> Repository:
    contents = {"config.json": b"{}", "tokenizer.json": b"{1}", "model.safetensors": WEIGHTS, "README.md": b"# Hello"}
    return Repository(model, {**contents, **files}, downloads=10)


@pytest.fixture
async def server() -> AsyncGenerator[FakeHub]:
    async with FakeHub() as hub:
        hub.add(repository())
        yield hub
    assert hub.violations == []


@pytest.fixture
def hub(server: FakeHub, tmp_path: Path) -> Hub:
    return hub_at(server.endpoint, tmp_path)


def hub_at(endpoint: str, folder: Path, token: str = "", **rules: object) -> Hub:
    section = HubSection.model_validate({"allow": ["maker/*"], "endpoint": endpoint, **rules})
    environment = {**os.environ, **CANARIES, **PROXY, **({"HF_TOKEN": token} if token else {})}
    return Hub(section, folder / "hub", environment)


async def pull(hub: Hub, model: str = "maker/small") -> Path:
    chosen = await hub.look(model)
    async with aclosing(hub.pull(chosen)) as progress:
        steps = [step async for step in progress]
    assert (steps[-1].done, steps[-1].total) == (chosen.size, chosen.size)
    return hub.folder(chosen.model, chosen.revision)


# Search and download -------------------------------------------------------------------------------------------------


async def test_a_search_finds_loadable_models_by_downloads(server: FakeHub, hub: Hub) -> None:
    server.add(
        Repository("other/small-bert", {"model.safetensors": b""}, task="fill-mask", downloads=30, gated="auto"),
        Repository("other/small-pickle", {"pytorch_model.bin": b""}, downloads=90),
        Repository("other/small-packed", {"m.Q4_K_M.gguf": b""}, licence="", downloads=20),
        Repository("other/large", {"model.safetensors": b""}, downloads=99),
    )
    hits = await hub.search("small")
    assert [hit.model for hit in hits] == ["other/small-bert", "other/small-packed", "maker/small"]
    assert (hits[0].task, hits[0].gated, hits[0].downloads) == ("fill-mask", True, 30)
    assert [hit.licence for hit in hits] == ["apache-2.0", "", "apache-2.0"]
    assert [hit.model for hit in await hub.search("small", "fill-mask")] == ["other/small-bert"]
    assert await hub.search("nothing like this") == ()


async def test_a_model_is_known_by_its_commit(server: FakeHub, hub: Hub) -> None:
    chosen = await hub.look("maker/small")
    commit = server.repositories["maker/small"].commit
    assert (chosen.revision, chosen.task, chosen.licence) == (commit, "chat", "apache-2.0")
    assert (await hub.look("maker/small", commit)).revision == commit


async def test_only_needed_files_are_downloaded(server: FakeHub, hub: Hub) -> None:
    server.add(
        repository(
            files={
                "pytorch_model.bin": b"pickle",
                "model.fp16.safetensors": b"twice",
                "tf_model.h5": b"twice",
                "modeling_own.py": b"import os",
                "chat_template.jinja": b"template",
                "vocab.txt": b"words",
                "1_Pooling/config.json": b"{}",
                "onnx/model.onnx": b"twice",
                "pytorch_model.bin.index.json": b"{}",
            }
        )
    )
    folder = await pull(hub)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    needed = {"config.json", "tokenizer.json", "model.safetensors", "chat_template.jinja", "vocab.txt"}
    assert found == {*needed, "1_Pooling/config.json", "complete.json"}
    assert await asyncio.to_thread((folder / "model.safetensors").read_bytes) == WEIGHTS
    assert await hub.ready("maker/small", server.repositories["maker/small"].commit)


async def test_all_shards_of_weights_are_downloaded(server: FakeHub, hub: Hub) -> None:
    shards = {f"model-0000{number}-of-00002.safetensors": os.urandom(1000) for number in (1, 2)}
    index = {"model.safetensors.index.json": b"{}", "consolidated.safetensors": b"twice"}
    server.add(Repository("maker/small", {"config.json": b"{}", **shards, **index}))
    folder = await pull(hub)
    assert sorted(path.name for path in folder.glob("*.safetensors")) == sorted(shards)


async def test_a_complete_model_is_not_downloaded_again(server: FakeHub, hub: Hub) -> None:
    await pull(hub)
    before = len(server.requests)
    chosen = await hub.look("maker/small")
    assert [step async for step in hub.pull(chosen)] == []
    assert len(server.requests) == before


async def test_the_process_gets_no_secret_but_the_token(server: FakeHub, tmp_path: Path) -> None:
    server.token = "hf_canary"
    server.repositories["maker/small"].gated = "manual"
    gate = Hold(1000)
    server.fail("model.safetensors", gate)
    hub = hub_at(server.endpoint, tmp_path, token="hf_canary")
    pulling = asyncio.create_task(pull(hub))
    await server.wait(lambda: ("model.safetensors", "") in server.requests)
    children = await asyncio.to_thread(Path(f"/proc/self/task/{os.getpid()}/children").read_text)
    environment = "".join([Path(f"/proc/{child}/environ").read_text() for child in children.split()])  # noqa: ASYNC240
    assert "hf_canary" in environment
    assert PROXY["https_proxy"] in environment
    assert not [canary for canary in CANARIES.values() if canary in environment]
    gate.gate.set()
    assert (await pulling).is_dir()


# Failures ------------------------------------------------------------------------------------------------------------


async def test_a_broken_download_resumes(server: FakeHub, hub: Hub) -> None:
    server.fail("model.safetensors", Cut(100_000), Refuse(503), Cut(50_000), Refuse(429, {"Retry-After": "0"}))
    folder = await pull(hub)
    assert await asyncio.to_thread((folder / "model.safetensors").read_bytes) == WEIGHTS
    ranges = [asked for path, asked in server.requests if path == "model.safetensors"]
    assert ranges == ["", "bytes=100000-", "bytes=100000-", "bytes=150000-", "bytes=150000-"]


async def test_a_stopped_pull_resumes_later(server: FakeHub, hub: Hub) -> None:
    server.fail("model.safetensors", Hold(200_000))
    chosen = await hub.look("maker/small")
    async with aclosing(hub.pull(chosen)) as progress:
        async for step in progress:
            if step.done >= 200_000:
                break
    await asyncio.wait_for(server.hung_up.wait(), 10)
    assert not await hub.ready(chosen.model, chosen.revision)
    await pull(hub)
    assert ("model.safetensors", "bytes=200000-") in server.requests


async def test_wrong_bytes_are_not_kept(server: FakeHub, hub: Hub, tmp_path: Path) -> None:
    server.fail("model.safetensors", Wrong())
    with pytest.raises(HubError, match=r"model\.safetensors does not match its hash"):
        await pull(hub)
    assert await asyncio.to_thread(downloads.taken, tmp_path / "hub") == len(b"{}{1}")
    assert await asyncio.to_thread((await pull(hub)).is_dir)


async def test_a_wrong_small_file_is_noticed_too(server: FakeHub, hub: Hub) -> None:
    server.fail("config.json", Wrong())
    with pytest.raises(HubError, match=r"config\.json does not match its hash"):
        await pull(hub)


async def test_a_wrong_part_is_downloaded_again(server: FakeHub, hub: Hub) -> None:
    chosen = await hub.look("maker/small")
    draft = downloads.unfinished(hub.folder(chosen.model, chosen.revision))
    await asyncio.to_thread(draft.mkdir, parents=True)
    await asyncio.to_thread((draft / "model.safetensors.part").write_bytes, b"x" * 1000)
    await asyncio.to_thread((draft / "tokenizer.json.part").write_bytes, b"far too long for it")
    folder = await pull(hub)
    assert await asyncio.to_thread((folder / "model.safetensors").read_bytes) == WEIGHTS
    assert await asyncio.to_thread((folder / "tokenizer.json").read_bytes) == b"{1}"


async def test_a_server_without_ranges_sends_the_whole_file(server: FakeHub, hub: Hub) -> None:
    server.fail("model.safetensors", Cut(100_000), Whole())
    folder = await pull(hub)
    assert await asyncio.to_thread((folder / "model.safetensors").read_bytes) == WEIGHTS


async def test_repeated_failures_are_reported_and_resumable(
    server: FakeHub, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.fail("model.safetensors", Cut(100_000), Refuse(503, {"Retry-After": "3600"}))
    with pytest.raises(HubError, match="the download resumes"):
        await pull(hub)
    await pull(hub)
    assert server.requests[-1] == ("model.safetensors", "bytes=100000-")


async def test_one_model_is_downloaded_once_at_a_time(server: FakeHub, hub: Hub) -> None:
    hold = Hold(10)
    server.fail("model.safetensors", hold)
    first = asyncio.create_task(pull(hub))
    await server.wait(lambda: ("model.safetensors", "") in server.requests)
    with pytest.raises(UserError, match=r"maker/small is being downloaded already\."):
        await pull(hub)
    chosen = await hub.look("maker/small")
    with pytest.raises(UserError, match="Stop that first"):
        await hub.forget(chosen.model, chosen.revision)
    hold.gate.set()
    folder = await first
    await hub.forget(chosen.model, chosen.revision)
    assert not await asyncio.to_thread(folder.exists)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Refuse(429, {"Retry-After": "17"}), "17 seconds"),
        (Refuse(503), r"\(503\)"),
        (Refuse(418), r"\(418\)"),
    ],
)
async def test_a_refusal_of_the_hub_is_reported(server: FakeHub, hub: Hub, fault: Refuse, says: str) -> None:
    server.api_faults.append(fault)
    with pytest.raises(HubError, match=says):
        await hub.look("maker/small")


async def test_a_silent_hub_is_a_timeout(server: FakeHub, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.hub.client.ANSWER_SECONDS", 0.01)
    with pytest.raises(HubError, match="did not answer within 0 seconds"):
        await hub.search("small")


async def test_a_missing_model_or_revision_is_reported(server: FakeHub, hub: Hub) -> None:
    with pytest.raises(HubError, match=r"There is no model maker/nothing at 127\.0\.0\.1:\d+, or it is not public\."):
        await hub.look("maker/nothing")
    with pytest.raises(HubError, match=r"maker/small has no revision “v9”\."):
        await hub.look("maker/small", "v9")


async def test_a_gated_model_says_what_to_do(server: FakeHub, hub: Hub) -> None:
    server.repositories["maker/small"].gated = "manual"
    with pytest.raises(HubError, match=r"maker/small is gated: .* start the bot with HF_TOKEN"):
        await hub.look("maker/small")


async def test_an_invalid_token_is_reported(server: FakeHub, tmp_path: Path) -> None:
    server.token = "hf_right"
    with pytest.raises(HubError, match=r"does not accept HF_TOKEN\."):
        await hub_at(server.endpoint, tmp_path, token="hf_wrong").look("maker/small")


async def test_no_network_and_offline_mode_are_reported(server: FakeHub, tmp_path: Path) -> None:
    nowhere = unused_url().removesuffix("/v1")
    with pytest.raises(HubError, match=r"cannot be reached: it refuses connections\..*endpoint in the table \[hub\]"):
        await hub_at(nowhere, tmp_path).search("small")
    with pytest.raises(HubError, match=r"offline mode is on"):
        await hub_at(server.endpoint, tmp_path, offline=True).look("maker/small")
    assert server.asked == []


async def test_a_missing_package_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.hub.client.find_spec", lambda _name: None)
    with pytest.raises(HubError, match="need a package: pip install"):
        await hub.search("small")


async def test_a_full_budget_or_disk_is_reported(
    server: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add(repository("maker/other", {"more.json": b"{}"}))
    hub = hub_at(server.endpoint, tmp_path, disk="500KB")
    await pull(hub)
    with pytest.raises(UserError, match=r"500 KB of the disk, and 300 KB are taken"):
        await pull(hub, "maker/other")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10**9, 10**9, 10**5))
    with pytest.raises(HubError, match=r"needs 300 KB on the disk, and 0 B are free"):
        await pull(hub_at(server.endpoint, tmp_path), "maker/other")


# Admission -----------------------------------------------------------------------------------------------------------

OPEN = HubSection(allow=("maker/*",), licences=("apache-2.0", "mit"))
SOUND = FoundModel(
    "maker/small",
    "0" * 40,
    "text-generation",
    "mit",
    chats=True,
    model_type="llama",
    architectures=("LlamaForCausalLM",),
    files=(RemoteFile("config.json", 10, "git:1"), RemoteFile("model.safetensors", 1000, "sha256:2")),
)


def found(**changes: object) -> FoundModel:
    return replace(SOUND, **changes)  # type: ignore[arg-type]  # any field


def with_files(*names: str) -> FoundModel:
    return found(files=tuple(RemoteFile(name, 1000, "git:1") for name in names))


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (found(licence="llama3"), "has the licence “llama3”, and the operator's list does not admit that"),
        (found(licence=""), "states no licence"),
        (found(own_code=True, model_type="own-thing"), "needs Python code from its repository, and I never run that"),
        (found(task="text-ranking"), "is made for text-ranking, which I do not support"),
        (found(task="depth-estimation"), "is a LlamaForCausalLM, which was not made for depth-estimation"),
        (found(task="", architectures=("Own",)), "does not state its task"),
        (found(architectures=("BertForMaskedLM",)), "is a BertForMaskedLM, which was not made for chat"),
        (with_files("config.json", "pytorch_model.bin"), "its weights only as pytorch_model.bin, a form that can hold"),
        (with_files("config.json", "model.onnx"), "has no weights that I can load"),
        (with_files("config.json", "a/model.safetensors"), "has no weights that I can load"),
        (with_files("config.json", "../model.safetensors"), "has no weights that I can load"),
        (with_files("model-00001-of-00002.safetensors"), "has no weights that I can load"),
        (
            found(files=(RemoteFile("model.safetensors", 6 * 10**9, "git:1"),)),
            "6.0 GB, and the operator admits at most",
        ),
        (found(files=(RemoteFile("model.safetensors", 10, ""),)), "has no hash"),
        (found(model="elsewhere/small"), "The operator's list does not admit elsewhere/small"),
    ],
)
def test_a_refused_model_has_a_reason(model: FoundModel, says: str) -> None:
    with pytest.raises(ShouldersError) as caught:
        choose(model, "", OPEN)
    assert says in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("file", "numbers", "room", "says"),
    [
        ("model.safetensors", 0, HubLimits(3_000), ""),
        ("model.safetensors", 0, HubLimits(2_999), "needs at least 3.0 KB of memory; 3.0 KB are set aside"),
        (
            "model.safetensors",
            1_500,
            HubLimits(5_999, 4),
            "at least 6.0 KB of memory in numbers of 32 bits; 6.0 KB are set",
        ),
        ("model.safetensors", 1_500, HubLimits(6_000, 4), ""),
        ("model.safetensors", 1_500, HubLimits(1_400, 1), "in numbers of 8 bits"),
        ("model.safetensors", 0, HubLimits(750, 1), ""),
        ("model-Q4_1.gguf", 6_000, HubLimits(11_999), "at least 12 KB"),
        ("model-Q4_1.gguf", 6_000, HubLimits(12_000), ""),
        ("model-Q4_1.gguf", 6_000, HubLimits(20_000, 4), "at least 24 KB"),
    ],
)
def test_weights_must_fit_into_memory(file: str, numbers: int, room: HubLimits, says: str) -> None:
    model = found(files=(RemoteFile(file, 3_000, "git:1"),), numbers=numbers)
    message = ""
    try:
        check_memory(model, choose(model, "", OPEN), room)
    except HubError as error:
        message = error.message
    assert says in message
    assert bool(message) == bool(says)


async def test_the_hub_states_the_number_of_weights(server: FakeHub, tmp_path: Path) -> None:
    server.add(replace(repository("maker/packed"), numbers=1_000_000))
    section = HubSection.model_validate({"allow": ["maker/*"], "endpoint": server.endpoint})
    hub = Hub(section, tmp_path / "hub", os.environ, 900_000)
    with pytest.raises(HubError, match=r"needs at least 1\.0 MB of memory in numbers of 8 bits; 900 KB are set aside"):
        await hub.look("maker/packed", run=("cpu", "auto", "int8"))


@pytest.mark.parametrize(
    ("memory", "quantise", "says"),
    [
        (200_000, "none", "needs at least 300 KB of memory in numbers of 32 bits; 200 KB are set aside for models"),
        (200_000, "int8", ""),
        (50_000, "auto", "50 KB are set aside for models"),
    ],
)
async def test_a_model_beyond_memory_is_not_downloaded(
    memory: int, quantise: str, says: str, server: FakeHub, tmp_path: Path
) -> None:
    section = HubSection.model_validate({"allow": ["maker/*"], "endpoint": server.endpoint})
    hub = Hub(section, tmp_path / "hub", os.environ, memory)
    message = ""
    try:
        await hub.look("maker/small", run=("cpu", "auto", quantise))
    except HubError as error:
        message = error.message
    assert says in message
    assert bool(message) == bool(says)
    assert server.requests == []


def test_only_a_model_with_a_template_chats() -> None:
    assert choose(SOUND, "", OPEN).task == "chat"
    assert choose(found(chats=False), "", OPEN).task == "text-generation"
    assert choose(SOUND, "text-generation", OPEN).task == "text-generation"
    with pytest.raises(UserError, match="has no chat template"):
        choose(found(chats=False), "chat", OPEN)


def test_a_known_architecture_needs_no_repository_code() -> None:
    assert choose(found(own_code=True, model_type="llama"), "", OPEN).task == "chat"


def test_no_file_leaves_the_models_folder() -> None:
    names = (
        "../evil.json",
        "/etc/evil.json",
        "a/../../evil.json",
        "..\\evil.json",
        ".hidden.json",
        "a/b.json",
        "x\n.json",
    )
    chosen = choose(with_files("model.safetensors", *names), "", OPEN)
    assert [file.path for file in chosen.files] == ["model.safetensors"]


def test_the_best_gguf_for_its_size_is_chosen() -> None:
    chosen = choose(with_files("m-Q8_0.gguf", "m-q4_k_m.gguf", "m-F16.gguf"), "", OPEN)
    assert [file.path for file in chosen.files] == ["m-q4_k_m.gguf"]


async def test_a_model_not_admitted_causes_no_request(server: FakeHub, tmp_path: Path) -> None:
    closed = hub_at(server.endpoint, tmp_path, allow=[])
    with pytest.raises(UserError, match=r"write in config\.toml, in the table \[hub\]: `allow = \[\"maker/\*\"\]`"):
        await closed.look("maker/small")
    with pytest.raises(UserError, match="not the name of a model"):
        await closed.look("../../etc/passwd")
    assert server.asked == []


@pytest.mark.parametrize(("text", "size"), [("2GB", 2 * 10**9), ("1.5 mb", 1_500_000), ("10 B", 10)])
def test_sizes_are_parsed(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "2", "GB", "-1GB", "1e3GB", "2 parsecs"])
def test_an_invalid_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a size such as"):
        parse_bytes(text)


def test_sizes_are_formatted() -> None:
    assert [format_bytes(size) for size in (0, 7, 1_234, 98_362_432, 5 * 10**9)] == [
        "0 B",
        "7 B",
        "1.2 KB",
        "98 MB",
        "5.0 GB",
    ]
