"""A fake model server in a process of its own, so that its work does not count as the bot's.

async with model_server(tokens, pause) as base_url: …
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tests.fakes.openai import Answer, FakeOpenAI


@asynccontextmanager
async def model_server(tokens: int, pause: float) -> AsyncGenerator[str, None]:
    """Start a server whose answers have `tokens` tokens, one every `pause` seconds; yield its base URL."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.model_server",
        str(tokens),
        str(pause),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout
    assert child.stdin
    try:
        yield (await child.stdout.readline()).decode().strip()
    finally:
        child.stdin.close()
        await child.wait()


async def serve(tokens: int, pause: float) -> None:
    """Print the server's base URL, then serve until stdin closes."""
    async with FakeOpenAI(key="") as server:
        server.answer = lambda _body: Answer([" word"] * tokens, pause=pause)
        print(server.base_url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
