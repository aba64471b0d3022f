"""Labels for texts: the model's own, or any by a model that knows what follows from what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from bot.inference.failures import Failure
from bot.inference.kinds import (
    Answer,
    Choose,
    Classify,
    Job,
    Label,
    Labels,
)
from bot.inference.models.reading import Reader, Row


class Classifier(Reader):
    """Sequence classification, and zero-shot by models that know what follows from what."""

    auto = "AutoModelForSequenceClassification"

    def rows(self, job: Job[Answer]) -> list[Row]:
        """One a text; to choose, one for each text with each label."""
        if isinstance(job, Choose):
            entailment(self.labels)
            pairs = [(text, job.hypothesis.replace("{}", label)) for text in job.texts for label in job.labels]
            return [row for text, hypothesis in pairs for row in self.encoded(text, hypothesis)]
        assert isinstance(job, Classify)
        return [row for text in job.texts for row in self.encoded(text)]

    def answer(self, job: Job[Answer], rows: Sequence[Row]) -> Answer:
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
        yes, no = entailment(self.labels)
        logits = torch.stack([row.result for row in rows])
        each, among = logits[:, [no, yes]].softmax(-1)[:, 1], logits[:, yes].softmax(-1)
        return ranked(each if job.several or len(rows) == 1 else among, dict(enumerate(job.labels)))


def entailment(labels: Mapping[int, str]) -> tuple[int, int]:
    """Which labels say that one text follows from another, and that it does not. Raises Failure where none does."""
    names = {name.lower(): number for number, name in labels.items()}
    yes = [number for name, number in names.items() if name.startswith("entail")]
    no = [number for name, number in names.items() if name.startswith(("contra", "not"))]
    if not yes or not no:
        made = ", ".join(labels.values())
        raise Failure("unsupported", f"This model knows only its own labels ({made}); others need one for NLI.")
    return yes[0], no[0]


def ranked(scores: torch.Tensor, names: Mapping[int, str]) -> tuple[Label, ...]:
    """Labels, the likeliest first."""
    order = scores.argsort(descending=True).tolist()
    return tuple(Label(names.get(number, str(number)), float(scores[number])) for number in order)
