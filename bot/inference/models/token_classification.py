"""Named things in a text, of any length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bot.inference.errors import InferenceError
from bot.inference.models.encoder import Encoder, Row
from bot.interfaces.jobs import Entities, Entity, Job, JobAnswer, Tag


class TokenClassifier(Encoder):
    """Token classification: words are labelled as wholes, and neighbours of one kind become one entity."""

    auto = "AutoModelForTokenClassification"
    per_token = True

    def rows(self, job: Job[JobAnswer]) -> list[Row]:
        """Overlapping windows of each text."""
        assert isinstance(job, Tag)
        if not self.tokenizer.is_fast:
            raise InferenceError("unsupported", "This model's tokenizer does not say where in the text a piece stands.")
        rows = []
        for number, text in enumerate(job.texts):
            for row in self.encoded(text, cut=False):
                row.text = number
                rows.append(row)
        return rows

    def answer(self, job: Job[JobAnswer], rows: Sequence[Row]) -> JobAnswer:
        """Entities, text by text."""
        assert isinstance(job, Tag)
        words: list[dict[int, _Word]] = [{} for _ in job.texts]
        for row in rows:
            for word in _words(row):
                known = words[row.text].get(word.start)
                if not known or known.margin < word.margin:  # in an overlap the window that sees more around it
                    words[row.text][word.start] = word
        return Entities(
            tuple(
                tuple(self._grouped(text, [found[start] for start in sorted(found)]))
                for text, found in zip(job.texts, words, strict=True)
            )
        )

    def _grouped(self, text: str, words: Sequence[_Word]) -> list[Entity]:
        groups: list[tuple[str, list[_Word]]] = []
        before = "O"
        for word in words:
            name = self.labels[int(word.chances.argmax())]
            mark, _, kind = name.partition("-") if name[:2] in ("B-", "I-") else ("", "", name)
            if name != "O":
                if groups and before == kind and mark != "B":
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
                sum(float(word.chances.max()) for word in group) / len(group),
            )
            for kind, group in groups
        ]


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    margin: int
    chances: torch.Tensor


def _words(row: Row) -> list[_Word]:
    """The words of a window, each with the mean of its pieces' chances."""
    chances = row.result.softmax(-1)
    pieces: dict[int, list[int]] = {}
    for number, word in enumerate(row.words):
        if word is not None and row.places[number][1] > row.places[number][0]:
            pieces.setdefault(word, []).append(number)
    return [
        _Word(
            row.places[group[0]][0],
            row.places[group[-1]][1],
            min(group[0], row.size - group[-1]),
            chances[group].mean(0),
        )
        for group in pieces.values()
    ]
