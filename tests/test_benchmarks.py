"""A benchmark of streams runs to its end."""

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


def test_the_token_benchmark_answers_every_stream() -> None:
    # in a process of its own, because blockbuster's checks would count as the bot's CPU time
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", FEW], cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("| CPU per streamed token, 30 streams"), done.stderr
