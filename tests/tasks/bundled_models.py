"""Stand-ins for the bundled models: embeddings by shared words, and likelihoods from a table."""

from __future__ import annotations

import asyncio
import math
import re
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.interfaces.jobs import Embed, Job, JobAnswer, Vectors
from bot.interfaces.replies import Text
from bot.tasks.engine.bundled_jobs import EMBEDDER, LANGUAGE_MODEL, ModelStep, NextWords, Score, Scores, Words
from bot.tasks.engine.task import StepResult, Steps, T, ThreadStep

_DIMENSIONS = 256
_WORD = re.compile(r"\w+")


@dataclass
class FakeModels:
    """Does the jobs of steps. `likely` has the log-likelihood of continuations, -10 for any other; `next` words."""

    likely: Mapping[tuple[str, str], float] = field(default_factory=dict)
    next: tuple[str, ...] = ()
    jobs: list[tuple[str, Job[JobAnswer]]] = field(default_factory=list)
    shown: str = ""

    def run(self, steps: Steps[T]) -> T:
        """Take all steps; return what they return. What they show is in `shown`."""
        result: StepResult | None = None
        while True:
            try:
                step = steps.send(result) if result else next(steps)
            except StopIteration as end:
                returned: T = end.value
                return returned
            result = StepResult()
            if isinstance(step, ModelStep):
                self.jobs.append((step.model, step.job))
                result = StepResult(answer=self._answer(step.job))
            elif isinstance(step, ThreadStep):
                asyncio.run(_called(step))
            elif isinstance(step, Text):
                self.shown += step.text

    @property
    def models(self) -> set[str]:
        """Names of the models that were asked."""
        return {model for model, _ in self.jobs}

    def _answer(self, job: Job[JobAnswer]) -> JobAnswer:
        match job:
            case Embed(texts):
                return Vectors(_DIMENSIONS, b"".join(map(_vector, texts)))
            case NextWords(_, most):
                return Words(self.next[:most])
            case Score(text, continuations):
                return Scores(tuple(self.likely.get((text, one), -10.0) for one in continuations))
        raise AssertionError(job)


async def _called(step: ThreadStep) -> None:
    await step.call()


def _vector(text: str) -> bytes:
    """Count words by the sum of their letters, at length 1."""
    counts = [0.0] * _DIMENSIONS
    for word in _WORD.findall(text.lower()):
        counts[sum(word.encode()) % _DIMENSIONS] += 1
    length = math.hypot(*counts) or 1.0
    return array("f", [count / length for count in counts]).tobytes()


BOTH = {EMBEDDER, LANGUAGE_MODEL}
