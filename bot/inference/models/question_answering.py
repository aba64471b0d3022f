"""Extractive question answering: where in a text, of any length, the answer stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from bot.inference.errors import InferenceError
from bot.inference.models.encoder import Encoder, Row
from bot.interfaces.jobs import Extract, Job, JobAnswer, Span, Spans


class QuestionAnswerer(Encoder):
    """Extractive question answering."""

    auto = "AutoModelForQuestionAnswering"
    per_token = True

    def compute(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """For each token whether an answer starts or ends there."""
        out = self.network(**inputs)
        return torch.stack([out.start_logits, out.end_logits], dim=-1).float().cpu()

    def rows(self, job: Job[JobAnswer]) -> list[Row]:
        """The question with as much of the text as fits, again and again."""
        assert isinstance(job, Extract)
        if not self.tokenizer.is_fast:
            raise InferenceError("unsupported", "This model's tokenizer does not say where in the text a piece stands.")
        return self.encoded(job.question, job.text, cut=False)

    def answer(self, job: Job[JobAnswer], rows: Sequence[Row]) -> JobAnswer:
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
