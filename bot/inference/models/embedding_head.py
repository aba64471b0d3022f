"""Labels for texts by a small linear layer over sentence embeddings; the encoder below it is not changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open

from bot.inference.errors import InferenceError
from bot.inference.models.encoder import Row, by_text, pooled
from bot.inference.models.sentence_embedding import SentenceEmbedder
from bot.inference.models.text_classification import ranked
from bot.interfaces.jobs import Classify, Job, JobAnswer, Label, Labels

HEADS = Path(__file__).parents[1] / "heads"
"""The heads that arrive with the program, each with its model card."""


@dataclass(frozen=True, slots=True)
class EmbeddingHead:
    """A linear layer: `weight` shaped (labels, dimensions) and `bias` (labels), both float32."""

    labels: tuple[str, ...]
    weight: torch.Tensor
    bias: torch.Tensor

    def scores(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return probabilities (texts, labels) for vectors of length 1 (texts, dimensions)."""
        return (vectors @ self.weight.T + self.bias).softmax(-1)


def read_head(name: str) -> EmbeddingHead:
    """Read a head by its name. Raises InferenceError where there is none."""
    path = HEADS / f"{name}.safetensors"
    if not path.is_file():
        raise InferenceError("no-such-model", f"There is no head named {name}.")
    with safe_open(path, framework="pt") as file:
        labels = tuple(file.metadata()["labels"].split(","))
        return EmbeddingHead(labels, file.get_tensor("weight"), file.get_tensor("bias"))


class EmbeddingClassifier(SentenceEmbedder):
    """A sentence embedder with a head. `head` names it; a subclass sets it."""

    head: str

    def prepare(self) -> None:
        """Read the head beside the embedder's own files."""
        super().prepare()
        self._head = read_head(self.head)

    def rows(self, job: Job[JobAnswer]) -> list[Row]:
        """Return the windows of each text. Raises InferenceError for labels of somebody's own."""
        if not isinstance(job, Classify):
            own = ", ".join(self._head.labels)
            raise InferenceError(
                "unsupported", f"This model knows only its own labels ({own}); other labels need an NLI model."
            )
        return [row for number, text in enumerate(job.texts) for row in self.windows(text, number)]

    def answer(self, job: Job[JobAnswer], rows: Sequence[Row]) -> JobAnswer:
        """Return labels with their scores: the mean over a text's windows, longer ones counting more."""
        return Labels(tuple(self._labels(windows) for windows in by_text(rows)))

    def _labels(self, windows: Sequence[Row]) -> tuple[Label, ...]:
        vectors = torch.nn.functional.normalize(torch.stack([row.result for row in windows]), dim=1)
        return ranked(pooled(self._head.scores(vectors), windows), dict(enumerate(self._head.labels)))


class SentimentClassifier(EmbeddingClassifier):
    """positive, negative or neutral, by all-MiniLM-L6-v2."""

    head = "sentiment"
