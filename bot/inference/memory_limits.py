"""Limits of the memory for models, and the release of freed memory. Uses torch only if it is imported already."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path

SHARE = 0.6
"""Default share of a device's memory for models."""


def limit(setting: int, device: str) -> int:
    """Return the bytes that models may take on a device: the operator's `setting`, or a share for 0."""
    if setting:
        return setting
    torch = sys.modules.get("torch")
    total = torch.cuda.mem_get_info()[1] if torch and device == "cuda" else _total()
    return int(total * SHARE)


def _total() -> int:
    """Return the bytes of this machine's memory, or of this container's limit."""
    import psutil  # an optional package, installed with the others for local models

    total = int(psutil.virtual_memory().total)
    try:
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):
        return total


def release() -> None:
    """Return freed memory to the device and to the operating system."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_available():
        torch.cuda.empty_cache()
    # glibc keeps freed memory for later use, and malloc_trim makes it return all of it
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim:
        trim(0)
