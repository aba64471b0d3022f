"""Loading and unloading within the memory for models, in the real process with a scripted engine."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from bot.inference.client import InferenceClient
from bot.inference.memory_manager import MemoryManager
from bot.inference.process import ModelProcess
from bot.inference.protocol import Event, JobEnded, JobProgress, ModelSource, Run
from bot.inference.scheduler import ModelQueue
from bot.interfaces.errors import Refused
from bot.interfaces.jobs import Skill, WriteAnswer, Written
from bot.interfaces.replies import Status, Text
from tests.fakes.inference import Model as Scripted

MEMORY = 10
"""Bytes of memory for all models."""

Model = Callable[[str, int], ModelSource]


@pytest.fixture
async def inference(tmp_path: Path) -> AsyncGenerator[InferenceClient]:
    process = ModelProcess(tmp_path, os.environ, memory=MEMORY, module="tests.fakes.inference")
    yield InferenceClient(process)
    await process.aclose()


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """Return a function that creates a model of `size` bytes."""

    def make(name: str, size: int) -> ModelSource:
        (tmp_path / name).mkdir()
        (tmp_path / name / "bytes").write_text(str(size))
        return ModelSource(str(tmp_path / name))

    return make


def _says(text: str) -> WriteAnswer:
    return WriteAnswer((("user", text),))


async def _loaded(inference: InferenceClient) -> list[str]:
    return [Path(resident.source.model).name for resident in (await inference.look()).models]


async def _texts(chunks: AsyncGenerator[Status | Text | Written], until: str = "") -> list[str]:
    """Collect the statuses and texts, up to `until`."""
    texts = []
    async for chunk in chunks:
        if not isinstance(chunk, Written):
            texts.append(chunk.text)
        if until and texts[-1] == until:
            break
    return texts


async def test_listing_models_starts_no_process(inference: InferenceClient) -> None:
    assert await _loaded(inference) == []
    assert inference.generation == 0


async def test_the_least_recently_used_model_makes_room(inference: InferenceClient, model: Model) -> None:
    first, second, third = (model(name, 4) for name in ("first", "second", "third"))
    for source in (first, second, first):
        await inference.answer(source, _says("hello"))
    assert await _loaded(inference) == ["second", "first"]
    await inference.answer(third, _says("hello"))
    assert await _loaded(inference) == ["first", "third"]
    assert "Loading the model" in await _texts(inference.run(second, _says("hello")))
    assert await _loaded(inference) == ["third", "second"]


async def test_loaded_models_are_listed_with_their_size(inference: InferenceClient, model: Model) -> None:
    await inference.answer(model("small", 3), _says("hello"))
    inventory = await inference.look()
    (resident,) = inventory.models
    assert (resident.ready.bytes, resident.ready.device, resident.unit, resident.busy) == (3, "cpu", "tokens", False)
    async with asyncio.timeout(5):
        while not resident.speed:
            (resident,) = (await inference.look()).models
    assert inventory.limit == MEMORY
    assert inventory.process_bytes > 1_000_000


async def test_a_model_that_can_never_fit_is_refused(inference: InferenceClient, model: Model) -> None:
    small = model("small", 3)
    await inference.answer(small, _says("hello"))
    with pytest.raises(Refused, match="are set aside for models"):
        await inference.answer(model("huge", MEMORY + 1), _says("hello"))
    assert await _loaded(inference) == ["small"]


async def test_missing_models_leave_no_threads(inference: InferenceClient, model: Model) -> None:
    source = model("one", 4)
    for number in range(30):
        with pytest.raises(Refused, match="no such model"):
            await inference.answer(ModelSource(f"/no/such/{number}"), _says("hello"))
    async with asyncio.timeout(5):
        while int((await inference.text(source, _says("threads")))[0]) > 5:
            pass
    await inference.unload(source)
    assert (await inference.text(source, _says("hello")))[0] == "hello"


async def test_a_model_waits_for_memory_in_use(inference: InferenceClient, model: Model) -> None:
    busy, other = model("busy", 8), model("other", 8)
    async with aclosing(inference.run(busy, _says("forever"))) as running:
        await _texts(running, until="and so ")
        waiting = inference.run(other, _says("hello"))
        await _texts(waiting, until="Waiting until other models are free")
        assert await _loaded(inference) == ["busy"]
    assert (await _texts(waiting))[-1] == "hello"
    assert await _loaded(inference) == ["other"]


async def test_two_large_models_take_turns(inference: InferenceClient, model: Model) -> None:
    both = (model("one", 8), model("other", 8))
    asked = [inference.text(both[number % 2], _says(f"number {number}")) for number in range(12)]
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*asked)
    assert [text for text, _ in answers] == [str(number) for number in range(12)]


class Slow:
    """A loader that waits for the other model's claim to its memory, as long as there is one."""

    def __init__(self) -> None:
        self.wanted, self.all_ended = threading.Event(), threading.Event()
        self.ended = 0

    def send(self, event: Event) -> None:
        if isinstance(event, JobProgress) and event.text.startswith("Waiting until other models"):
            self.wanted.set()
        if isinstance(event, JobEnded):
            self.ended += 1
            if self.ended == 2:
                self.all_ended.set()

    def need(self, source: ModelSource, skill: Skill, tell: Callable[[str], None]) -> tuple[str, int]:
        return "cpu", 8

    def load(self, source: ModelSource, skill: Skill, tell: Callable[[str], None]) -> Scripted:
        if not self.ended:
            self.wanted.wait(5)
            self.wanted.clear()
        return Scripted(8)


def test_competing_models_each_answer_once_loaded() -> None:
    slow, memory = Slow(), MemoryManager(lambda _device: MEMORY, lambda: None)
    for number in (1, 2):
        queue = ModelQueue(ModelSource(f"/{number}"), "write", slow, memory, slow.send)
        queue.submit(Run(number, ModelSource(f"/{number}"), _says("hello")))
    assert slow.all_ended.wait(5)


async def test_an_earlier_claim_to_memory_goes_first(inference: InferenceClient, model: Model) -> None:
    busy, other = model("busy", 8), model("other", 8)
    async with aclosing(inference.run(busy, _says("forever"))) as running:
        await _texts(running, until="and so ")
        patient = inference.run(other, _says("hello"))
        await _texts(patient, until="Waiting until other models are free")
        late = asyncio.ensure_future(inference.text(busy, _says("late")))
        await asyncio.wait({late}, timeout=0.1)
        assert not late.done()
    assert (await _texts(patient))[-1] == "hello"
    assert (await late)[0] == "late"


async def test_a_busy_model_is_unloaded_afterwards(inference: InferenceClient, model: Model) -> None:
    source = model("one", 4)
    async with aclosing(inference.run(source, _says("forever"))) as running:
        await _texts(running, until="and so ")
        assert [resident.busy for resident in (await inference.unload(source)).models] == [True]
    async with asyncio.timeout(5):
        while await _loaded(inference):
            pass
    assert "Loading the model" in await _texts(inference.run(source, _says("hello")))
