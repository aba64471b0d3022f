"""A few threads for work that takes a moment: others than those that files and databases are waited for in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 2
"""Threads; more would only take the processor from each other."""

_THREADS = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="work")


async def in_thread(call: Callable[[], T]) -> T:
    """What a call makes, once a thread is free. The call takes a second at most: cancelled, it is not waited for."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, call)
