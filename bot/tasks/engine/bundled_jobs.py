"""Jobs and steps for tasks that the bundled models do together: one task asks an embedder and a language model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul
from typing import ClassVar

from bot.interfaces.jobs import A, Embed, Job, JobAnswer, Skill
from bot.tasks.engine.steps import ask
from bot.tasks.engine.task import JobStep, Steps

EMBEDDER = "minilm"
LANGUAGE_MODEL = "smollm2"
"""Names of bundled models, as in bot/inference/bundled.py."""

Vector = Sequence[float]


@dataclass(frozen=True, slots=True)
class Scores(JobAnswer):
    """For each continuation its log-likelihood, in nats."""

    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Score(Job[Scores]):
    """Score each of `continuations` after `text`, which the model reads once.

    With `mean` each log-likelihood is divided by the number of tokens of its continuation.
    """

    skill: ClassVar[Skill] = "write"
    text: str
    continuations: tuple[str, ...]
    mean: bool = False


@dataclass(frozen=True, slots=True)
class Words(JobAnswer):
    """Whole words, the likeliest first, without white space around them."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NextWords(Job[Words]):
    """Find the `most` likeliest words after `text`: tokens of letters or digits that begin with a space.

    With `capital` only words with a capital letter count.
    """

    skill: ClassVar[Skill] = "write"
    text: str
    most: int
    capital: bool = False


@dataclass(frozen=True, slots=True)
class ModelStep(JobStep):
    """A job for one bundled model, instead of the model that the request chose."""

    model: str = ""


def ask_language_model(job: Job[A]) -> Steps[A]:
    """Have the bundled language model do a job; return its answer."""
    return (yield from _ask(LANGUAGE_MODEL, job))


def embeddings(texts: Sequence[str]) -> Steps[Sequence[Vector]]:
    """Return a vector of length 1 for each text; equal texts are embedded once."""
    distinct = tuple(dict.fromkeys(texts))
    found = yield from _ask(EMBEDDER, Embed(distinct))
    vectors = {text: _unit(row) for text, row in zip(distinct, found.rows, strict=True)}
    return [vectors[text] for text in texts]


def _ask(model: str, job: Job[A]) -> Steps[A]:
    """Take the step that `ask` yields, and address it to a model."""
    steps = ask(job)
    next(steps)
    result = yield ModelStep(job, model=model)
    try:
        steps.send(result)
    except StopIteration as end:
        answer: A = end.value
        return answer
    raise AssertionError("a job is one step")


def _unit(vector: Vector) -> Vector:
    length = math.hypot(*vector) or 1.0
    return [number / length for number in vector]


def similarity(first: Vector, second: Vector) -> float:
    """Return the cosine of two vectors of length 1."""
    total: float = sum(map(mul, first, second))
    return total


def softmax(values: Sequence[float]) -> list[float]:
    """Return probabilities in proportion to the exponentials."""
    highest = max(values)
    powers = [math.exp(value - highest) for value in values]
    return [power / sum(powers) for power in powers]
