"""Bounds on work: one person's worst requests do not delay the answers of other people."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import random
import subprocess
import sys
import tracemalloc
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from bot.administration import export_file
from bot.administration.trusted_clock import Clock
from bot.chat import answer_length, images
from bot.chat.answer import LENGTH_NOTE
from bot.chat.images import LARGEST_SENT, LONGEST_SIDE
from bot.inference import audio
from bot.inference.errors import InferenceError
from bot.interfaces.errors import PlatformError, UserError
from bot.interfaces.history import HistoryItem
from bot.interfaces.jobs import Vectors
from bot.interfaces.messages import Attachment, Place
from bot.interfaces.prompts import Prompt
from bot.interfaces.replies import Done, Status, Text, Thought
from bot.tasks import run
from bot.tasks.engine.runner import LONGEST_NOTE
from bot.tasks.similar import MOST_TEXTS
from bot.utils import child_process, upload_memory
from bot.utils.files import boxed, fitted
from storage.sqlite import answer_files as answer_files
from storage.sqlite import open_database
from tests.administration.stored_data import answer_text, forget
from tests.core.world import BEN, DIRECT, World, play
from tests.fakes.memory import MemoryDraft
from tests.scenarios.test_task_scenarios import made, playing
from tests.stages.base import TeamStage
from tests.stages.discord import DiscordStage
from tests.stages.slack import SlackStage

TEAMS: Mapping[str, type[TeamStage]] = {"discord": DiscordStage, "slack": SlackStage}
AT_ONCE = 5
"""The most unanswered questions of one person."""


def alone(number: int) -> Place:
    """Return a place of its own, so that no request waits for an earlier one."""
    return replace(DIRECT, channel=f"dm-{number}")


@pytest.fixture(params=sorted(TEAMS))
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[TeamStage, None]:
    async with playing(TEAMS[request.param](tmp_path)) as played:
        yield played


# Texts ----------------------------------------------------------------------------------------------------------------


async def test_texts_of_short_sentences_hold_up_nobody(stage: TeamStage) -> None:
    worst = ("notes.txt", b"a.\n" * 600_000)
    asked = [await stage.hand_in("summarise", worst, {"with": "chat"}) for _ in range(AT_ONCE)]
    shown = await stage.answer(await stage.command("export me", {}, "ben"))
    assert "questions and answers" in shown.text
    for delivery in stage.app.active:
        delivery.stop()
    for one in asked:
        await stage.answer(one)


async def test_vectors_of_too_many_lines_are_refused(stage: TeamStage) -> None:
    asked = await stage.hand_in("run", ("lines.txt", b"a\n" * 1_000_000), {"model": "spare", "kind": "embed"})
    assert "more than 500 texts" in (await stage.answer(asked)).text
    assert made(stage).jobs == []


def test_the_most_vectors_make_one_file() -> None:
    data = np.random.default_rng(1).normal(size=(MOST_TEXTS, 1_536)).astype("<f4")
    written = run._vectors_file(["a" * 9] * len(data), Vectors(1_536, data.tobytes()))
    file = export_file.compressed("vectors.json", written, "The vectors")
    assert (file.name, len(file.content) < export_file.LARGEST) == ("vectors.json.gz", True)
    rows = json.loads(gzip.decompress(file.content))
    assert np.allclose([row["vector"] for row in rows], data, rtol=1e-6)


# Answers --------------------------------------------------------------------------------------------------------------


async def endless(prompt: Prompt) -> AsyncGenerator[Text | Thought | Status | Done, None]:
    while True:
        yield Text("on and on " * 100)


async def brooding(prompt: Prompt) -> AsyncGenerator[Text | Thought | Status | Done, None]:
    while True:
        yield Thought("hm " * 1_000)


async def test_an_endless_answer_ends_with_a_sentence(world: World) -> None:
    world.main.script = endless
    draft = await world.say("go on", DIRECT)
    assert len(draft.text) == answer_length.LONGEST
    assert LENGTH_NOTE in draft.answers[-1].notes
    (turn,) = [turn for turn in await world.store.conversations.turns(1) if turn.role == "assistant"]
    assert len(turn.text) == answer_length.LONGEST


async def test_endless_thoughts_end_with_a_sentence(world: World) -> None:
    world.main.script = brooding
    draft = await world.say("think", DIRECT)
    assert "before it began to answer" in answer_text(draft)


async def test_an_endless_task_ends_with_a_sentence(world: World) -> None:
    world.main.script = endless
    draft = await world.say("", command="translate", message="", arguments={"text": "a.\n" * 5_000, "to": "German"})
    assert len(draft.text) == answer_length.LONGEST_OF_TASK
    assert LONGEST_NOTE in draft.answers[-1].notes


# Pictures -------------------------------------------------------------------------------------------------------------


def photograph(wide: int, high: int, kind: str = "PNG") -> bytes:
    """Return random text, which does not compress."""
    written = io.BytesIO()
    Image.frombytes("RGB", (wide, high), random.Random(1).randbytes(wide * high * 3)).save(written, kind)
    return written.getvalue()


@pytest.fixture
def sighted(world: World) -> World:
    sections = world.app.services.catalogue.sections
    sections["main"] = sections["main"].model_copy(update={"sees": True})
    return world


async def test_a_large_picture_is_made_small_elsewhere(sighted: World) -> None:
    sighted.adapter.files["big.png"] = photograph(2_400, 900)
    draft = await sighted.say("What is it?", attachments=(Attachment("big.png", "image/png"),))
    assert draft.answers[-1].notes == ()
    (sent,) = sighted.main.prompts[-1][-1].images
    seen = Image.open(io.BytesIO(sent.content))
    assert (sent.media_type, max(seen.size) <= LONGEST_SIDE, len(sent.content) <= LARGEST_SENT) == (
        "image/jpeg",
        True,
        True,
    )
    assert seen.width / seen.height == pytest.approx(2_400 / 900, rel=0.01)


@pytest.mark.parametrize("size", [(60_000, 60_000), (9_000, 9_000)])
async def test_a_picture_that_fills_the_memory_is_refused(size: tuple[int, int]) -> None:
    written = io.BytesIO()
    Image.new("1", (1, 1)).save(written, "BMP")
    data = bytearray(written.getvalue())
    data[18:26] = size[0].to_bytes(4, "little") + size[1].to_bytes(4, "little")
    with pytest.raises(UserError, match="too large"):
        await boxed(bytes(data), ())


async def test_what_is_no_picture_is_said() -> None:
    for data in (b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(99), b"%!PS-Adobe-3.0 EPSF-3.0"):
        with pytest.raises(UserError, match="cannot be read"):
            await fitted(data, LONGEST_SIDE, LARGEST_SENT)


async def test_pictures_of_one_person_take_a_bounded_room(sighted: World) -> None:
    gate, most = asyncio.Event(), 0

    async def held(prompt: Prompt) -> AsyncGenerator[Text | Thought | Status | Done, None]:
        nonlocal most
        most = max(most, sighted.app.services.room.taken)
        if "Ben" not in prompt[-1].text:
            await gate.wait()
        yield Text("seen")
        yield Done()

    sighted.main.script = held
    content = b"\x89PNG\r\n\x1a\n" + bytes(LARGEST_SENT - 8)
    names = tuple(Attachment(f"{number}.png", "image/png") for number in range(images.MOST_IMAGES))
    sighted.adapter.files = {name.name: content for name in names}
    drafts = [await sighted.offer("look", alone(number), attachments=names) for number in range(AT_ONCE)]
    hers = await sighted.say("and I? Ben", alone(99), BEN, attachments=names[:1])
    assert hers.text == "seen"
    gate.set()
    for draft in drafts:
        assert draft
        await draft.finished.wait()
        assert draft.text == "seen"
    await sighted.active.idle()
    assert most <= upload_memory.OF_PERSON + images.LARGEST_IMAGE + LARGEST_SENT
    assert sighted.app.services.room.taken == 0


async def test_without_room_a_request_is_told_so(sighted: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_memory, "PATIENCE_SECONDS", 0.0)
    sighted.app.services.room._held["discord", "", BEN.id] = upload_memory.OF_EVERYBODY
    sighted.adapter.files["a.png"] = photograph(2, 2)
    draft = await sighted.say("look", attachments=(Attachment("a.png", "image/png"),))
    assert "ask again in a few minutes" in answer_text(draft)


async def test_stop_ends_the_process_that_reads_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Process] = []
    start, reading = child_process.start, asyncio.Event()

    async def started(
        module: str, *arguments: str, environment: Mapping[str, str], line: int = child_process.LINE
    ) -> Process:
        begun.append(await start("tests.fakes.idle", environment=environment))
        assert begun[0].stderr
        assert await begun[0].stderr.readline() == b"begun\n"
        reading.set()
        return begun[0]

    monkeypatch.setattr(child_process, "start", started)
    making = asyncio.create_task(fitted(photograph(2, 2), LONGEST_SIDE, LARGEST_SENT))
    await reading.wait()
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert begun[0].returncode == -9


def test_the_process_that_reads_files_has_limits() -> None:
    code = "from bot.utils.files.__main__ import limit; limit(); bytearray(2 << 30)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MemoryError" in done.stderr


def test_the_process_that_reads_files_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "DISCORD_TOKEN", "SLACK_BOT_TOKEN", "HF_TOKEN", "PRIVATE"):
        monkeypatch.setenv(name, "canary")
    assert "canary" not in str(child_process.environment())


def test_the_bot_itself_loads_no_parser_of_files() -> None:
    code = """
