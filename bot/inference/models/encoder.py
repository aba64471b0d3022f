"""Encoders: short texts of several people share a batch, and a long text is read in overlapping windows."""

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
"""Most rows of a batch; more were not faster."""

_TOKENS = 4096
"""Most tokens of a batch, padding included."""

_MANY = 64
"""Number of rows above which a job reports its progress."""

_REPORT_SECONDS = 1.0
"""Least time between two reports of progress."""

_SMALLEST_ROOM = 8
"""Fewest tokens of the text in a window; with fewer beside a question, the results are useless."""

_OVERLAP = 64
"""Tokens that neighbouring windows of a long text share."""

_WINDOW = 512
"""Window in tokens of a model that states none."""


@dataclass(slots=True)
class Row:
    """A text, or a window of one, as input of the network, and the network's output.

    `text` is the index of the text in its job. `weight` is the number of its tokens in the row. For each token
    `offsets` has its offsets in the text, `words` the index of its word, and `second` 1 for the second of two texts.
    """

    inputs: dict[str, list[int]]
    text: int = 0
    weight: int = 1
    offsets: Sequence[tuple[int, int]] = ()
    words: Sequence[int | None] = ()
    second: Sequence[int | None] = ()
    out: torch.Tensor | None = None

    @property
    def size(self) -> int:
        """Return the number of tokens."""
        return len(self.inputs["input_ids"])

    @property
    def result(self) -> torch.Tensor:
        """Return the network's output for this row, without padding."""
        assert self.out is not None
        return self.out


@dataclass(slots=True)
class _Reading:
    work: Work
    rows: list[Row]
    unread: deque[Row]
    reported: float = float("-inf")

    def report(self) -> None:
        """Report the progress of a long job, at most once in _REPORT_SECONDS."""
        if len(self.rows) > _MANY and monotonic() - self.reported >= _REPORT_SECONDS:
            self.reported = monotonic()
            self.work.report(f"{len(self.rows) - len(self.unread)} of {len(self.rows)} parts read")


