"""Encoders: many short texts of several people are read in one batch."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import torch
from transformers import PreTrainedConfig

from bot.inference.failures import Failure
from bot.inference.kinds import (
    Answer,
    Choose,
    Classify,
    Embed,
    Entities,
    Entity,
    Extract,
    Fill,
    Filling,
    Fillings,
    Label,
    Labels,
    Span,
    Spans,
    Tag,
    Vectors,
    Written,
)
from bot.inference.lanes import Work
from bot.inference.models.loaded import Loaded

_ROWS = 16
"""So many texts are read at a time; more made it no faster."""

_TOKENS = 4096
"""And so many tokens, padding included."""

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
        self.labels: dict[int, str] = dict(self.network.config.id2label or {})

    def rows(self, job: Answer) -> list[Row]:
        """What the network must read for a job."""
        raise NotImplementedError

    def answer(self, job: Answer, rows: Sequence[Row]) -> Answer:
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
        self._readings = {number: reading for number, reading in self._readings.items() if not reading.work.ended}
        batch = self._batch()
        self._read(batch)
        for reading in self._readings.values():
            if not reading.unread and not reading.work.ended:
                with reading.work.failing_alone():
                    reading.work.end(self.answer(reading.work.job, reading.rows))
        self._readings = {number: reading for number, reading in self._readings.items() if not reading.work.ended}
        return len(batch)

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


class Classifier(Reader):
    """Sequence classification, and zero-shot by models that know what follows from what."""

    auto = "AutoModelForSequenceClassification"

    def rows(self, job: Answer) -> list[Row]:
        """One a text; to choose, one for each text with each label."""
        if isinstance(job, Choose):
            self._entailment()
            pairs = [(text, job.hypothesis.replace("{}", label)) for text in job.texts for label in job.labels]
            return [row for text, hypothesis in pairs for row in self.encoded(text, hypothesis)]
        assert isinstance(job, Classify)
        return [row for text in job.texts for row in self.encoded(text)]

    def answer(self, job: Answer, rows: Sequence[Row]) -> Answer:
        """Labels with their scores."""
        if isinstance(job, Choose):
            count = len(job.labels)
            chunks = [rows[start : start + count] for start in range(0, len(rows), count)] if count else []
            return Labels(tuple(self._chosen(job, chunk) for chunk in chunks))
        return Labels(tuple(ranked(self._scores(row.result), self.labels) for row in rows))

    def _scores(self, logits: torch.Tensor) -> torch.Tensor:
        several = self.network.config.problem_type == "multi_label_classification" or len(logits) == 1
        return logits.sigmoid() if several else logits.softmax(-1)

    def _chosen(self, job: Choose, rows: Sequence[Row]) -> tuple[Label, ...]:
        yes, no = self._entailment()
        logits = torch.stack([row.result for row in rows])
        if job.several or len(rows) == 1:
            scores = logits[:, [no, yes]].softmax(-1)[:, 1]
        else:
            scores = logits[:, yes].softmax(-1)
        return ranked(scores, dict(enumerate(job.labels)))

    def _entailment(self) -> tuple[int, int]:
        names = {name.lower(): number for number, name in self.labels.items()}
        yes = [number for name, number in names.items() if name.startswith("entail")]
        no = [number for name, number in names.items() if name.startswith(("contra", "not"))]
        if not yes or not no:
            made = ", ".join(self.labels.values())
            raise Failure("unsupported", f"This model knows only its own labels ({made}); others need one for NLI.")
        return yes[0], no[0]


def ranked(scores: torch.Tensor, names: Mapping[int, str]) -> tuple[Label, ...]:
    """Labels, the likeliest first."""
    order = scores.argsort(descending=True).tolist()
    return tuple(Label(names.get(number, str(number)), float(scores[number])) for number in order)


class Extractor(Reader):
    """Extractive question answering."""

    auto = "AutoModelForQuestionAnswering"
    per_token = True

    def compute(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """For each token whether an answer starts or ends there."""
        out = self.network(**inputs)
        return torch.stack([out.start_logits, out.end_logits], dim=-1).float().cpu()

    def rows(self, job: Answer) -> list[Row]:
        """The question with as much of the text as fits, again and again."""
        assert isinstance(job, Extract)
        if not self.tokenizer.is_fast:
            raise Failure("unsupported", "This model's tokenizer does not say where in the text a piece stands.")
        return self.encoded(job.question, job.text, cut=False)

    def answer(self, job: Answer, rows: Sequence[Row]) -> Answer:
        """The best spans of all windows, without those that overlap a better one."""
        assert isinstance(job, Extract)
        found = sorted((span for row in rows for span in _spans(row, job)), key=lambda span: -span.score)
        kept: list[Span] = []
        for span in found:
            if len(kept) < job.most and all(span.end <= other.start or span.start >= other.end for other in kept):
                kept.append(span)
        return Spans(tuple(kept), min(float(_chances(row)[0].prod()) for row in rows))


def _chances(row: Row) -> torch.Tensor:
    """How likely the answer starts and ends at each token; the first one stands for there being none."""
    outside = torch.tensor([part != 1 for part in row.second])
    outside[0] = False
    return row.result.masked_fill(outside[:, None], float("-inf")).softmax(0)


def _spans(row: Row, job: Extract) -> list[Span]:
    chances = _chances(row)
    inside = [number for number, part in enumerate(row.second) if part == 1]
    if not inside:
        return []
    first = inside[0]
    starts, ends = chances[inside, 0], chances[inside, 1]
    together = torch.triu(torch.outer(starts, ends)).tril(job.longest - 1)
    scores, numbers = together.flatten().topk(min(20, together.numel()))
    spans = []
    for score, number in zip(scores.tolist(), numbers.tolist(), strict=True):
        start, end = row.places[first + number // len(inside)][0], row.places[first + number % len(inside)][1]
        if score > 0 and job.text[start:end].strip():
            spans.append(Span(job.text[start:end], start, end, score))
    return spans


class Tagger(Reader):
    """Token classification: words are labelled as wholes, and neighbours of one kind become one entity."""

    auto = "AutoModelForTokenClassification"
    per_token = True

    def rows(self, job: Answer) -> list[Row]:
        """Overlapping windows of each text."""
        assert isinstance(job, Tag)
        if not self.tokenizer.is_fast:
            raise Failure("unsupported", "This model's tokenizer does not say where in the text a piece stands.")
        rows = []
        for number, text in enumerate(job.texts):
            for row in self.encoded(text, cut=False):
                row.text = number
                rows.append(row)
        return rows

    def answer(self, job: Answer, rows: Sequence[Row]) -> Answer:
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


class Filler(Reader):
    """Masked language models."""

    auto = "AutoModelForMaskedLM"
    per_token = True

    def rows(self, job: Answer) -> list[Row]:
        """The text with the model's own mark for the blank."""
        assert isinstance(job, Fill)
        mark = self.tokenizer.mask_token
        if not mark:
            raise Failure("unsupported", "This model has no mark for a blank: it was not trained to fill one.")
        if job.text.count(job.blank) != 1:
            raise Failure("failed", f"There must be one blank in the text, written {job.blank}.")
        (row,) = self.encoded(job.text.replace(job.blank, mark))
        if row.inputs["input_ids"].count(self.tokenizer.mask_token_id) != 1:
            raise Failure("context-too-long", f"The blank is beyond the {self.context} tokens that this model can read.")
        return [row]

    def answer(self, job: Answer, rows: Sequence[Row]) -> Answer:
        """Words with their scores."""
        assert isinstance(job, Fill)
        at = rows[0].inputs["input_ids"].index(self.tokenizer.mask_token_id)
        scores, ids = rows[0].result[at].softmax(-1).topk(job.most)
        words = [self.tokenizer.decode([number]).strip() for number in ids.tolist()]
        return Fillings(
            tuple(
                Filling(word, job.text.replace(job.blank, word), score)
                for word, score in zip(words, scores.tolist(), strict=True)
            )
        )


