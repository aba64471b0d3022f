"""Choice of a model's device and type of numbers, by the machine's hardware and a measurement."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache

import torch

from bot.inference.errors import InferenceError
from bot.inference.protocol import ModelSource
from bot.inference.quantization import Int8Linear

_LEAST_SPEEDUP = 1.2
"""Least ratio of times at which int8 is chosen, because it is a little less exact."""

_NAMES = {"cuda": "CUDA device", "mps": "Apple GPU"}


def device(source: ModelSource) -> str:
    """Return the device for a model: "cuda", "mps" or "cpu". Raises InferenceError for one that is not there."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if source.device == "auto":
        return next(name for name, present in available.items() if present)
    if not available[source.device]:
        message = f"PyTorch finds no {_NAMES[source.device]} on this machine"
        raise InferenceError("unsupported", f'{message}: set device = "cpu" or "auto" for this model.')
    return source.device


def threads(source: ModelSource) -> int:
    """Return the threads for one model. The default is half of the cores: the bot and other models need some too."""
    return source.threads or max(1, (os.cpu_count() or 1) // 2)


def int8(source: ModelSource, device: str) -> bool:
    """Return True for weights that are kept in 8 bits. Raises InferenceError if the device or dtype forbids that."""
    if source.quantise == "auto":
        return device == "cpu" and source.dtype == "auto" and int8_is_faster()
    if source.quantise == "int8" and device != "cpu":
        raise InferenceError(
            "unsupported", f'int8 weights run only on the processor: set device = "cpu", or remove int8 for {device}.'
        )
    if source.quantise == "int8" and source.dtype not in ("auto", "float32"):
        raise InferenceError("unsupported", f'int8 weights need dtype = "float32"; this model has {source.dtype}.')
    return source.quantise == "int8"


def dtype(source: ModelSource, device: str) -> torch.dtype | str:
    """Return the type of a model's numbers: float32 on the processor, on accelerators "auto", the file's own."""
    if source.dtype != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[source.dtype]
    return torch.float32 if device == "cpu" else "auto"


@cache
def int8_is_faster() -> bool:
    """Measure for some milliseconds if int8 is faster here: that depends on the processor's instructions."""
    with torch.inference_mode():
        plain = torch.nn.Linear(576, 1536, bias=False)
        small = Int8Linear(plain)
        texts = [torch.randn(rows, 576) for rows in (1, 8, 64)]
        return _seconds(lambda: [plain(text) for text in texts]) > _LEAST_SPEEDUP * _seconds(
            lambda: [small(text) for text in texts]
        )


def _seconds(work: Callable[[], object]) -> float:
    """Return the shortest time of a few runs, which other work on the machine disturbed least."""
    times = []
    for _ in range(6):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
