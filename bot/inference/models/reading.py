"""Encoders: many short texts of several people are read in one batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch

from bot.inference.kinds import Answer, Job, Written
from bot.inference.lanes import Work
from bot.inference.models.loaded import Loaded

_ROWS = 16
"""So many texts are read at a time; more made it no faster."""

_TOKENS = 4096
"""And so many tokens, padding included."""

_MANY = 64
"""From so many texts on it is told how far the reading is."""

_OVERLAP = 64
"""Tokens that neighbouring windows of a long text share."""

_WINDOW = 512
"""Tokens of a window where the model states no limit."""


@dataclass(slots=True)
class Row:
    """One text, or window of one, for the network, and what the network made of it."""

    inputs: dict[str, list[int]]
    text: int = 0
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
    unread: deque[Row] = field(default_factory=deque)


class Reader(Loaded):
    """Does its jobs in rows. A subclass says what a job's rows are and what their results mean."""

    capacity = 64
    window = 0.004
    unit = "texts"

    def prepare(self) -> None:
        """What is worked out once."""
        self._readings: dict[int, _Reading] = {}
        for name, part in self.network.named_modules():
            if name.endswith("position_embeddings") and getattr(part, "padding_idx", None) is not None:
                self.context = min(
                    self.context, part.num_embeddings - part.padding_idx - 1
                )  # RoBERTa counts from there
        self.labels: dict[int, str] = dict(self.network.config.id2label or {})

    def rows(self, job: Job[Answer]) -> list[Row]:
        """What the network must read for a job."""
        raise NotImplementedError

    def answer(self, job: Job[Answer], rows: Sequence[Row]) -> Answer:
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
            if len(reading.rows) > _MANY:
                reading.work.tell(f"{len(reading.rows) - len(reading.unread)} of {len(reading.rows)} texts read")
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

    def encoded(self, first: str, second: str | None = None, *, cut: bool = True) -> list[Row]:
        """A text (with a second one) as a row, cut to the window, or as as many overlapping ones as it needs."""
        pair = second is not None
        most = self.context or _WINDOW
        given = self.tokenizer(
            _whole(first),
            _whole(second) if second is not None else None,
            truncation=("only_first" if cut or not pair else "only_second"),
            max_length=most,
            stride=0 if cut else min(_OVERLAP, most // 4),
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


def _whole(text: str) -> str:
    return text.encode(errors="replace").decode()
