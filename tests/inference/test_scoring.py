"""Continuations that are scored together, against the same ones scored one by one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXACT = 1e-3


@pytest.fixture(scope="module")
def report() -> dict[str, object]:
    command = [sys.executable, "-m", "tests.inference.tiny_scoring"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return read


def _differences(found: object) -> dict[str, float]:
    assert isinstance(found, dict)
    return found


def test_scores_together_are_those_alone(report: dict[str, object]) -> None:
    differences = _differences(report["float32"])
    assert len(differences) == 4
    assert all(difference < EXACT for difference in differences.values()), differences


def test_little_memory_changes_no_score(report: dict[str, object]) -> None:
    differences = _differences(report["little memory"])
    assert all(difference < EXACT for difference in differences.values()), differences


def test_int8_weights_change_scores_little(report: dict[str, object]) -> None:
    difference = report["int8"]
    assert isinstance(difference, float)
    assert 0 < difference < 0.3


def test_the_prefix_is_read_once(report: dict[str, object]) -> None:
    """In two chunks; without memory each of the four continuations that are longer than a token has its own pass."""
    assert report["passes"] == [3, 6]


def test_next_token_scores_agree_with_continuations(report: dict[str, object]) -> None:
    assert report["next"] is True


def test_words_begin_with_a_space_and_have_letters(report: dict[str, object]) -> None:
    assert report["words"] == [["12", "cat"], ["Cat"]]
