"""How well the bundled models do their tasks, on labelled lines that nothing was trained on or chosen by.

The lines are in benchmarks/data/ and were written for this project. TASK-test.jsonl is measured; TASK-dev.jsonl is for
the choice of constants. `python -m benchmarks.quality dev` measures those instead.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.bundled import Bundled, bundled
from benchmarks.table import HEAD, Row
from bot.tasks.engine.bundled_classify import label_scores
from bot.tasks.engine.bundled_fill import BLANK, fillings
from bot.tasks.engine.bundled_jobs import NextWords, ask_language_model
from bot.tasks.engine.quoted_answer import THRESHOLD, best_passage
from bot.tasks.engine.quoted_summary import central_sentences
from bot.tasks.engine.sentences import sentences
from bot.tasks.engine.task import TaskInput

DATA = Path(__file__).with_name("data")
KEY_SENTENCES = 3


@dataclass(frozen=True, slots=True)
class Line:
    """A labelled line. Each task uses some of the fields."""

    text: str
    label: str = ""
    labels: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    question: str = ""
    answer: str = ""
    key: tuple[str, ...] = ()


_LINE = TypeAdapter(Line)


def lines(task: str, part: str) -> list[Line]:
    read = (DATA / f"{task}-{part}.jsonl").read_text(encoding="utf-8").splitlines()
    return [_LINE.validate_json(line) for line in read]


def macro_f1(found: Sequence[str], truth: Sequence[str]) -> float:
    """Return the mean over labels of the harmonic mean of precision and recall."""
    hits = Counter(one for one, other in zip(found, truth, strict=True) if one == other)
    counted = Counter(found) + Counter(truth)
    return mean([2 * hits[label] / counted[label] for label in set(truth)])


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


async def sentiment(models: Bundled, part: str) -> Row:
    """Compare the head with the most frequent label."""
    data = lines("sentiment", part)
    scores = models.sentiment.scores(await models.vectors([line.text for line in data]))
    found = [models.sentiment.labels[number] for number in scores.argmax(-1).tolist()]
    truth = [line.label for line in data]
    (majority, _), *_ = Counter(truth).most_common(1)
    right = mean([one == other for one, other in zip(found, truth, strict=True)])
    return Row(
        f"/sentiment, {len(data)} lines of team chat, positive, negative or neutral",
        f"macro F1 {macro_f1(found, truth):.2f}, accuracy {right:.2f}",
        f"always “{majority}”: {macro_f1([majority] * len(data), truth):.2f}, {truth.count(majority) / len(data):.2f}",
        "—",
    )


async def classify(models: Bundled, part: str) -> Row:
    """Compare the best label with a random one."""
    data = lines("classify", part)
    right = []
    for line in data:
        scores = await models.result(label_scores(line.text, line.labels))
        right.append(max(scores, key=lambda scored: scored[1])[0] == line.label)
    chance = mean([1 / len(line.labels) for line in data])
    sets = len({line.labels for line in data})
    return Row(
        f"/classify, {len(data)} lines, {sets} sets of 4 to 8 labels",
        f"accuracy {mean(right):.2f}",
        f"a random label: {chance:.2f}",
        "—",
    )


async def fill(models: Bundled, part: str) -> Row:
    """Compare the first and the first five words with the likeliest word after the left side."""
    data = lines("fill", part)
    first, five, left_only = [], [], []
    for line in data:
        accepted = {word.lower() for word in line.words}
        words = [word.lower() for word, _ in await models.result(fillings(line.text))]
        first.append(words[0] in accepted)
        five.append(bool(accepted.intersection(words[:5])))
        left = line.text.partition(BLANK)[0].rstrip()
        likeliest = await models.result(ask_language_model(NextWords(left, 1)))
        left_only.append(likeliest.words[0].lower() in accepted)
    return Row(
        f"/fill, {len(data)} sentences with a blank",
        f"first word right {mean(first):.2f}, among five {mean(five):.2f}",
        f"the likeliest word after the left side: {mean(left_only):.2f}",
        "—",
    )


async def answer(models: Bundled, part: str) -> Row:
    """Compare the sentence, or the refusal, with the first sentence for every question."""
    data = lines("answer", part)
    found = []
    for line in data:
        best = await models.result(best_passage(line.question, TaskInput(text=line.text)))
        found.append(best.sentence.text if best and best.score >= THRESHOLD else "")
    right = [one == line.answer for one, line in zip(found, data, strict=True)]
    trivial = mean([sentences(line.text)[0].text == line.answer for line in data])
    answerable = [hit for hit, line in zip(right, data, strict=True) if line.answer]
    others = [hit for hit, line in zip(right, data, strict=True) if not line.answer]
    return Row(
        f"/answer, {len(data)} questions, {len(others)} of them not answered by the text",
        f"accuracy {mean(right):.2f}; right sentence {mean(answerable):.2f}, right refusal {mean(others):.2f}",
        f"always the first sentence: {trivial:.2f}",
        "—",
    )


async def summarise(models: Bundled, part: str) -> Row:
    """Compare the share of key sentences among three with the first, the longest and random ones."""
    data = lines("summarise", part)
    ours, leading, longest, chance, total = [], [], [], [], 0
    for line in data:
        every = [sentence.text for sentence in sentences(line.text)]
        total += len(every)
        chosen = await models.result(central_sentences(TaskInput(text=line.text), KEY_SENTENCES))
        ours.append(_recall([sentence.text for sentence in chosen], line.key))
        leading.append(_recall(every[:KEY_SENTENCES], line.key))
        longest.append(_recall(sorted(every, key=len)[-KEY_SENTENCES:], line.key))
        chance.append(KEY_SENTENCES / len(every))
    return Row(
        f"/summarise, {len(data)} texts of {total} sentences, three key sentences each",
        f"recall {mean(ours):.2f}",
        f"the first three: {mean(leading):.2f}; the longest: {mean(longest):.2f}; random: {mean(chance):.2f}",
        "—",
    )


def _recall(found: Sequence[str], key: Sequence[str]) -> float:
    return len(set(found) & set(key)) / len(key)


async def measure(part: str = "test") -> list[Row]:
    """Measure one task after the other."""
    async with bundled() as models:
        return [await task(models, part) for task in (sentiment, classify, fill, answer, summarise)]


if __name__ == "__main__":
    print(HEAD)
    for found in asyncio.run(measure(*sys.argv[1:])):
        print(found)
