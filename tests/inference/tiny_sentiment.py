"""Classify lines by the bundled head and the real encoder: `python -m tests.inference.tiny_sentiment`.

It reads a JSON list of texts and prints the labels' names with their scores. Run as its own process, so that torch
stays out of the tests'.
"""

from __future__ import annotations

import json
import sys

import torch
from transformers import AutoModel

from bot.inference import bundled
from bot.inference.models.base import SAFE
from bot.inference.models.embedding_head import SentimentClassifier
from bot.inference.protocol import ModelSource
from bot.interfaces.jobs import Classify, Labels


def main() -> None:
    weights = bundled.weights(bundled.BUNDLED["minilm"])
    assert weights
    network = AutoModel.from_pretrained(weights.parent, dtype=torch.float32, **SAFE).eval()
    classifier = SentimentClassifier(ModelSource("bundled:minilm", threads=1), weights.parent, network)
    job = Classify(tuple(json.load(sys.stdin)))
    rows = classifier.rows(job)
    for row in rows:
        classifier._compute([row])
    labels = classifier.answer(job, rows)
    assert isinstance(labels, Labels)
    print(json.dumps([[(label.name, label.score) for label in row] for row in labels.rows]))


if __name__ == "__main__":
    main()
