"""Comparison of the beginnings of texts and of other sequences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile


def common_prefix(*sequences: Sequence[str | int]) -> int:
    """Return the number of items at the beginning that all sequences share."""
    return sum(1 for _ in takewhile(lambda items: len(set(items)) == 1, zip(*sequences, strict=False)))
