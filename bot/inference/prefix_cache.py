"""A cache of the states after the latest prompts: for a conversation's next question only the new part is computed."""

from __future__ import annotations

from collections.abc import Sequence

from transformers.cache_utils import DynamicCache

from bot.inference import kv_cache
from bot.utils.prefixes import common_prefix

_LEAST_SHARE = 0.5
"""Least share of an entry's tokens that a prompt must share to take it; otherwise its own conversation may need it."""


class PrefixCache:
    """A cache of at most `most` entries and `size` bytes. An entry has token ids and the network's states for them."""

    def __init__(self, most: int, size: int) -> None:
        self._most = most
        self._size = size
        self._entries: list[tuple[list[int], DynamicCache]] = []

    def take(self, prompt: Sequence[int]) -> DynamicCache | None:
        """Remove and return the states for the longest beginning of `prompt`; None if no entry shares enough."""
        candidates = [
            (shared, index)
            for index, (ids, _) in enumerate(self._entries)
            if (shared := common_prefix(ids, prompt)) >= _LEAST_SHARE * len(ids)
        ]
        if not candidates:
            return None
        shared, index = max(candidates)
        ids, states = self._entries.pop(index)
        # at least one token must stay to be computed: its output chooses the next token
        states.crop(-(len(ids) - min(shared, len(prompt) - 1)))
        return states

    def keep(self, ids: Sequence[int], states: DynamicCache) -> None:
        """Add the states after a prompt and its answer, and drop the oldest entries that exceed the limits."""
        self._entries.append((list(ids[: kv_cache.length(states)]), states))
        while len(self._entries) > self._most or sum(kv_cache.size(entry) for _, entry in self._entries) > self._size:
            self._entries.pop(0)
