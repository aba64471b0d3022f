"""A real `transformers serve` with SmolLM2 on one side, the bot's OpenAI backend on the other."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from bot.app import make_backends
from bot.backends.openai.chat import OpenAIBackend
from bot.config import load
from bot.inference.bundled import BUNDLED, complete, folder
from bot.interfaces.errors import Refused
from bot.interfaces.prompts import Sampling, Utterance
from bot.interfaces.replies import Done, Text

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data"
"""Folder of the unpacked model, shared with `make chat`, because unpacking takes half a minute."""

SERVE = "from transformers.cli.transformers import main; main()"
LISTENS = re.compile(rb"running on (http://127\.0\.0\.1:\d+)")


@dataclass(frozen=True, slots=True)
class Served:
    """The served model and its address."""

    model: str
    base_url: str

    def config(self, tmp_path: Path, more: str = "") -> Path:
        """Write a configuration with this model as its only one."""
        path = tmp_path / "config.toml"
        path.write_text(
            f'[bot]\ndata = "{tmp_path}"\n[models.m]\nbackend = "openai"\npreset = "transformers"\n'
            f'model = "{self.model}"\nbase_url = "{self.base_url}"\ntemperature = 0.0\n{more}\n'
        )
        return path


async def unpacked(tmp_path: Path) -> Path:
    """Return the folder of the unpacked SmolLM2."""
    model = BUNDLED["smollm2"]
    path = folder(model, DATA / "models")
    if not complete(path):
        config = tmp_path / "config.toml"
        config.write_text(f'[bot]\ndata = "{DATA}"\n[models.m]\nbackend = "local"\nmodel = "bundled:{model.name}"\n')
        backend = make_backends(await asyncio.to_thread(load, config, os.environ))["m"]
        await backend.prepare()
        await backend.aclose()
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    tmp_path = tmp_path_factory.mktemp("serve")
    model = str(await unpacked(tmp_path))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVE, "serve", model, "--host", "127.0.0.1", "--port", "0"),
        *("--device", "cpu", "--dtype", "float32"),
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        base_url, draining = await listening(process)
        yield Served(model, base_url)
    finally:
        process.kill()
        await process.wait()
    await draining


async def listening(process: asyncio.subprocess.Process) -> tuple[str, asyncio.Task[bytes]]:
    """Return the server's address once it prints it. All other output is read too, or the server would block."""
    assert process.stderr
    said = b""
    while not (listens := LISTENS.search(said)):
        line = await process.stderr.readline()
        assert line, f"it ended: {said.decode()}"
        said += line
    return f"{listens[1].decode()}/v1", asyncio.create_task(process.stderr.read())


@pytest_asyncio.fixture(loop_scope="module")
async def backend(served: Served, tmp_path: Path) -> AsyncGenerator[OpenAIBackend]:
    config = await asyncio.to_thread(load, served.config(tmp_path), {})
    made = make_backends(config)["m"]
    assert isinstance(made, OpenAIBackend)
    yield made
    await made.aclose()


async def ask(backend: OpenAIBackend, text: str, most: int) -> tuple[list[str], Done]:
    prompt = (Utterance("system", "You are a helpful assistant."), Utterance("user", text))
    async with aclosing(backend.stream(prompt, Sampling(max_tokens=most))) as pieces:
        got = [piece async for piece in pieces]
    assert isinstance(got[-1], Done)
    return [piece.text for piece in got if isinstance(piece, Text)], got[-1]


async def test_the_terminal_talks_with_it(served: Served, tmp_path: Path) -> None:
    config = served.config(tmp_path, "max_tokens = 24")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "chat", "--config", str(config)),
        cwd=ROOT,
        env=environ,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(b"What is the capital of France?\n/models\n")
    assert process.returncode == 0, errors.decode()
    assert re.search(r"\w+ \w+", output.decode().partition("**m**")[0]), "an answer of several words"
    assert "127.0.0.1" in output.decode()


async def test_it_streams_with_usage_and_limit(backend: OpenAIBackend) -> None:
    pieces, done = await ask(backend, "List three fruits.", 12)
    assert len(pieces) > 2
    assert (done.reason, done.usage.completion_tokens) == ("length", 12)
    assert done.usage.prompt_tokens > 10


async def test_closing_a_stream_frees_the_server(backend: OpenAIBackend) -> None:
    prompt = (Utterance("user", "Write a long story."),)
    async with aclosing(backend.stream(prompt, Sampling(max_tokens=2_000))) as pieces:
        async for piece in pieces:
            if isinstance(piece, Text):
                break
    async with asyncio.timeout(30):  # the whole story would take two minutes
        assert (await ask(backend, "Say hello.", 4))[0]


async def test_what_it_does_not_have_is_said(backend: OpenAIBackend, served: Served, tmp_path: Path) -> None:
    assert "which does not list this model" in await backend.check()
    with pytest.raises(Refused, match="cannot use it for this"):
        await backend.embed(["a"])
    stranger = Served("another", served.base_url)
    made = make_backends(await asyncio.to_thread(load, stranger.config(tmp_path), {}))["m"]
    with pytest.raises(Refused, match="Server is pinned to"):
        await anext(made.stream((Utterance("user", "Hi"),), Sampling()))
    await made.aclose()
