"""The time from the process's start to the platform's READY, and its memory then, without a local model."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.delay import CONFIG
from benchmarks.table import Row, percentile
from tests.fakes.discord import FakeDiscord
from tests.fakes.openai import FakeOpenAI

RUNS = 5
SETTLE_SECONDS = 2.0
"""The wait before the memory is read; the imports that continue after READY take less."""


async def start() -> tuple[float, float]:
    """Start the bot once; return the seconds until READY and the resident MB after SETTLE_SECONDS."""
    with tempfile.TemporaryDirectory() as folder:
        async with FakeDiscord() as platform, FakeOpenAI(key="") as model:
            config = Path(folder) / "config.toml"
            addresses = f'api_url = "{platform.api_url}"\ngateway_url = "{platform.gateway_url}"\n'
            config.write_text(CONFIG.format(folder=folder, model=model.base_url) + f"[discord]\n{addresses}")
            platform.add_guild("Team")
            started = time.perf_counter()
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "bot", "run", "--config", str(config)),
                env={**os.environ, "DISCORD_TOKEN": platform.token},
                stderr=asyncio.subprocess.DEVNULL,
            )
            await platform.connected()
            seconds = time.perf_counter() - started
            await asyncio.sleep(SETTLE_SECONDS)
            status = await asyncio.to_thread(Path(f"/proc/{child.pid}/status").read_text)
            resident = int(status.partition("VmRSS:")[2].split()[0]) / 1024
            child.terminate()
            await child.wait()
    return seconds, resident


async def measure() -> list[Row]:
    """Return the row with the medians of RUNS starts."""
    runs = [await start() for _ in range(RUNS)]
    seconds, resident = (percentile([run[index] for run in runs], 0.5) for index in (0, 1))
    return [Row("process start to connected, memory then", f"{seconds:.1f} s, {resident:.0f} MB", "—", "1.5 s, 120 MB")]
