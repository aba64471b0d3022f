"""summarise with the bundled embedder: the most central sentences, none like another, quoted in their order.

The constants were chosen on the five texts of benchmarks/data/summarise-dev.jsonl, which is few.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bot.interfaces.errors import UserError
from bot.interfaces.replies import Text
from bot.tasks.engine.bundled_jobs import Vector, embeddings, similarity
from bot.tasks.engine.sentences import Sentence, spoken
from bot.tasks.engine.steps import compute
from bot.tasks.engine.task import Steps, TaskInput

MOST_SENTENCES = 2000

COUNTS = {"short": 2, "medium": 4, "long": 8}
"""Sentences of a summary, by the option `length`."""

_SHARE = 0.6
"""A summary has at most this share of the sentences that could be quoted."""

_EARLY = 0.1
"""Weight of the position: the first sentence has all of it, the last one none."""

_MATTERS = ("This is an important decision, result or announcement.", "This is what has to be done, and by when.")
_CHATTER = ("This is small talk.", "This is a funny story about somebody.")
_KIND = 0.5
"""Weight of a sentence's similarity to the first two phrases, less that to the others, beside its centrality."""

_QUESTION = 0.1
"""Subtracted from a question's score: the answer says more."""

_REPETITION = 0.1
"""Weight of the largest similarity to a sentence that is chosen already."""

_SHORTEST = 12
"""Characters; shorter sentences are not quoted unless there are no others."""

_INTRODUCTION = "In their own words:\n"


def summarised(given: TaskInput) -> Steps[None]:
    """Quote the sentences that say most, with their speakers; say that it quotes."""
    count = COUNTS[given.option("length", "medium")]
    chosen = yield from central_sentences(given, count)
    yield Text(_INTRODUCTION + "\n".join(_lines(chosen)))


def central_sentences(given: TaskInput, count: int) -> Steps[Sequence[Sentence]]:
    """Return at most `count` sentences in the order of the text. Raises UserError where there are none, or too many."""
    found = yield from compute(lambda: _quotable(given))
    if not found:
        raise UserError("There is no sentence in this text that I could quote.")
    if len(found) > MOST_SENTENCES:
        raise UserError(f"That is more than {MOST_SENTENCES:,} sentences to summarise. Give me less text at a time.")
    phrases = (*_MATTERS, *_CHATTER)
    vectors = yield from embeddings((*phrases, *(sentence.text for sentence in found)))
    kinds, vectors = vectors[: len(phrases)], vectors[len(phrases) :]
    chosen = yield from compute(lambda: _chosen(found, vectors, kinds, min(count, math.ceil(len(found) * _SHARE))))
    return [found[number] for number in sorted(chosen)]


def _quotable(given: TaskInput) -> list[Sentence]:
    """Return the sentences of a text without code, equal ones once."""
    found = {" ".join(sentence.text.lower().split()): sentence for sentence in reversed(spoken(given))}
    prose = [sentence for text, sentence in reversed(found.items()) if not text.startswith(("```", "~~~"))]
    return [sentence for sentence in prose if len(sentence.text) >= _SHORTEST] or prose


def _chosen(found: Sequence[Sentence], vectors: Sequence[Vector], kinds: Sequence[Vector], count: int) -> Sequence[int]:
    """Return the numbers of the chosen sentences, the best first: maximal marginal relevance."""
    middle, matters, chatter = map(_mean, (vectors, kinds[: len(_MATTERS)], kinds[len(_MATTERS) :]))
    length = math.hypot(*middle) or 1.0
    scores = [
        similarity(middle, vector) / length
        + _KIND * (similarity(matters, vector) - similarity(chatter, vector))
        + _EARLY * (1 - place / len(found))
        - _QUESTION * sentence.text.endswith("?")
        for place, (sentence, vector) in enumerate(zip(found, vectors, strict=True))
    ]
    nearest = [0.0] * len(found)
    chosen: list[int] = []
    while len(chosen) < count:
        left = [number for number in range(len(found)) if number not in chosen]
        best = max(left, key=lambda number: scores[number] - _REPETITION * nearest[number])
        chosen.append(best)
        nearest = [max(most, similarity(vectors[best], vector)) for most, vector in zip(nearest, vectors, strict=True)]
    return chosen


def _mean(vectors: Sequence[Vector]) -> Vector:
    return [sum(numbers) / len(vectors) for numbers in zip(*vectors, strict=True)]


def _lines(chosen: Sequence[Sentence]) -> Iterator[str]:
    """Yield a quotation for each sentence, in one line."""
    for sentence in chosen:
        text = " ".join(sentence.text.split())
        yield f"> **{sentence.speaker}:** {text}" if sentence.speaker else f"> {text}"
