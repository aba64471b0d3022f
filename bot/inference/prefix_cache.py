"""What a network computed for the latest prompts: a conversation's next question reads only what is new."""

from __future__ import annotations

from collections.abc import Sequence

from transformers.cache_utils import DynamicCache

from bot.inference import kv_cache

_LEAST_SHARE = 0.5
"""A memory goes only to a prompt that goes on with most of it: else it may still serve its own conversation."""


class PrefixCache:
    """At most `most` memories and `size` bytes: the ids that each has read, and the network's state after them."""

    def __init__(self, most: int, size: int) -> None:
        self._most = most
        self._size = size
        self._kept: list[tuple[list[int], DynamicCache]] = []

    def take(self, prompt: Sequence[int]) -> DynamicCache | None:
        """The memory that knows the longest beginning of `prompt`, cut to that; it is the caller's from now on."""
        fitting = [
            (known, index)
            for index, (ids, _) in enumerate(self._kept)
            if (known := _common(ids, prompt)) >= _LEAST_SHARE * len(ids)
        ]
        if not fitting:
            return None
        known, index = max(fitting)
        ids, memory = self._kept.pop(index)
        memory.crop(-(len(ids) - min(known, len(prompt) - 1)))  # one token at least must be read
        return memory

    def keep(self, ids: Sequence[int], memory: DynamicCache) -> None:
        """Remember the state after a prompt and its answer; the oldest goes."""
        self._kept.append((list(ids[: kv_cache.length(memory)]), memory))
        while len(self._kept) > self._most or sum(kv_cache.size(memory) for _, memory in self._kept) > self._size:
            self._kept.pop(0)


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens both begin with."""
    for index, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return index
    return min(len(first), len(second))