import sys
import bot.app
from bot.config import backend_kinds, platforms
from bot.commands._registry import load_commands
load_commands(), platforms(), backend_kinds()
print([name for name in ("PIL", "av") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Audio ---------------------------------------------------------------------------------------------------------------


def flac(rate: int, samples: int) -> bytes:
    """Return silence in the fewest bytes."""
    written = io.BytesIO()
    with av.open(written, "w", format="flac") as file:
        stream = file.add_stream("flac", rate=rate)
        stream.codec_context.layout = "mono"
        stream.codec_context.format = "s16"
        for at in range(0, samples, 65_535):
            size = min(65_535, samples - at)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, size), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, at
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return written.getvalue()


def test_a_long_recording_is_never_in_the_memory() -> None:
    data, rate, minutes = flac(8_000, 10 * 60 * 8_000), 16_000, 10
    tracemalloc.start()
    try:
        read = audio.AudioReader(data, rate)
        while len(read.read(30 * rate)):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read.seconds == pytest.approx(minutes * 60, abs=0.1)
    assert peak < minutes * 60 * rate * 4 / 4


def test_a_low_sample_rate_keeps_memory_bounded() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InferenceError, match="too few samples"):
            audio.AudioReader(flac(1, 14_000), 16_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 << 20


def test_how_long_a_recording_may_be_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "LONGEST_WHOLE_SECONDS", 60)
    monkeypatch.setattr(audio, "LONGEST_SECONDS", 3_600)
    with pytest.raises(InferenceError, match="longer than 1 minutes"):
        audio.decoded(flac(8_000, 61 * 8_000), 16_000)
    assert len(audio.decoded(flac(8_000, 59 * 8_000), 16_000)) == 59 * 16_000
    with pytest.raises(InferenceError, match="longer than 1 hours"):
        audio.AudioReader(flac(4_000, 3_601 * 4_000), 16_000)


