"""Labels for texts: the model's own, or any by a model that knows what follows from what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from bot.inference.errors import InferenceError
from bot.inference.models.encoder import Encoder, Row, by_text, pooled
from bot.interfaces.jobs import Choose, Classify, Job, JobAnswer, Label, Labels


class TextClassifier(Encoder):
    """Sequence classification, and zero-shot by models that know what follows from what."""

    auto = "AutoModelForSequenceClassification"

    def rows(self, job: Job[JobAnswer]) -> list[Row]:
        """Windows of each text; to choose, each with each label."""
        assert isinstance(job, Choose | Classify)
        beside: tuple[str, ...] = ("",)
        if isinstance(job, Choose):
            entailment(self.labels)
            beside = tuple(job.hypothesis.replace("{}", label) for label in job.labels)
        return [row for number, text in enumerate(job.texts) for row in self.windows(text, number, beside=beside)]

    def answer(self, job: Job[JobAnswer], rows: Sequence[Row]) -> JobAnswer:
        """Labels with their scores."""
        assert isinstance(job, Choose | Classify)
        texts = by_text(rows)
        if isinstance(job, Choose):
            return Labels(tuple(self._chosen(job, text) for text in texts))
        return Labels(tuple(ranked(self._scores(text), self.labels) for text in texts))

    def _scores(self, rows: Sequence[Row]) -> torch.Tensor:
        logits = torch.stack([row.result for row in rows])
        several = self.network.config.problem_type == "multi_label_classification" or logits.shape[1] == 1
        return pooled(logits.sigmoid() if several else logits.softmax(-1), rows)

    def _chosen(self, job: Choose, rows: Sequence[Row]) -> tuple[Label, ...]:
        yes, no = entailment(self.labels)
        count = len(job.labels)
        logits = torch.stack([row.result for row in rows])
        logits = logits.reshape(count, -1, logits.shape[1]).transpose(0, 1)  # by window, then by label
        each, among = logits[..., [no, yes]].softmax(-1)[..., 1], logits[..., yes].softmax(-1)
        scores = pooled(each if job.several or count == 1 else among, rows[: len(logits)])
        return ranked(scores, dict(enumerate(job.labels)))


def entailment(labels: Mapping[int, str]) -> tuple[int, int]:
    """Which labels say that one text follows from another, and that it does not. Raises Failure where none does."""
    names = {name.lower(): number for number, name in labels.items()}
    yes = [number for name, number in names.items() if name.startswith("entail")]
    no = [number for name, number in names.items() if name.startswith(("contra", "not"))]
    if not yes or not no:
        made = ", ".join(labels.values())
        raise InferenceError("unsupported", f"This model knows only its own labels ({made}); others need one for NLI.")
    return yes[0], no[0]


def ranked(scores: torch.Tensor, names: Mapping[int, str]) -> tuple[Label, ...]:
    """Labels, the likeliest first."""
    order = scores.argsort(descending=True).tolist()
    return tuple(Label(names.get(number, str(number)), float(scores[number])) for number in order)
