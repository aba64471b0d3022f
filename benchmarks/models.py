"""The bundled models in their process: load time, memory, speed with one and with several jobs, gain of int8 weights.

All ratios compare figures of the same run. Speeds are per second of the process's own CPU time, because other work on
the machine disturbs that least. The first run unpacks SmolLM2; that time is not counted.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from benchmarks.table import Row
from bot.inference.client import InferenceClient
from bot.inference.process import ModelProcess
from bot.inference.protocol import ModelSource, Quantisation, Ready
from bot.interfaces.jobs import Embed, Skill, WriteAnswer

DATA = Path(__file__).parents[1] / "data" / "models"
SIDE_BY_SIDE = 8
TOKENS = 64
TEXTS = 64
ROUNDS = 3
SENTENCE = "What is a pretrained model, and why would a team want to run one on its own machine?"
SMOLLM2, MINILM = ModelSource("bundled:smollm2", threads=1), ModelSource("bundled:minilm", threads=1)


class Models(InferenceClient):
    """The models' process, with its CPU time."""

    def __init__(self) -> None:
        self.process = ModelProcess(DATA, {**os.environ, "HF_HUB_OFFLINE": "1"})
        super().__init__(self.process)

    def cpu_seconds(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)


@asynccontextmanager
async def process() -> AsyncGenerator[Models, None]:
    """Start a new process of models, and end it with the block."""
    models = Models()
    try:
        yield models
    finally:
        await models.aclose()


async def load(inference: InferenceClient, source: ModelSource, skill: Skill) -> tuple[float, float]:
    """Load a model; return the seconds that it took and the MB of its weights."""
    started, size = time.perf_counter(), 0
    async for chunk in inference.warm(source, skill):
        size = chunk.bytes if isinstance(chunk, Ready) else size
    return time.perf_counter() - started, size / 1e6


async def tokens(inference: Models, source: ModelSource, people: int) -> float:
    """Return the tokens per second of `people` answers at the same time, prompts included: the best of ROUNDS."""
    best = 0.0
    for _ in range(ROUNDS):
        jobs = [WriteAnswer((("user", f"{number}. {SENTENCE}"),), TOKENS, 0.0) for number in range(people)]
        started = inference.cpu_seconds()
        answers = await asyncio.gather(*(inference.answer(source, job) for job in jobs))
        best = max(best, sum(answer.completion_tokens for answer in answers) / (inference.cpu_seconds() - started))
    return best


async def texts(inference: Models, *, at_once: bool) -> float:
    """Return the sentences per second, one job each: one after the other, or all at the same time."""
    jobs = [Embed((f"{number}. {SENTENCE}",)) for number in range(TEXTS)]
    best = 0.0
    for _ in range(ROUNDS):
        started = inference.cpu_seconds()
        if at_once:
            await asyncio.gather(*(inference.answer(MINILM, job) for job in jobs))
        else:
            for job in jobs:
                await inference.answer(MINILM, job)
        best = max(best, TEXTS / (inference.cpu_seconds() - started))
    return best


async def bare() -> float:
    """Return the tokens per second of transformers' own generate()."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.bare.generate", str(DATA), str(TOKENS), str(ROUNDS), SENTENCE),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await child.communicate()
    return float(output)


async def load_row() -> Row:
    """Load both models into one new process; the libraries are already loaded for the second."""
    async with process() as inference:
        first, _ = await load(inference, SMOLLM2, "write")
        second, _ = await load(inference, MINILM, "embed")
        resident = (await inference.look()).process_bytes / 1e6
    return Row(
        "SmolLM2 loaded by a fresh process, then MiniLM, memory of the process then",
        f"{first:.1f} s, {second:.1f} s, {resident:,.0f} MB",
        "—",
        "10 s",
    )


async def write_rows() -> list[Row]:
    """Measure SmolLM2 in float32 and with int8 weights, with one answer and with several at the same time."""
    speeds: dict[Quantisation, tuple[float, float, float]] = {}
    kinds: tuple[Quantisation, Quantisation] = ("none", "int8")
    for kind in kinds:
        source = replace(SMOLLM2, quantise=kind)
        async with process() as inference:
            _, size = await load(inference, source, "write")
            speeds[kind] = (await tokens(inference, source, 1), await tokens(inference, source, SIDE_BY_SIDE), size)
    plain = await bare()
    (one, many, size), (small_one, small_many, small_size) = speeds["none"], speeds["int8"]
    return [
        Row(
            "SmolLM2, one answer, 1 thread",
            f"{small_one:.0f} tokens/s with int8 weights, {small_size:.0f} MB",
            f"float32: {one:.0f} tokens/s ({small_one / one:.1f}×), {size:.0f} MB ({size / small_size:.1f}×); "
            f"transformers' generate(): {plain:.0f} tokens/s ({small_one / plain:.1f}×)",
            "2×",
        ),
        Row(
            f"SmolLM2, {SIDE_BY_SIDE} answers side by side, 1 thread",
            f"{small_many:.0f} tokens/s with int8 weights ({small_many / small_one:.1f}× one answer)",
            f"float32: {many:.0f} tokens/s ({many / one:.1f}× one answer)",
            "3×",
        ),
    ]


async def embed_row() -> Row:
    """Measure MiniLM with one sentence after the other, and with all at the same time."""
    async with process() as inference:
        await load(inference, MINILM, "embed")
        in_turn, together = await texts(inference, at_once=False), await texts(inference, at_once=True)
    return Row(
        f"MiniLM, {TEXTS} people with a sentence each, at once, 1 thread",
        f"{together:.0f} sentences/s",
        f"one after the other: {in_turn:.0f} ({together / in_turn:.1f}×)",
        "1.5×",
    )


async def measure() -> list[Row]:
    """Return the rows of loading, writing and embedding."""
    async with process() as inference:
        await load(inference, SMOLLM2, "write")  # unpacks the weights and fills the system's file cache
    return [await load_row(), *await write_rows(), await embed_row()]
