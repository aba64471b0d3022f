"""Reasoning of models: neither part of the answer nor remembered, and shown only if the setting is on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backends.openai import BACKEND, OpenAIModelSettings
from bot.backends.openai.think_tags import ThinkTagParser
from bot.chat.reasoning import THINKING_STATUS
from bot.interfaces.backend import Backend
from bot.interfaces.config import Section
from bot.interfaces.errors import BrokenOff, Unavailable
from bot.interfaces.prompts import Sampling, Utterance
from bot.interfaces.replies import Done, Status, Text, Thought
from tests.core.world import ADMIN, ANN, CHANNEL, DIRECT, World, play
from tests.fakes.openai import FAULTS, Answer, FakeOpenAI, Step, chunk


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.backends.openai.client.PAUSES", (0.0, 0.0))


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(key="") as server:
        yield server
        assert not server.violations


def make(server: FakeOpenAI, **settings: object) -> Backend:
    table = {"backend": "openai", "model": "test", "base_url": server.base_url, **settings}
    return BACKEND.create({"m": OpenAIModelSettings.model_validate(table)}, {}, Path(), Section())["m"]


async def answered(backend: Backend) -> tuple[str, str]:
    """Return the model's reasoning and its text."""
    thought, said = "", ""
    try:
        async with aclosing(backend.stream((Utterance("user", "Why?"),), Sampling())) as pieces:
            async for piece in pieces:
                thought += piece.text if isinstance(piece, Thought) else ""
                said += piece.text if isinstance(piece, Text) else ""
    finally:
        await backend.aclose()
    return thought, said


def part(kind: str, text: str) -> dict[str, object]:
    return {"type": "text", "text": text} if kind == "text" else {"type": kind, kind: [{"type": "text", "text": text}]}


WAYS: Mapping[str, Sequence[str | bytes]] = {
    "a field": [chunk({"reasoning_content": "Hm, "}), chunk({"reasoning_content": "so."}), "Because."],
    "a newer field": [chunk({"reasoning": "Hm, so."}), "Because."],
    "both fields at once": [chunk({"reasoning": "Hm, so.", "reasoning_content": "Hm, so."}), "Because."],
    "a field beside empty content": [chunk({"reasoning": "Hm, so.", "content": ""}), "Because."],
    "tags": ["<think>Hm, so.</think>\n\nBecause."],
    "tags in pieces": ["<th", "ink>", "Hm, ", "so.", "</", "think", ">", "\n", "\nBecause."],
    "tags after an empty line": ["\n<think>", "Hm, so.", "</think>", "Because."],
    "longer tags": ["<thinking>Hm, so.</thinking>", "Because."],
    "Gemini's tags": ["<thought>Hm, so.</thought>", "Because."],
    "Mistral's older tags": ["[THINK]Hm, so.[/THINK]Because."],
    "parts": [chunk({"content": [part("thinking", "Hm, so.")]}), chunk({"content": [part("text", "Because.")]})],
}
"""Every format in which servers send the reasoning “Hm, so.” before the text “Because.”"""


@pytest.mark.parametrize("way", WAYS)
async def test_thinking_is_told_from_the_answer(server: FakeOpenAI, way: str) -> None:
    server.script(Answer(WAYS[way]))
    assert await answered(make(server)) == ("Hm, so.", "Because.")


@pytest.mark.parametrize("way", [way for way in WAYS if "tags" in way])
async def test_tags_may_be_cut_anywhere(server: FakeOpenAI, way: str) -> None:
    text = "".join(str(step) for step in WAYS[way])
    server.script(Answer(list(text)))
    assert await answered(make(server)) == ("Hm, so.", "Because.")


async def test_text_that_begins_within_a_thought(server: FakeOpenAI) -> None:
    server.script(Answer(["Hm, ", "so.</thi", "nk>\nBecause."]))
    assert await answered(make(server, thinks_first=True)) == ("Hm, so.", "Because.")


@pytest.mark.parametrize(
    "text",
    ["The tag <think>x</think> is for models.", "<b>bold</b>", "<", "  indented", "a </think> b", "<thinker>", "1 < 2"],
)
async def test_what_only_looks_like_thinking_is_the_answer(server: FakeOpenAI, text: str) -> None:
    server.script(Answer([text]), Answer(list(text)))
    assert await answered(make(server)) == ("", text)
    assert await answered(make(server)) == ("", text)


async def test_thinking_without_an_end_is_no_answer(server: FakeOpenAI) -> None:
    server.script(Answer(["<think>Hm, ", "so.</thi"], finish="length"))
    assert await answered(make(server)) == ("Hm, so.</thi", "")


