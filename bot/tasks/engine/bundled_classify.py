"""classify with the bundled models: similarity to each label, and the likelihood of each label after the text.

The constants were chosen on benchmarks/data/classify-dev.jsonl.
benchmarks/quality.py measures it; /classify does not use it yet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bot.interfaces.replies import Text
from bot.tasks.engine.bundled_jobs import Score, Vector, ask_language_model, embeddings, similarity, softmax
from bot.tasks.engine.task import Steps, TaskInput
from bot.utils.formatting import bars

_PROMPT = '"{}"\nThis message is about'
_DESCRIPTIONS = ("{}", "This text is about {}.")
_WITHOUT_TEXT = ("N/A", "...", "Hello.")
"""Texts that say nothing: what a label scores after them is its prior likelihood."""

_LONGEST = 2000
"""Characters that the language model reads of a text; the embedder reads all of it."""

_SIMILARITY = 5.0
"""Weight of the similarity beside the log-likelihood ratio, which is in nats."""

_FITS = (2.67, 1.18, -3.42)
"""Where several labels may fit: weights of similarity and log-likelihood ratio, and the bias, of a logistic model."""


def classified(given: TaskInput, labels: Sequence[str], *, several: bool = False) -> Steps[None]:
    """Show the scores of the labels."""
    yield Text(bars((yield from label_scores(given.text, labels, several=several))))


def label_scores(text: str, labels: Sequence[str], *, several: bool = False) -> Steps[Sequence[tuple[str, float]]]:
    """Return each label with its score: they add up to 1 or, with `several`, each is a probability by itself."""
    descriptions = [form.format(label) for label in labels for form in _DESCRIPTIONS]
    own, *vectors = yield from embeddings((text, *descriptions))
    alike = [similarity(own, vector) for vector in _means(vectors, len(_DESCRIPTIONS))]
    ratios = yield from _likelihood_ratios(text, labels)
    if several:
        scores = [_logistic(likeness, ratio) for likeness, ratio in zip(alike, ratios, strict=True)]
    else:
        scores = softmax([_SIMILARITY * likeness + ratio for likeness, ratio in zip(alike, ratios, strict=True)])
    return list(zip(labels, scores, strict=True))


def _likelihood_ratios(text: str, labels: Sequence[str]) -> Steps[Sequence[float]]:
    """Return how much likelier the text makes each label than it is without a text, in nats."""
    continuations = tuple(f" {label}" for label in labels)
    ratios = list((yield from ask_language_model(_scored(text[:_LONGEST].strip(), continuations))).values)
    for empty in _WITHOUT_TEXT:
        prior = yield from ask_language_model(_scored(empty, continuations))
        ratios = [ratio - value / len(_WITHOUT_TEXT) for ratio, value in zip(ratios, prior.values, strict=True)]
    return ratios


def _scored(text: str, continuations: tuple[str, ...]) -> Score:
    return Score(_PROMPT.format(text), continuations)


def _means(vectors: Sequence[Vector], count: int) -> list[Vector]:
    """Return the mean direction of every so many vectors."""
    means: list[Vector] = []
    for start in range(0, len(vectors), count):
        total = [sum(numbers) for numbers in zip(*vectors[start : start + count], strict=True)]
        length = math.hypot(*total) or 1.0
        means.append([number / length for number in total])
    return means


def _logistic(likeness: float, ratio: float) -> float:
    first, second, bias = _FITS
    return 1 / (1 + math.exp(-(first * likeness + second * ratio + bias)))