class Embedder(Reader):
    """Sentence embeddings, pooled as the makers' modules.json says; without one, the mean at length 1."""

    auto = "AutoModel"
    may_lack = ("pooler", "encoder.pooler", "bert.pooler")

    def prepare(self) -> None:
        """Read sentence-transformers' own files."""
        super().prepare()
        modules = [module["type"].rpartition(".")[2] for module in _json(self.folder / "modules.json", [])]
        unknown = set(modules) - {"Transformer", "Pooling", "Normalize"}
        if unknown:
            words = f"This model needs a step that is not supported: {', '.join(sorted(unknown))}."
            raise Failure("unsupported", words)
        self._normalise = "Normalize" in modules or not modules
        self._pooling = _pooling(self.folder)
        stated = _json(self.folder / "sentence_bert_config.json", {}).get("max_seq_length")
        self.context = min(filter(None, (stated, self.context)), default=0)
        prompts = _json(self.folder / "config_sentence_transformers.json", {})
        self._prompt: str = (prompts.get("prompts") or {}).get(prompts.get("default_prompt_name"), "")

    def rows(self, job: Answer) -> list[Row]:
        """One a text; what is longer than the window is cut."""
        assert isinstance(job, Embed)
        return [row for text in job.texts for row in self.encoded((job.prompt or self._prompt) + text)]

    def compute(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Each text's vector."""
        states = self.network(**inputs).last_hidden_state.float()
        mask = inputs["attention_mask"][..., None].float()
        if self._pooling == "cls":
            pooled = states[:, 0]
        elif self._pooling == "max":
            pooled = states.masked_fill(mask == 0, float("-inf")).amax(1)
        elif self._pooling == "lasttoken":
            pooled = states[torch.arange(len(states)), inputs["attention_mask"].sum(1) - 1]
        else:
            pooled = (states * mask).sum(1) / mask.sum(1)
        return (torch.nn.functional.normalize(pooled, dim=1) if self._normalise else pooled).cpu()

    def answer(self, job: Answer, rows: Sequence[Row]) -> Answer:
        """The vectors, raw."""
        if not rows:
            return Vectors(0, b"")
        together = torch.stack([row.result for row in rows])
        return Vectors(together.shape[1], together.contiguous().numpy().tobytes())


def _pooling(folder: Path) -> str:
    """How tokens become one vector. Raises Failure for ways that are not supported."""
    stated = _json(folder / "1_Pooling" / "config.json", {"pooling_mode": "mean"})
    modes = [stated["pooling_mode"]] if isinstance(stated.get("pooling_mode"), str) else []
    names = {"cls_token": "cls", "mean_tokens": "mean", "max_tokens": "max", "lasttoken": "lasttoken"}
    modes += [names.get(key[13:], key[13:]) for key, chosen in stated.items() if key[:13] == "pooling_mode_" and chosen]
    if len(modes) != 1 or modes[0] not in names.values():
        raise Failure("unsupported", f"This model pools its tokens in a way that is not supported: {', '.join(modes)}.")
    return modes[0]


def _json(path: Path, absent: object) -> PreTrainedConfig:
    return json.loads(path.read_text()) if path.exists() else absent
