"""The benchmarks still do what they measure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FEW = """
import asyncio
from benchmarks import tokens
tokens.STREAMS, tokens.SHORT, tokens.LONG, tokens.PAUSE = 30, 2, 4, 0.001
print(*asyncio.run(tokens.measure()))
"""


def test_streams_of_many_people_are_answered_to_their_end() -> None:
    """In a process of its own: nothing watches there for what blocks a loop."""
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", FEW], cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("| CPU per streamed token, 30 streams"), done.stderr