@given(st.text("<>/thinkTHINK[] \n", max_size=40), st.lists(st.integers(0, 50), max_size=6))
def test_cuts_change_nothing(text: str, cuts: list[int]) -> None:
    def parts(pieces: Sequence[str]) -> tuple[str, str]:
        tags, found = ThinkTagParser(), ["", ""]
        for piece in pieces:
            for thought, words in [(False, piece)] if tags.over else tags.feed(piece):
                found[thought] += words
        for thought, words in tags.end():
            found[thought] += words
        return found[1], found[0]

    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    assert parts([text[a:b] for a, b in pairwise(places)]) == parts([text] if text else [])


async def test_a_failure_while_it_thinks_is_tried_again(server: FakeOpenAI) -> None:
    server.script(Answer((chunk({"reasoning": "Hm"}), Step.CUT)), Answer(("Because.",)))
    assert (await answered(make(server)))[1] == "Because."


async def test_a_failure_during_reasoning_is_not_an_answer(server: FakeOpenAI) -> None:
    server.answer = lambda _body: Answer((chunk({"reasoning": "Hm"}), Step.CUT))
    with pytest.raises(Unavailable) as caught:
        await answered(make(server))
    assert not isinstance(caught.value, BrokenOff)
    server.answer = lambda _body: FAULTS["cut"]()
    with pytest.raises(BrokenOff):
        await answered(make(server))


# In chat ------------------------------------------------------------------------------------------------------------

THINKING = (Thought("Hm.\n"), Thought("\nSo:\n\n"), Text("Because"), Text(" so."), Done())
QUOTED = "> Hm.\n> \n> So:\n\nBecause so."


async def test_the_thinking_status_shows_once(world: World) -> None:
    play(world.main, *THINKING)
    draft = await world.say("why?")
    assert draft.text == "Because so."
    assert [chunk for chunk in draft.chunks if chunk == THINKING_STATUS] == [THINKING_STATUS]
    assert not any("Hm" in str(chunk) for chunk in draft.chunks)


async def test_shown_reasoning_is_quoted_and_not_remembered(world: World) -> None:
    await world.command("config set", CHANNEL, ADMIN, key="thinking", value="on", scope="workspace")
    play(world.main, *THINKING)
    draft = await world.say("why?", CHANNEL)
    assert draft.text == QUOTED
    await world.say("and?", CHANNEL)
    assert [turn.text for turn in world.main.prompts[-1][1:]] == ["Ann: why?", "Because so.", "Ann: and?"]


async def test_drafts_of_reasoning_begin_like_the_answer(world: World) -> None:
    await world.command("config set", DIRECT, ANN, key="thinking", value="on")
    play(world.main, *THINKING)
    draft = await world.say("why?")
    assert "".join(chunk.text for chunk in draft.chunks if isinstance(chunk, Text)) == draft.text == QUOTED
    assert not any(isinstance(chunk, Thought) for chunk in draft.chunks)


async def test_without_streaming_thoughts_come_with_the_answer(world: World) -> None:
    await world.command("config set", DIRECT, ANN, key="thinking", value="on")
    await world.command("config set", DIRECT, ANN, key="streaming", value="off")
    play(world.main, *THINKING)
    draft = await world.say("why?")
    assert draft.text == QUOTED
    assert not any(isinstance(chunk, Text) for chunk in draft.chunks)


@pytest.mark.parametrize("shown", ["on", "off"])
async def test_a_model_that_only_thinks_has_not_answered(world: World, shown: str) -> None:
    await world.command("config set", DIRECT, ANN, key="thinking", value=shown)
    play(world.main, Thought("Hm"), Done("length"))
    draft = await world.say("why?")
    (note,) = draft.answers[-1].notes
    assert "before it began to answer" in note
    assert [choice.label for choice in draft.answers[-1].choices] == ["Retry"]
    play(world.main, Text("Because."), Done())
    await world.command("retry")
    assert [turn.text for turn in world.main.prompts[-1][1:]] == ["why?"]


async def test_each_stretch_of_thinking_is_a_quotation(world: World) -> None:
    await world.command("config set", DIRECT, ANN, key="thinking", value="on")
    play(world.main, Thought("a"), Status("Trying again in 1 s."), Thought("b"), Text("c"), Done())
    assert (await world.say("why?")).text == "> a\n\n> b\n\nc"


async def test_a_fallbacks_reasoning_begins_a_new_quotation(world: World) -> None:
    await world.command("config set", DIRECT, ANN, key="thinking", value="on")
    play(world.main, Thought("Hm"), Unavailable("It is down."))
    play(world.spare, Thought("So"), Done())
    assert (await world.say("why?")).text == "> Hm\n\n> So"


async def test_a_fallback_answers_after_failed_reasoning(world: World) -> None:
    play(world.main, Thought("Hm"), Unavailable("It is down."))
    play(world.spare, Text("Because."), Done())
    draft = await world.say("why?")
    assert draft.text == "Because."
    assert "spare answers instead" in draft.answers[-1].notes[0]
