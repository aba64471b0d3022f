"""Named entities in texts of any length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bot.inference.errors import InferenceError
from bot.inference.models.encoder import Encoder, Row
from bot.interfaces.jobs import Entities, Entity, Job, JobAnswer, Tag


class TokenClassifier(Encoder):
    """A model for token classification: words are labelled as wholes, and neighbours of one kind form one entity."""

    auto = "AutoModelForTokenClassification"
    per_token = True

    def rows(self, job: Job[JobAnswer]) -> list[Row]:
        """Return the overlapping windows of each text. Raises InferenceError."""
        assert isinstance(job, Tag)
        if not self.tokenizer.is_fast:
            raise InferenceError("unsupported", "This model's tokenizer does not report positions in the text.")
        rows = []
        for number, text in enumerate(job.texts):
            for row in self.encoded(text, cut=False):
                row.text = number
                rows.append(row)
        return rows

    def answer(self, job: Job[JobAnswer], rows: Sequence[Row]) -> JobAnswer:
        """Return the entities of each text."""
        assert isinstance(job, Tag)
        words: list[dict[int, _Word]] = [{} for _ in job.texts]
        for row in rows:
            for word in _words(row):
                known = words[row.text].get(word.start)
                # of two overlapping windows the one with more text around the word counts
                if not known or known.margin < word.margin:
                    words[row.text][word.start] = word
        return Entities(
            tuple(
                tuple(self._group(text, [by_start[start] for start in sorted(by_start)]))
                for text, by_start in zip(job.texts, words, strict=True)
            )
        )

    def _group(self, text: str, words: Sequence[_Word]) -> list[Entity]:
        """Join neighbouring words of one kind to entities; the label "B-…" begins a new entity, "O" is none."""
        groups: list[tuple[str, list[_Word]]] = []
        before = "O"
        for word in words:
            name = self.labels[int(word.probabilities.argmax())]
            prefix, _, kind = name.partition("-") if name[:2] in ("B-", "I-") else ("", "", name)
            if name != "O":
                if groups and before == kind and prefix != "B":
                    groups[-1][1].append(word)
                else:
                    groups.append((kind, [word]))
            before = kind if name != "O" else "O"
        return [
            Entity(
                kind,
                text[group[0].start : group[-1].end],
                group[0].start,
                group[-1].end,
                sum(float(word.probabilities.max()) for word in group) / len(group),
            )
            for kind, group in groups
        ]


@dataclass(frozen=True, slots=True)
class _Word:
    """A word by its offsets; `margin` is its distance in tokens from the nearer end of its window."""

    start: int
    end: int
    margin: int
    probabilities: torch.Tensor


def _words(row: Row) -> list[_Word]:
    """Return the words of a window, each with the mean of its tokens' probabilities."""
    probabilities = row.result.softmax(-1)
    pieces: dict[int, list[int]] = {}
    for number, word in enumerate(row.words):
        if word is not None and row.offsets[number][1] > row.offsets[number][0]:
            pieces.setdefault(word, []).append(number)
    return [
        _Word(
            row.offsets[group[0]][0],
            row.offsets[group[-1]][1],
            min(group[0], row.size - group[-1]),
            probabilities[group].mean(0),
        )
        for group in pieces.values()
    ]
