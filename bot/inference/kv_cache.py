"""Operations on a key-value cache of several texts: join two, drop texts, extract one.

Each layer's tensors have the shape (texts, heads, tokens, size). All texts end together: a shorter one has padding
before its beginning, which the attention mask hides.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import pad
from transformers.cache_utils import DynamicCache, DynamicLayer


def mergeable(cache: DynamicCache) -> bool:
    """Return True if the cache has one state a token, as attention does; recurrent networks keep a single state."""
    return all(type(layer) is DynamicLayer for layer in cache.layers)


def length(cache: DynamicCache) -> int:
    """Return the number of tokens, padding included."""
    return int(cache.get_seq_length())


def size(cache: DynamicCache) -> int:
    """Return the bytes of the states."""
    return sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers if layer.keys is not None)


def joined(first: DynamicCache | None, second: DynamicCache) -> DynamicCache:
    """Append the texts of `second` to `first`, padding the shorter ones, and return `first`, which is changed."""
    if first is None:
        return second
    longest = max(length(first), length(second))
    for layer, other in zip(first.layers, second.layers, strict=True):
        layer.keys = torch.cat([_padded(layer.keys, longest), _padded(other.keys, longest)])
        layer.values = torch.cat([_padded(layer.values, longest), _padded(other.values, longest)])
    return first


def _padded(states: torch.Tensor, tokens: int) -> torch.Tensor:
    return pad(states, (0, 0, tokens - states.shape[-2], 0))


def keep(cache: DynamicCache, texts: Sequence[int], tokens: int) -> None:
    """Drop all texts but those with these indices, and all but their last `tokens`."""
    for layer in cache.layers:
        layer.keys = layer.keys[list(texts), :, layer.keys.shape[-2] - tokens :]
        layer.values = layer.values[list(texts), :, layer.values.shape[-2] - tokens :]


def extracted(cache: DynamicCache, text: int, tokens: int) -> DynamicCache:
    """Return a copy of the states of one text's last `tokens`, without its padding."""
    copy = DynamicCache()
    for index, layer in enumerate(cache.layers):
        states = (layer.keys, layer.values)
        copy.update(*(state[text : text + 1, :, state.shape[-2] - tokens :].clone() for state in states), index)
    return copy
