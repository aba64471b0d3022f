"""Tasks through the real models' process: each skill has a small checkpoint of random weights."""

from __future__ import annotations

import asyncio
import io
import math
import struct
import subprocess
import sys
import wave
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.app import make_backends
from bot.config import load
from bot.interfaces.database import Database
from bot.interfaces.messages import Attachment
from tests.core.world import ANN, CHANNEL, CONFIG, World

pytestmark = pytest.mark.timeout(240)

CHECKPOINTS = {
    "gpt2": "write",
    "t5": "rewrite",
    "distilbert": "classify",
    "distilbert_answers": "extract",
    "bert_entities": "tag",
    "bert": "fill",
    "bert_embeddings": "embed",
    "whisper": "transcribe",
    "vits": "speak",
    "vit": "classify-picture",
    "detr": "detect",
    "llava": "describe",
}

ASKED: Mapping[str, tuple[Mapping[str, str], str]] = {
    "complete": ({"text": "Ann met Bob", "length": "8"}, ""),
    "summarise": ({"text": "Ann met Bob in Paris on Monday, and both of them sang."}, ""),
    "translate": ({"text": "Ann met Bob.\n\nThey sang.", "to": "German"}, ""),
    "sentiment": ({"text": "Ann met Bob in Paris."}, ""),
    "classify": ({"text": "Ann met Bob in Paris."}, ""),
    "rewrite": ({"how": "Shorter", "text": "Ann met Bob in Paris."}, ""),
    "run": ({"model": "vit", "pipeline": "image-classification"}, "picture.png"),
    "answer": ({"question": "Who sang in Paris?", "text": "Ann met Bob in Paris, and both of them sang."}, ""),
    "entities": ({"text": "Ann met Bob in Paris."}, ""),
    "fill": ({"text": "Ann ___ Bob."}, ""),
    "similar": ({"one": "a cat sat", "text": "a dog sat"}, ""),
    "tokens": ({"text": "Ann met Bob", "model": "gpt2"}, ""),
    "transcribe": ({"timestamps": "yes"}, "tone.wav"),
    "speak": ({"text": "Ann met Bob."}, ""),
    "classify-image": ({}, "picture.png"),
    "detect": ({"surety": "0"}, "picture.png"),
    "describe": ({}, "picture.png"),
    "ask-image": ({"question": "Who is it?"}, "picture.png"),
}


def tone(seconds: float, rate: int = 16_000) -> bytes:
    """Return a WAV file with one note."""
    written = io.BytesIO()
    with wave.open(written, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        count = int(seconds * rate)
        sound.writeframes(struct.pack(f"<{count}h", *(int(9_000 * math.sin(n / 6)) for n in range(count))))
    return written.getvalue()


def make(folder: Path) -> None:
    """Return the checkpoints, made in a process that may import torch."""
    command = [sys.executable, "-m", "tests.inference.tiny_families", str(folder), *CHECKPOINTS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def test_every_task_through_the_models_process(store: Database, tmp_path: Path) -> None:
    await asyncio.to_thread(make, tmp_path)
    tables = "".join(
        f'[models.{name}]\nbackend = "local"\nmodel = "{tmp_path / name}"\nskill = "{skill}"\nthreads = 1\n'
        for name, skill in CHECKPOINTS.items()
    )
    path = tmp_path / "config.toml"
    await asyncio.to_thread(path.write_text, CONFIG + tables)
    world = World(store, await asyncio.to_thread(load, path, {}))
    made = await asyncio.to_thread(make_backends, world.config)
    world.backends |= {name: made[name] for name in CHECKPOINTS}
    world.adapter.files = {"tone.wav": tone(2), "picture.png": (tmp_path / "picture.png").read_bytes()}
    await world.start()
    await world.queue.recover("discord")
    try:
        for name, (arguments, file) in ASKED.items():
            more: Mapping[str, object] = {
                "command": name,
                "arguments": {**arguments, "with": "local"},
                "attachments": (Attachment(file),) if file else (),
            }
            answer = (await world.say("", CHANNEL, ANN, message="", **more)).answers[-1]
            assert answer.text or answer.files, f"{name}: {answer.notes}"
            assert any("this machine" in note for note in answer.notes), f"{name}: {answer.notes}"
    finally:
        await world.queue.aclose(0)
        for backend in made.values():
            await backend.aclose()
