"""How much memory models may take, and giving it back. Asks torch only where it is at work already."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path

SHARE = 0.6
"""Of a device's memory, for models, where nobody said how much."""


def limit(wanted: int, device: str) -> int:
    """How many bytes models may take on a device; `wanted` 0 leaves it to us."""
    if wanted:
        return wanted
    torch = sys.modules.get("torch")
    whole = torch.cuda.mem_get_info()[1] if torch and device == "cuda" else _machine()
    return int(whole * SHARE)


def _machine() -> int:
    """What this machine has, or this container."""
    import psutil  # arrives with the models

    whole = int(psutil.virtual_memory().total)
    try:
        return min(whole, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):
        return whole


def release() -> None:
    """Give back what was freed, to the system too."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_available():
        torch.cuda.empty_cache()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim:
        trim(0)
