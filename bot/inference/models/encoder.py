"""Encoders: many short texts of several people are read in one batch, long ones in overlapping windows."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from time import monotonic
from typing import ClassVar

import torch

from bot.inference.errors import InferenceError
from bot.inference.models.base import LoadedModel
from bot.inference.scheduler import Work
from bot.interfaces.jobs import Job, JobAnswer, Written
from bot.utils.chunking import chunk_text, token_weight

_ROWS = 16
"""So many texts are read at a time; more made it no faster."""

_TOKENS = 4096
"""And so many tokens, padding included."""

_MANY = 64
"""From so many rows on it is told how far the reading is, once in so many seconds: """
_TELL_SECONDS = 1.0

_SMALLEST_ROOM = 8
"""Tokens; with less room for the text beside what goes with it, nothing can be made of it."""

_OVERLAP = 64
"""Tokens that neighbouring windows of a long text share."""

_WINDOW = 512
"""Tokens of a window where the model states no limit."""


@dataclass(slots=True)
class Row:
    """One text, or window of one, for the network, and what the network made of it.

    `text` says which of a job's texts it is of, `weight` how many tokens of that.
    """

    inputs: dict[str, list[int]]
    text: int = 0
    weight: int = 1
    places: Sequence[tuple[int, int]] = ()
    words: Sequence[int | None] = ()
    second: Sequence[int | None] = ()
    out: torch.Tensor | None = None

    @property
    def size(self) -> int:
        """In tokens."""
        return len(self.inputs["input_ids"])

    @property
    def result(self) -> torch.Tensor:
        """What the network made of it, without padding."""
        assert self.out is not None
        return self.out


@dataclass(slots=True)
class _Reading:
    work: Work
    rows: list[Row]
    unread: deque[Row]
    told: float = float("-inf")

    def tell(self) -> None:
        """How far it is, now and then."""
        if len(self.rows) > _MANY and monotonic() - self.told >= _TELL_SECONDS:
            self.told = monotonic()
            self.work.tell(f"{len(self.rows) - len(self.unread)} of {len(self.rows)} parts read")


class Encoder(LoadedModel):
    """Does its jobs in rows. A subclass says what a job's rows are and what their results mean."""

    capacity = 64
    window = 0.004
    unit = "texts"

    def prepare(self) -> None:
        """What is worked out once."""
        self._readings: dict[int, _Reading] = {}
        self.labels: dict[int, str] = dict(self.network.config.id2label or {})

    def rows(self, job: Job[JobAnswer]) -> list[Row]:
        """What the network must read for a job."""
        raise NotImplementedError

    def answer(self, job: Job[JobAnswer], rows: Sequence[Row]) -> JobAnswer:
        """What the results mean."""
        raise NotImplementedError

    def step(self, works: Sequence[Work]) -> int:
        """Read one batch: a row of each job in turn, so that a long one holds up nobody."""
        for work in works:
            if work.stop.is_set():
                work.end(Written("stopped"))
            elif work.number not in self._readings:
                with work.failing_alone():
                    rows = self.rows(work.job)
                    by_size = sorted(rows, key=lambda row: row.size)
                    self._readings[work.number] = _Reading(work, rows, deque(by_size))
        self._forget()
        batch = self._batch()
        self._read(batch)
        self._forget()
        for reading in self._readings.values():
            reading.tell()
            if not reading.unread:
                with reading.work.failing_alone():
                    reading.work.end(self.answer(reading.work.job, reading.rows))
        self._forget()
        return len(batch)

    def _forget(self) -> None:
        self._readings = {number: reading for number, reading in self._readings.items() if not reading.work.ended}

    def _batch(self) -> list[tuple[_Reading, Row]]:
        batch: list[tuple[_Reading, Row]] = []
        longest = 0
        while len(batch) < _ROWS:
            waiting = [reading for reading in self._readings.values() if reading.unread]
            for reading in waiting[: _ROWS - len(batch)]:
                longest = max(longest, reading.unread[0].size)
                if batch and longest * (len(batch) + 1) > _TOKENS:
                    return batch
                batch.append((reading, reading.unread.popleft()))
            if not waiting:
                break
        return batch

    def _read(self, batch: Sequence[tuple[_Reading, Row]]) -> None:
        """Together; where that goes wrong each alone, so that one bad text fails only its job."""
        try:
            self._compute([row for _, row in batch])
        except Exception:  # noqa: BLE001 - found out and told below
            for reading, row in batch:
                if not reading.work.ended:
                    with reading.work.failing_alone():
                        self._compute([row])

    def _compute(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        padded = self.tokenizer.pad([row.inputs for row in rows], padding_side="right", return_tensors="pt")
        with self.at_work():
            out = self.compute(padded.to(self.device))
        for row, result in zip(rows, out, strict=True):
            row.out = result[: row.size] if self.per_token else result

    per_token: ClassVar[bool] = False

    def compute(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """A result for each row, on the processor."""
        logits: torch.Tensor = self.network(**inputs).logits
        return logits.float().cpu()

    def windows(self, text: str, number: int, before: str = "", beside: Sequence[str] = ("",)) -> list[Row]:
        """A whole text in as many overlapping windows as it needs, each after `before` and with each text `beside` it.

        Those with one text beside them come together. Raises Failure where these leave no room.
        """
        room = (self.context or _WINDOW) - self._size(before) - max(map(self._size, beside), default=0)
        pieces = self._pieces(text, room - self.tokenizer.num_special_tokens_to_add(pair=any(beside)))
        rows = []
        for other in beside:
            for piece, size in pieces:
                (row,) = self.encoded(before + piece, other or None)
                row.text, row.weight = number, size
                rows.append(row)
        return rows

    def around(self, text: str, mark: str) -> str:
        """As much of a text as fits, with the mark in it somewhere about the middle."""
        if not self.tokenizer.is_fast:
            return text
        given = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        places, room = given["offset_mapping"], (self.context or _WINDOW) - self.tokenizer.num_special_tokens_to_add()
        if len(places) <= room:
            return text
        where = text.index(mark)
        at = next(number for number, place in enumerate(places) if place[0] <= where < place[1])
        start = max(0, min(at - room // 2, len(places) - room))
        return text[places[start][0] : places[start + room - 1][1]]

    def _size(self, text: str) -> int:
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"]) if text else 0

    def _pieces(self, text: str, room: int) -> list[tuple[str, int]]:
        """A text in overlapping pieces of at most so many tokens, with how many these are; cut between words."""
        self._check(room)
        if not self.tokenizer.is_fast:
            return [(piece.text, token_weight(piece.text)) for piece in chunk_text(text, room, overlap=room // 8)] or [
                (text, 1)
            ]
        given = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        places, words, overlap = given["offset_mapping"], given.word_ids(0), min(_OVERLAP, room // 4)
        if len(places) <= room:
            return [(text, max(1, len(places)))]
        pieces, start, end = [], 0, 0
        while end < len(places):
            end = _between(words, start + room, start + room // 2)
            pieces.append((text[places[start][0] : places[end - 1][1]], end - start))
            start = _between(words, end - overlap, start + 1)
        return pieces

    def _check(self, room: int) -> None:
        if room < _SMALLEST_ROOM:
            most = self.context or _WINDOW
            words = "What is asked about the text is too long"
            raise InferenceError("failed", f"{words}: this model reads {most} tokens at once, the text's among them.")

    def encoded(self, first: str, second: str | None = None, *, cut: bool = True) -> list[Row]:
        """A text (with a second one) as a row, cut to the window, or as as many overlapping ones as it needs."""
        pair = second is not None
        most = self.context or _WINDOW
        room = most - self.tokenizer.num_special_tokens_to_add(pair=pair) - (self._size(first) if pair else 0)
        if not cut:
            self._check(room)
        given = self.tokenizer(
            first,
            second,
            truncation=("only_first" if cut or not pair else "only_second"),
            max_length=most,
            stride=0 if cut else min(_OVERLAP, room // 4),
            return_overflowing_tokens=not cut,
            return_offsets_mapping=self.tokenizer.is_fast,
        )
        names = [name for name in self.tokenizer.model_input_names if name in given]
        if not self.tokenizer.is_fast or cut:
            return [Row({name: list(given[name]) for name in names})]
        return [
            Row(
                {name: list(given[name][number]) for name in names},
                places=given["offset_mapping"][number],
                words=given.word_ids(number),
                second=given.sequence_ids(number),
            )
            for number in range(len(given["input_ids"]))
        ]


def pooled(results: torch.Tensor, rows: Sequence[Row]) -> torch.Tensor:
    """What a text's windows came to, on average; longer ones count more."""
    weights = torch.tensor([float(row.weight) for row in rows])
    mean: torch.Tensor = (results * weights[:, None]).sum(0) / weights.sum()
    return mean


def by_text(rows: Sequence[Row]) -> list[list[Row]]:
    """The windows of each text."""
    return [list(windows) for _, windows in groupby(rows, key=lambda row: row.text)]


def _between(words: Sequence[int | None], at: int, least: int) -> int:
    """The last place between two words up to `at`; where there is none from `least` on, `at` itself."""
    if at >= len(words):
        return len(words)
    return next((place for place in range(at, least, -1) if words[place] != words[place - 1]), at)
