"""A few threads for short computations, apart from asyncio's own threads, in which files and databases block."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 2
"""Number of threads; more would only compete for the processor."""

_THREADS = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="work")


async def in_thread(call: Callable[[], T]) -> T:
    """Run a call in a free thread and return its result. The call should take at most a second.

    Cancelling the caller does not stop the call: its thread stays busy until the call returns.
    """
    return await asyncio.get_running_loop().run_in_executor(_THREADS, call)
