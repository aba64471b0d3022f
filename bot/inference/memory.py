"""What a network computed for the latest prompts: a conversation's next question reads only what is new."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from transformers.cache_utils import DynamicCache, DynamicLayer

_LEAST_SHARE = 0.5
"""A memory goes only to a prompt that goes on with most of it: else it may still serve its own conversation."""


class Memories:
    """At most `most` memories: the token ids that each has read, and the network's state after them. Thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[tuple[list[int], DynamicCache]] = []
        self._lock = Lock()

    def take(self, prompt: Sequence[int]) -> DynamicCache | None:
        """The memory that knows the longest beginning of `prompt`, cut to that; it is the caller's from now on."""
        with self._lock:
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

    def keep(self, ids: Sequence[int], memory: object) -> None:
        """Remember the state after a prompt and its answer, if it is of a kind that can be cut; the oldest goes."""
        if not isinstance(memory, DynamicCache) or any(type(layer) is not DynamicLayer for layer in memory.layers):
            return
        with self._lock:
            self._kept.append((list(ids[: memory.get_seq_length()]), memory))
            del self._kept[: -self._most]


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens both begin with."""
    for index, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return index
    return min(len(first), len(second))
