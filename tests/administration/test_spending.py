"""The tokens of a call of a model are counted whatever way it ends, and whatever its server says of it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.backends.openai import BACKEND, OpenAIModelSettings
from bot.interfaces.config import Section
from bot.interfaces.prompts import Prompt
from bot.interfaces.replies import Done, Text, Usage
from bot.utils.token_estimate import estimate
from tests.administration.stored_data import rows_of
from tests.administration.test_budget import NOON, Clock, limit, notes, restarted, used
from tests.core.world import ADMIN, ANN, CHANNEL, DIRECT, World, play
from tests.fakes.memory import MemoryDraft
from tests.fakes.openai import FAULTS, Answer, FakeOpenAI, chunk, event

LONGEST = 200
"""Tokens of the longest answer of the served model."""

HALF = estimate("Half ")


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as server:
        yield server
        assert server.violations == []


@pytest.fixture
async def served(world: World, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A core whose model is behind a server that may have it think unseen, and whose tokens are limited."""
    monkeypatch.setattr("bot.backends.openai.client.PAUSES", (0.0, 0.0))
    await serve(world, server)
    yield world
    await world.backends["main"].aclose()


async def serve(world: World, server: FakeOpenAI, **settings: object) -> None:
    table = {"backend": "openai", "model": "test", "base_url": server.base_url, "context": 4_000, "max_tokens": LONGEST}
    section = OpenAIModelSettings.model_validate(table | {"timeout": 5.0, "stall": 5.0} | settings)
    key = {"OPENAI_API_KEY": server.key}
    world.config = replace(world.config, models={**world.config.models, "main": section})
    world.backends["main"] = BACKEND.create({"m": section}, key, Path(), Section())["m"]
    await world.start()
    await world.queue.recover("discord")
    await limit(world, 1_000_000, "tokens")


async def counted(world: World, folder: Path) -> list[tuple[int, int]]:
    """The tokens read and written of every call that is kept."""
    await world.store.requests.begin(0)  # what was spent before this is on disk after it
    rows = await rows_of(folder, "SELECT prompt_tokens, completion_tokens FROM usage ORDER BY id")
    return [(int(prompt or 0), int(written or 0)) for prompt, written in rows]


async def stopped(world: World, server: FakeOpenAI, answer: Answer, words: str = "") -> MemoryDraft:
    """A question that is stopped once the model has it, or once some words of the answer are there."""
    asked = asyncio.Event()
    server.on_request = lambda _stage: asked.set()
    server.script(answer)
    draft = await world.offer("Tell me")
    assert draft
    await asyncio.wait_for(draft.wrote.wait() if words else asked.wait(), 5)
    assert world.active.stop(draft.log.request_id)
    await draft.finished.wait()
    return draft


# Stopped --------------------------------------------------------------------------------------------------------------


async def test_thinking_that_nobody_sees_is_counted_when_stopped(
    served: World, server: FakeOpenAI, tmp_path: Path
) -> None:
    await stopped(served, server, Answer((asyncio.Event(),)))
    ((prompt, written),) = await counted(served, tmp_path)
    assert prompt > 0
    assert written == LONGEST
    assert used(served, "tokens") == prompt + written


async def test_stopping_again_and_again_uses_up_a_limit(world: World) -> None:
    await world.command("limits set", CHANNEL, ADMIN, amount="5000", of="tokens", per="day", who="everyone")
    asked = asyncio.Event()

    async def thinks(_prompt: Prompt) -> AsyncGenerator[Text, None]:
        asked.set()
        await asyncio.Event().wait()
        yield Text("at last")

    world.main.script = thinks
    for number in range(30):
        asked.clear()
        draft = await world.offer(f"think hard {number}", CHANNEL, ANN)
        assert draft is not None
        ways = [asyncio.create_task(event.wait()) for event in (asked, draft.finished)]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        if not world.active.stop(draft.log.request_id):
            break
        await draft.finished.wait()
    assert draft
    assert "tokens a day" in notes(draft)
    assert number < 10