class Encoder(LoadedModel):
    """A model that reads rows in batches. A subclass turns a job into rows, and their results into the answer."""

    capacity = 64
    window = 0.004
    unit = "texts"

    def prepare(self) -> None:
        """Read the labels."""
        self._readings: dict[int, _Reading] = {}
        self.labels: dict[int, str] = dict(self.network.config.id2label or {})

    def rows(self, job: Job[JobAnswer]) -> list[Row]:
        """Return the rows that the network must read for a job. Raises InferenceError."""
        raise NotImplementedError

    def answer(self, job: Job[JobAnswer], rows: Sequence[Row]) -> JobAnswer:
        """Return the answer to a job from its rows' results."""
        raise NotImplementedError

    def step(self, works: Sequence[Work]) -> int:
        """Read one batch and return its number of rows.

        The batch takes a row of each job in turn, so that a long job delays nobody.
        """
        for work in works:
            if work.stop.is_set():
                work.end(Written("stopped"))
            elif work.number not in self._readings:
                with work.isolated():
                    rows = self.rows(work.job)
                    by_size = sorted(rows, key=lambda row: row.size)
                    self._readings[work.number] = _Reading(work, rows, deque(by_size))
        self._drop_ended()
        batch = self._batch()
        self._read(batch)
        self._drop_ended()
        for reading in self._readings.values():
            reading.report()
            if not reading.unread:
                with reading.work.isolated():
                    reading.work.end(self.answer(reading.work.job, reading.rows))
        self._drop_ended()
        return len(batch)

    def _drop_ended(self) -> None:
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
        """Compute the batch. After an error, compute each row alone, so that one bad text fails only its own job."""
        try:
            self._compute([row for _, row in batch])
        except Exception:  # noqa: BLE001 - the row that causes it raises it again below
            for reading, row in batch:
                if not reading.work.ended:
                    with reading.work.isolated():
                        self._compute([row])

    def _compute(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        padded = self.tokenizer.pad([row.inputs for row in rows], padding_side="right", return_tensors="pt")
        with self.computation():
            out = self.compute(padded.to(self.device))
        for row, result in zip(rows, out, strict=True):
            row.out = result[: row.size] if self.per_token else result

    per_token: ClassVar[bool] = False

    def compute(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return a result for each row, on the processor."""
        logits: torch.Tensor = self.network(**inputs).logits
        return logits.float().cpu()

    def windows(self, text: str, number: int, before: str = "", beside: Sequence[str] = ("",)) -> list[Row]:
        """Return the rows of a text's overlapping windows: each after `before`, and paired with each text of `beside`.

        The rows are grouped by the text beside them; `number` is the text's index. Raises InferenceError if too little
        room is left for the text.
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
        """Return the part of a text that fits the window, with the mark near its middle."""
        if not self.tokenizer.is_fast:
            return text
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        offsets = encoded["offset_mapping"]
        room = (self.context or _WINDOW) - self.tokenizer.num_special_tokens_to_add()
        if len(offsets) <= room:
            return text
        offset = text.index(mark)
        middle = next(number for number, span in enumerate(offsets) if span[0] <= offset < span[1])
        start = max(0, min(middle - room // 2, len(offsets) - room))
        return text[offsets[start][0] : offsets[start + room - 1][1]]

    def _size(self, text: str) -> int:
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"]) if text else 0

    def _pieces(self, text: str, room: int) -> list[tuple[str, int]]:
        """Return a text in overlapping pieces of at most `room` tokens, cut between words, with their tokens."""
        self._check(room)
        if not self.tokenizer.is_fast:
            return [(piece.text, token_weight(piece.text)) for piece in chunk_text(text, room, overlap=room // 8)] or [
                (text, 1)
            ]
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        offsets, words, overlap = encoded["offset_mapping"], encoded.word_ids(0), min(_OVERLAP, room // 4)
        if len(offsets) <= room:
            return [(text, max(1, len(offsets)))]
        pieces, start, end = [], 0, 0
        while end < len(offsets):
            end = _between(words, start + room, start + room // 2)
            pieces.append((text[offsets[start][0] : offsets[end - 1][1]], end - start))
            start = _between(words, end - overlap, start + 1)
        return pieces

    def _check(self, room: int) -> None:
        if room < _SMALLEST_ROOM:
            most = self.context or _WINDOW
            raise InferenceError(
                "failed",
                f"The question is too long: this model reads {most} tokens at once, with the text. Shorten it.",
            )

    def encoded(self, first: str, second: str | None = None, *, cut: bool = True) -> list[Row]:
        """Return a text, or a pair of texts, as rows: one row that is cut to the window, or overlapping windows.

        Of a pair only the second text is divided into windows. Raises InferenceError if too little room is left for it.
        """
        pair = second is not None
        most = self.context or _WINDOW
        room = most - self.tokenizer.num_special_tokens_to_add(pair=pair) - (self._size(first) if pair else 0)
        if not cut:
            self._check(room)
        encoded = self.tokenizer(
            first,
            second,
            truncation=("only_first" if cut or not pair else "only_second"),
            max_length=most,
            stride=0 if cut else min(_OVERLAP, room // 4),
            return_overflowing_tokens=not cut,
            return_offsets_mapping=self.tokenizer.is_fast,
        )
        names = [name for name in self.tokenizer.model_input_names if name in encoded]
        if not self.tokenizer.is_fast or cut:
            return [Row({name: list(encoded[name]) for name in names})]
        return [
            Row(
                {name: list(encoded[name][number]) for name in names},
                offsets=encoded["offset_mapping"][number],
                words=encoded.word_ids(number),
                second=encoded.sequence_ids(number),
            )
            for number in range(len(encoded["input_ids"]))
        ]


def pooled(results: torch.Tensor, rows: Sequence[Row]) -> torch.Tensor:
    """Return the mean of a text's windows, weighted by their tokens."""
    weights = torch.tensor([float(row.weight) for row in rows])
    mean: torch.Tensor = (results * weights[:, None]).sum(0) / weights.sum()
    return mean


def by_text(rows: Sequence[Row]) -> list[list[Row]]:
    """Group the rows by their text."""
    return [list(windows) for _, windows in groupby(rows, key=lambda row: row.text)]


def _between(words: Sequence[int | None], limit: int, least: int) -> int:
    """Return the last index up to `limit` that begins a word; `limit` itself if none is greater than `least`."""
    if limit >= len(words):
        return len(words)
    return next((index for index in range(limit, least, -1) if words[index] != words[index - 1]), limit)