# Exports --------------------------------------------------------------------------------------------------------------


async def test_one_export_of_a_person_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.say("kept", DIRECT)
    gate, begun = asyncio.Event(), 0
    copied = type(world.store.history).copy

    def slowly(traces: object, extent: object, reader: str) -> object:
        async def batches() -> AsyncGenerator[object, None]:
            nonlocal begun
            begun += 1
            await gate.wait()
            async for batch in copied(traces, extent, reader):  # type: ignore[arg-type]  # what it is given
                yield batch

        return batches()

    monkeypatch.setattr(type(world.store.history), "copy", slowly)
    drafts = [await world.offer("", alone(n), command="export me", message="", private=True) for n in range(40)]
    assert (await world.say("hello", DIRECT, BEN)).text.strip() == "hello"
    assert begun == 1
    gate.set()
    for draft in drafts:
        assert draft
        await draft.finished.wait()
    shown = [draft.answers[-1] for draft in drafts if draft]
    assert [len(answer.files) for answer in shown] == [1] + [0] * 39
    assert all("`/export`" in answer.notes[0] for answer in shown[1:])


@pytest.fixture
def outage(world: World) -> World:
    """Return a world whose platform rejects the next answer."""
    world.adapter.failures.append(PlatformError("It is down."))
    return world


def beside(folder: Path) -> list[Path]:
    return sorted((folder / "shoulders-files").iterdir())


async def undelivered(world: World) -> MemoryDraft:
    """Return an export that the platform rejected."""
    draft = await world.offer("", DIRECT, command="export me", message="", private=True)
    assert draft
    await world.active.idle()
    assert draft.answers == []
    return draft


async def test_a_file_waits_beside_the_database(outage: World, tmp_path: Path) -> None:
    draft = await undelivered(outage)
    (path,) = await asyncio.to_thread(beside, tmp_path)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    content = await asyncio.to_thread(path.read_bytes)
    (left,) = await outage.store.requests.unfinished("discord")
    assert left.answer
    assert [file.content for file in left.answer.files] == [content]
    await outage.queue.recover("discord")
    await outage.active.idle()
    (file,) = outage.adapter.drafts[-1].answers[-1].files
    assert file.content == content
    assert draft.request.command == "export me"
    assert await asyncio.to_thread(beside, tmp_path) == []


