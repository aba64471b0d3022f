"""The labelled lines of the quality benchmark: complete, and never the same for choosing and for measuring."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.tasks.engine.sentences import sentences

DATA = Path(__file__).parents[1] / "benchmarks" / "data"
TASKS = ("sentiment", "classify", "fill", "answer", "summarise")


def _lines(task: str, part: str) -> list[dict[str, str | list[str]]]:
    return [json.loads(line) for line in (DATA / f"{task}-{part}.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("task", TASKS)
def test_measured_lines_were_not_chosen_by(task: str) -> None:
    chosen_by, measured = (
        {json.dumps(line, sort_keys=True) for line in _lines(task, part)} for part in ("dev", "test")
    )
    assert chosen_by
    assert measured
    assert not chosen_by & measured


@pytest.mark.parametrize("part", ["dev", "test"])
def test_labels_are_among_those_offered(part: str) -> None:
    assert all(line["label"] in line["labels"] for line in _lines("classify", part))
    assert {line["label"] for line in _lines("sentiment", part)} == {"positive", "negative", "neutral"}
    assert all(str(line["text"]).count("___") == 1 for line in _lines("fill", part))


@pytest.mark.parametrize(("task", "field"), [("answer", "answer"), ("summarise", "key")])
@pytest.mark.parametrize("part", ["dev", "test"])
def test_expected_sentences_are_in_their_texts(task: str, field: str, part: str) -> None:
    for line in _lines(task, part):
        found = {sentence.text for sentence in sentences(str(line["text"]))}
        expected = line[field] if isinstance(line[field], list) else [line[field]]
        assert {sentence for sentence in expected if sentence} <= found
