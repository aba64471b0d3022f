"""Classification of texts with the model's own labels or, by models for natural language inference, with any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from bot.inference.errors import InferenceError
from bot.inference.models.encoder import Encoder, Row, by_text, pooled
from bot.interfaces.jobs import Choose, Classify, Job, JobAnswer, Label, Labels


class TextClassifier(Encoder):
    """A model for sequence classification; one trained for natural language inference (NLI) is also zero-shot."""

    auto = "AutoModelForSequenceClassification"

    def rows(self, job: Job[JobAnswer]) -> list[Row]:
        """Return the windows of each text; for Choose, each with each label's hypothesis. Raises InferenceError."""
        assert isinstance(job, Choose | Classify)
        beside: tuple[str, ...] = ("",)
        if isinstance(job, Choose):
            entailment(self.labels)
            beside = tuple(job.hypothesis.replace("{}", label) for label in job.labels)
        return [row for number, text in enumerate(job.texts) for row in self.windows(text, number, beside=beside)]

    def answer(self, job: Job[JobAnswer], rows: Sequence[Row]) -> JobAnswer:
        """Return the labels of each text with their scores."""
        assert isinstance(job, Choose | Classify)
        texts = by_text(rows)
        if isinstance(job, Choose):
            return Labels(tuple(self._choose(job, text) for text in texts))
        return Labels(tuple(ranked(self._scores(text), self.labels) for text in texts))

    def _scores(self, rows: Sequence[Row]) -> torch.Tensor:
        logits = torch.stack([row.result for row in rows])
        several = self.network.config.problem_type == "multi_label_classification" or logits.shape[1] == 1
        return pooled(logits.sigmoid() if several else logits.softmax(-1), rows)

    def _choose(self, job: Choose, rows: Sequence[Row]) -> tuple[Label, ...]:
        """Score each label by its hypothesis: alone against its contradiction, or against the other labels."""
        yes, no = entailment(self.labels)
        count = len(job.labels)
        logits = torch.stack([row.result for row in rows])
        logits = logits.reshape(count, -1, logits.shape[1]).transpose(0, 1)  # by window, then by label
        each, among = logits[..., [no, yes]].softmax(-1)[..., 1], logits[..., yes].softmax(-1)
        scores = pooled(each if job.several or count == 1 else among, rows[: len(logits)])
        return ranked(scores, dict(enumerate(job.labels)))


def entailment(labels: Mapping[int, str]) -> tuple[int, int]:
    """Return the indices of the labels for entailment and for its opposite. Raises InferenceError without them."""
    names = {name.lower(): number for number, name in labels.items()}
    yes = [number for name, number in names.items() if name.startswith("entail")]
    no = [number for name, number in names.items() if name.startswith(("contra", "not"))]
    if not yes or not no:
        own = ", ".join(labels.values())
        raise InferenceError(
            "unsupported", f"This model knows only its own labels ({own}); other labels need an NLI model."
        )
    return yes[0], no[0]


def ranked(scores: torch.Tensor, names: Mapping[int, str]) -> tuple[Label, ...]:
    """Return the labels in falling order of score."""
    order = scores.argsort(descending=True).tolist()
    return tuple(Label(names.get(number, str(number)), float(scores[number])) for number in order)