async def test_a_restart_shows_it_and_clears_the_rest(tmp_path: Path) -> None:
    world = await another(tmp_path)
    world.adapter.failures.append(PlatformError("It is down."))
    await undelivered(world)
    (path,) = await asyncio.to_thread(beside, tmp_path)
    content = await asyncio.to_thread(path.read_bytes)
    await leave(world)
    await asyncio.to_thread((path.parent / "999-0").write_bytes, b"orphan")
    world = await another(tmp_path)
    assert await asyncio.to_thread(beside, tmp_path) == [path]
    await world.queue.recover("discord")
    await world.active.idle()
    assert [file.content for file in world.adapter.drafts[-1].answers[-1].files] == [content]
    await leave(world)


async def another(folder: Path) -> World:
    """Start the program."""
    from bot.config import load
    from tests.core.world import CONFIG

    await asyncio.to_thread((folder / "config.toml").write_text, CONFIG)
    world = World(
        await open_database(folder / "shoulders.db"), await asyncio.to_thread(load, folder / "config.toml", {})
    )
    await world.start()
    world.queue._recovered.add("discord")
    return world


async def leave(world: World) -> None:
    await world.queue.aclose(0)
    await world.store.aclose()


async def test_what_is_forgotten_takes_its_files_along(outage: World, tmp_path: Path) -> None:
    await undelivered(outage)
    await forget(outage, "me", DIRECT)
    assert await asyncio.to_thread(beside, tmp_path) == []


async def test_what_is_too_old_takes_its_files_along(outage: World, tmp_path: Path) -> None:
    await undelivered(outage)
    outage.app.services.retention._clock = Clock(lambda: 2e12)
    await outage.app.services.retention.delete_expired()
    assert await asyncio.to_thread(beside, tmp_path) == []


async def test_large_files_are_shown_but_not_kept(
    outage: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_files, "MOST_BYTES", 10)
    await undelivered(outage)
    assert await asyncio.to_thread(beside, tmp_path) == []
    await outage.queue.recover("discord")
    await outage.active.idle()
    assert answer_files.LOST in outage.adapter.drafts[-1].answers[-1].notes


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("shoulders.db*"))


async def test_the_database_holds_nothing_of_a_file(outage: World, tmp_path: Path) -> None:
    play(outage.main, Text("answer " * 14_000), Done())
    outage.adapter.failures.clear()
    for number in range(5):
        await outage.say("question", alone(number))
    before = await asyncio.to_thread(size, tmp_path)
    outage.adapter.failures.append(PlatformError("It is down."))
    await undelivered(outage)
    after = await asyncio.to_thread(size, tmp_path)
    (path,) = await asyncio.to_thread(beside, tmp_path)
    assert path.stat().st_size > 400_000
    assert after - before < 100_000


def kept(number: int, conversation: int) -> HistoryItem:
    text = random.Random(number).randbytes(200).hex()
    return HistoryItem(number, DIRECT, conversation, False, "user", "1", "Ann", text, "")


def test_a_copy_beyond_one_file_is_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_file, "LARGEST", 100_000)
    turns = [kept(number, number // 700 + 1) for number in range(1_400)]
    copy = export_file.ExportFile("Bot", "Ann", "export-me", {"language": "Welsh"})
    for start in range(0, len(turns), 200):
        copy.turns(turns[start : start + 200])
    copy.overheard([kept(1, 0)])
    files = copy.files()
    documents = [json.loads(gzip.decompress(file.content)) for file in files]
    assert not copy.full
    assert [file.name for file in files] == [f"export-me-{number}.json.gz" for number in range(1, len(files) + 1)]
    assert 1 < len(files) <= export_file.MOST_FILES
    assert all(len(file.content) < 2 * export_file.LARGEST for file in files)
    found = [turn["text"] for document in documents for one in document["conversations"] for turn in one["turns"]]
    assert found == [turn.text for turn in turns]
    assert [len(document["overheard"]) for document in documents][-1] == 1
    assert documents[0]["settings"] == {"language": "Welsh"}


def test_an_export_leaves_out_the_excess(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_file, "LARGEST", 10_000)
    copy = export_file.ExportFile("Bot", "Ann", "export-me")
    for number in range(20):
        copy.turns([kept(number * 1_000 + more, number + 1) for more in range(500)])
    assert copy.full
    files: Sequence[bytes] = [file.content for file in copy.files()]
    assert len(files) == export_file.MOST_FILES
    assert all(json.loads(gzip.decompress(content))["shape"] == export_file.SHAPE for content in files)