async def test_what_was_heard_counts_when_stopped(served: World, server: FakeOpenAI, tmp_path: Path) -> None:
    await stopped(served, server, Answer(("Half ", asyncio.Event())), "Half")
    assert [written for _, written in await counted(served, tmp_path)] == [HALF]


async def test_hidden_reasoning_is_counted(served: World, server: FakeOpenAI, tmp_path: Path) -> None:
    server.script(Answer(("Yes",), usage=(10, 100)))
    await served.say("Think first")
    await stopped(served, server, Answer(("Half ", asyncio.Event())), "Half")
    assert [written for _, written in await counted(served, tmp_path)] == [100, HALF + 100 - estimate("Yes")]


async def test_where_all_thinking_is_shown_only_that_counts(served: World, server: FakeOpenAI, tmp_path: Path) -> None:
    await serve(served, server, preset="ollama", key_env="OPENAI_API_KEY")
    await stopped(served, server, Answer((asyncio.Event(),)))
    await stopped(served, server, Answer((chunk({"reasoning": "Hm"}), "Half ", asyncio.Event())), "Half")
    assert [written for _, written in await counted(served, tmp_path)] == [0, estimate("HmHalf ")]


async def test_a_server_that_counts_along_is_believed(served: World, server: FakeOpenAI, tmp_path: Path) -> None:
    await serve(served, server, preset="vllm", key_env="OPENAI_API_KEY")
    along = event({"choices": [], "usage": {"prompt_tokens": 31, "completion_tokens": 17}})
    await stopped(served, server, Answer((chunk({"content": "A word"}) + along, "Half ", asyncio.Event())), "Half")
    assert server.requests[-1]["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert await counted(served, tmp_path) in ([(31, 17)], [(31, 17 + HALF)])


async def test_a_stop_between_attempts_costs_only_the_prompt(
    served: World, server: FakeOpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.backends.openai.client.PAUSES", (15.0, 15.0))
    for fault in ("overloaded", "cut at once"):
        server.script(FAULTS[fault]())
        draft = await served.offer("Tell me")
        assert draft
        while "Trying again" not in str(draft.chunks):
            draft.updated.clear()
            await asyncio.wait_for(draft.updated.wait(), 5)
        assert served.active.stop(draft.log.request_id)
        await draft.finished.wait()
    (refused, read) = await counted(served, tmp_path)
    assert refused == (0, 0)
    assert read[0] > 0
    assert read[1] == 0


# Failed ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "prompts", "written"),
    [
        ("overloaded", 0, 0),
        ("wrong key", 0, 0),
        ("too long", 0, 0),
        ("reset", 0, 0),
        ("cut at once", 3, 0),
        ("stalled at once", 1, LONGEST),
        ("cut", 1, HALF),
        ("truncated", 1, HALF),
        ("malformed", 1, HALF),
        ("stalled", 1, HALF),
        ("error inside", 1, HALF),
        ("filtered", 1, 5),
    ],
)
async def test_a_failed_call_counts_what_is_paid_for(
    served: World, server: FakeOpenAI, tmp_path: Path, fault: str, prompts: int, written: int
) -> None:
    await serve(served, server, timeout=0.3, stall=0.3)
    server.script(Answer(("Yes",), usage=(0, 3)))  # it does not say what it read: so the bot counts
    await served.say("Tell me", replace(DIRECT, channel="first"))
    ((prompt, _),) = await counted(served, tmp_path)
    server.answer = lambda _body: FAULTS[fault]()
    await served.say("Tell me", replace(DIRECT, channel="other"))
    read = 10 if fault == "filtered" else prompts * prompt
    assert (await counted(served, tmp_path))[1] == (read, written)


# What servers say -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", [2**63, 10**12, -5, 3.5, True, "12", None, [7], {}], ids=repr)
async def test_odd_figures_of_a_server_are_not_believed(
    served: World, server: FakeOpenAI, tmp_path: Path, odd: object
) -> None:
    last = {"choices": [], "usage": {"prompt_tokens": odd, "completion_tokens": odd}}
    answer = Answer((chunk({"content": "hello"}, "stop") + event(last) + b"data: [DONE]\n\n",), finish=None)
    server.script(answer)
    draft = await served.say("Hi")
    assert (draft.text, draft.answers[-1].notes) == ("hello", ())
    ((prompt, written),) = await counted(served, tmp_path)
    assert 20 < prompt < 1_000
    assert written == estimate("hello")


@pytest.mark.parametrize("odd", ["usage", 7, [1, 2]], ids=repr)
async def test_usage_that_holds_no_figures_breaks_nothing(served: World, server: FakeOpenAI, odd: object) -> None:
    last = event({"choices": [], "usage": odd})
    server.script(Answer((chunk({"content": "hello"}, "stop") + last + b"data: [DONE]\n\n",), finish=None))
    draft = await served.say("Hi")
    assert (draft.text, draft.answers[-1].notes) == ("hello", ())


async def test_thinking_that_only_the_total_has_counts(served: World, server: FakeOpenAI, tmp_path: Path) -> None:
    last = event({"choices": [], "usage": {"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135}})
    server.script(Answer((chunk({"content": "hello"}, "stop") + last + b"data: [DONE]\n\n",), finish=None))
    await served.say("Hi")
    assert await counted(served, tmp_path) == [(32, 103)]


@pytest.mark.parametrize("odd", [2**63, "12", -5], ids=str)
async def test_the_ledger_survives_what_a_model_says(world: World, tmp_path: Path, odd: int) -> None:
    play(world.main, Text("hello"), Done("complete", Usage(odd, 3)))
    first = await world.say("first", DIRECT, ANN)
    play(world.main, Text("hello"), Done("complete", Usage(5, 3)))
    for number in range(3):
        await world.say(f"then {number}", DIRECT, ANN)
    rows = await counted(world, tmp_path)
    assert first.answers[-1].notes == ()
    assert len(rows) == 4
    assert rows[1:] == [(5, 3)] * 3
    assert 0 < rows[0][0] < 1_000


# The ledger -----------------------------------------------------------------------------------------------------------


async def test_one_invalid_call_does_not_lose_others(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(refuse, tmp_path / "shoulders.db")
    await world.say("lost", replace(CHANNEL, thread="refused"))
    assert "could not be stored yet" in caplog.text
    for number in range(3):
        await world.say(f"kept {number}", DIRECT)
    rows = await counted(world, tmp_path)
    while len(rows) < 3:
        rows = await counted(world, tmp_path)
    assert len(rows) == 3
    assert "request 1 could not be stored" in caplog.text
    assert caplog.text.count("is lost") == 1


def refuse(file: Path) -> None:
    """Have the database refuse the rows of one thread."""
    connection = sqlite3.connect(file)
    connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON usage WHEN NEW.thread = 'refused' "
        "BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )
    connection.commit()
    connection.close()


# Time -----------------------------------------------------------------------------------------------------------------


async def test_calls_dated_in_the_future_do_not_count(world: World, tmp_path: Path) -> None:
    world.clock = clock = Clock()
    await world.start()
    await world.queue.recover("discord")
    await limit(world, 1, window="day")
    clock.now = NOON + 400 * 86_400
    await world.say("while the clock was wrong")
    clock.now = NOON
    async with restarted(world, tmp_path):
        await world.queue.recover("discord")
        assert used(world, "requests") == 0


async def test_a_corrected_clock_does_not_extend_limits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = 0.0
    monkeypatch.setattr("bot.administration.limits.usage_meters.monotonic", lambda: passed)
    world.clock = clock = Clock()
    await world.start()
    await world.queue.recover("discord")
    await limit(world, 1, window="day")
    clock.now = NOON + 400 * 86_400
    await world.say("while the clock was wrong")
    clock.now = NOON
    assert "used up" in notes(await world.say("at once")), "a clock that is set back gives nothing back"
    passed += 86_400
    clock.now += 86_400
    assert (await world.say("the next day")).text
