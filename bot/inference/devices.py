"""Where a model runs and in which numbers: what this machine has, and what was measured to be fastest on it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache

import torch

from bot.inference.errors import InferenceError
from bot.inference.protocol import ModelSource
from bot.inference.quantization import Int8Linear

_WORTH_IT = 1.2
"""How much faster int8 must be to be chosen: it is a little less exact."""

_NAMES = {"cuda": "CUDA device", "mps": "Apple GPU"}


def device(source: ModelSource) -> str:
    """The device for a model. Raises Failure where there is none of the kind that was asked for."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if source.device == "auto":
        return next(name for name, present in there.items() if present)
    if not there[source.device]:
        words = f"PyTorch finds no {_NAMES[source.device]} on this machine"
        raise InferenceError("unsupported", f'{words}: set device = "cpu" or "auto" for this model.')
    return source.device


def threads(source: ModelSource) -> int:
    """Threads for one model: half of the processor's cores, because the bot and other models need some too."""
    return source.threads or max(1, (os.cpu_count() or 1) // 2)


def int8(source: ModelSource, place: str) -> bool:
    """Whether the weights are to be kept in 8 bits. Raises Failure where that cannot be."""
    if source.quantise == "auto":
        return place == "cpu" and source.dtype == "auto" and int8_is_faster()
    if source.quantise == "int8" and place != "cpu":
        raise InferenceError(
            "unsupported", f'int8 weights run on the processor alone: set device = "cpu", or no int8 on {place}.'
        )
    if source.quantise == "int8" and source.dtype not in ("auto", "float32"):
        raise InferenceError("unsupported", f'int8 weights go with dtype = "float32", not with {source.dtype}.')
    return source.quantise == "int8"


def dtype(source: ModelSource, place: str) -> torch.dtype | str:
    """The type of a model's numbers: float32 on the processor, on accelerators what the file has."""
    if source.dtype != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[source.dtype]
    return torch.float32 if place == "cpu" else "auto"


@cache
def int8_is_faster() -> bool:
    """Measured here and now, in some milliseconds: it hangs on what the processor can multiply."""
    with torch.inference_mode():
        plain = torch.nn.Linear(576, 1536, bias=False)
        small = Int8Linear(plain)
        texts = [torch.randn(rows, 576) for rows in (1, 8, 64)]
        return _seconds(lambda: [plain(text) for text in texts]) > _WORTH_IT * _seconds(
            lambda: [small(text) for text in texts]
        )


def _seconds(work: Callable[[], object]) -> float:
    """The shortest of a few runs: what else the machine did is left out."""
    times = []
    for _ in range(6):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)
