"""The steps of tasks done by the bundled models: embeddings in their process, scores of continuations in this one."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import torch

from bot.inference.client import InferenceClient
from bot.inference.loader import load
from bot.inference.models.embedding_head import EmbeddingHead, read_head
from bot.inference.models.next_words import VocabularyWords, vocabulary_words
from bot.inference.models.scoring import log_likelihoods, next_tokens
from bot.inference.process import ModelProcess
from bot.inference.protocol import ModelSource
from bot.interfaces.jobs import Embed, Job, JobAnswer
from bot.tasks.engine.bundled_jobs import NextWords, Score, Scores, Words
from bot.tasks.engine.task import JobStep, StepResult, Steps, T, ThreadStep

DATA = Path(__file__).parents[1] / "data" / "models"
SMOLLM2, MINILM = ModelSource("bundled:smollm2", threads=1), ModelSource("bundled:minilm", threads=1)


class Bundled:
    """Both models, loaded as the bot loads them."""

    def __init__(self) -> None:
        self._client = InferenceClient(ModelProcess(DATA, {**os.environ, "HF_HUB_OFFLINE": "1"}))
        writer = load(SMOLLM2, "write", DATA, lambda _text: None)
        self._network, self._tokenizer = writer.network, writer.tokenizer
        self._words: VocabularyWords | None = None
        self.sentiment: EmbeddingHead = read_head("sentiment")

    async def aclose(self) -> None:
        await self._client.aclose()

    async def vectors(self, texts: list[str]) -> torch.Tensor:
        return torch.tensor((await self._client.answer(MINILM, Embed(tuple(texts)))).rows)

    async def result(self, steps: Steps[T]) -> T:
        """Take all steps of a task; return what they return."""
        answer = StepResult()
        while True:
            try:
                step = steps.send(answer) if answer.answer else next(steps)
            except StopIteration as end:
                returned: T = end.value
                return returned
            answer = StepResult()
            if isinstance(step, JobStep):
                answer = StepResult(answer=await self._answer(step.job))
            elif isinstance(step, ThreadStep):
                await step.call()

    async def _answer(self, job: Job[JobAnswer]) -> JobAnswer:
        if isinstance(job, Embed):
            return await self._client.answer(MINILM, job)
        torch.set_num_threads(1)
        with torch.inference_mode():
            return self._scores(job) if isinstance(job, Score) else self._next_words(job)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _scores(self, job: Score) -> Scores:
        rows = log_likelihoods(self._network, self._ids(job.text), [self._ids(text) for text in job.continuations])
        return Scores(tuple(sum(row) / (len(row) if job.mean else 1) for row in rows))

    def _next_words(self, job: Job[JobAnswer]) -> Words:
        assert isinstance(job, NextWords)
        self._words = self._words or vocabulary_words(self._tokenizer)
        steps = next_tokens(self._network, self._ids(job.text))
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return Words(tuple(self._words.likeliest(end.value, job.most, capital=job.capital)))


@asynccontextmanager
async def bundled() -> AsyncGenerator[Bundled, None]:
    """Load both, and end the process of the embedder afterwards."""
    models = Bundled()
    try:
        yield models
    finally:
        await models.aclose()
