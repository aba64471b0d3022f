"""Extractive question answering: find the answer's words in a text of any length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from bot.inference.errors import InferenceError
from bot.inference.models.encoder import Encoder, Row
from bot.interfaces.jobs import Extract, Job, JobAnswer, Span, Spans


class QuestionAnswerer(Encoder):
    """A model for extractive question answering."""

    auto = "AutoModelForQuestionAnswering"
    per_token = True

    def compute(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return for each token the logits of an answer that starts and of one that ends there."""
        out = self.network(**inputs)
        return torch.stack([out.start_logits, out.end_logits], dim=-1).float().cpu()

    def rows(self, job: Job[JobAnswer]) -> list[Row]:
        """Return the overlapping windows of the text, each with the question. Raises InferenceError."""
        assert isinstance(job, Extract)
        if not self.tokenizer.is_fast:
            raise InferenceError("unsupported", "This model's tokenizer does not report positions in the text.")
        return self.encoded(job.question, job.text, cut=False)

    def answer(self, job: Job[JobAnswer], rows: Sequence[Row]) -> JobAnswer:
        """Return the best spans of all windows, without those that overlap a better one."""
        assert isinstance(job, Extract)
        candidates = sorted((span for row in rows for span in _spans(row, job)), key=lambda span: -span.score)
        best: list[Span] = []
        for span in candidates:
            if len(best) < job.most and all(span.end <= other.start or span.start >= other.end for other in best):
                best.append(span)
        # the text has no answer only if none of its windows has one
        return Spans(tuple(best), min(float(_probabilities(row)[0].prod()) for row in rows))


def _probabilities(row: Row) -> torch.Tensor:
    """Return the probabilities of a start and an end at each token; those of the first token mean "no answer"."""
    outside = torch.tensor([part != 1 for part in row.second])
    outside[0] = False
    return row.result.masked_fill(outside[:, None], float("-inf")).softmax(0)


def _spans(row: Row, job: Extract) -> list[Span]:
    """Return the best spans of a window that start before they end and have at most `job.longest` tokens."""
    probabilities = _probabilities(row)
    inside = [number for number, part in enumerate(row.second) if part == 1]
    if not inside:
        return []
    first = inside[0]
    starts, ends = probabilities[inside, 0], probabilities[inside, 1]
    products = torch.triu(torch.outer(starts, ends)).tril(job.longest - 1)
    scores, numbers = products.flatten().topk(min(20, products.numel()))
    spans = []
    for score, number in zip(scores.tolist(), numbers.tolist(), strict=True):
        start, end = row.offsets[first + number // len(inside)][0], row.offsets[first + number % len(inside)][1]
        if score > 0 and job.text[start:end].strip():
            spans.append(Span(job.text[start:end], start, end, score))
    return spans
