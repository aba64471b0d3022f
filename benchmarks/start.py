"""From the start of the process to the platform's READY, and how much memory it takes then; no local model."""

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
"""What is loaded behind the start has been loaded after this."""


async def start() -> tuple[float, float]:
    """Seconds until connected, and MB resident after a little while."""
    with tempfile.TemporaryDirectory() as folder:
        async with FakeDiscord() as platform, FakeOpenAI(key="") as model:
            config = Path(folder) / "config.toml"
            addresses = f'api_url = "{platform.api_url}"\ngateway_url = "{platform.gateway_url}"\n'
            config.write_text(CONFIG.format(folder=folder, model=model.base_url) + f"[discord]\n{addresses}")
            platform.add_guild("Team")
            began = time.perf_counter()
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "bot", "run", "--config", str(config)),
                env={**os.environ, "DISCORD_TOKEN": platform.token},
                stderr=asyncio.subprocess.DEVNULL,
            )
            await platform.connected()
            took = time.perf_counter() - began
            await asyncio.sleep(SETTLE_SECONDS)
            status = await asyncio.to_thread(Path(f"/proc/{child.pid}/status").read_text)
            resident = int(status.partition("VmRSS:")[2].split()[0]) / 1024
            child.terminate()
            await child.wait()
    return took, resident


async def measure() -> list[Row]:
    """The median of a few starts."""
    runs = [await start() for _ in range(RUNS)]
    took, resident = (percentile([run[index] for run in runs], 0.5) for index in (0, 1))
    return [Row("process start to connected, memory then", f"{took:.1f} s, {resident:.0f} MB", "—", "1.5 s, 120 MB")]
