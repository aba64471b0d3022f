"""A network's memory of several texts side by side: joining, leaving, taking one out. Shorter texts begin later.

Each layer's tensors are shaped (texts, heads, tokens, size); what lies before a text's beginning is masked.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import pad
from transformers.cache_utils import DynamicCache, DynamicLayer


def mergeable(cache: DynamicCache) -> bool:
    """Whether it holds one state a token, as attention does; recurrent networks fold their past into one."""
    return all(type(layer) is DynamicLayer for layer in cache.layers)


def length(cache: DynamicCache) -> int:
    """Tokens, padding included."""
    return int(cache.get_seq_length())


def size(cache: DynamicCache) -> int:
    """Bytes."""
    return sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers if layer.keys is not None)


def joined(first: DynamicCache | None, second: DynamicCache) -> DynamicCache:
    """The texts of `second` after those of `first`, which is changed; all end together."""
    if first is None:
        return second
    longest = max(length(first), length(second))
    for layer, other in zip(first.layers, second.layers, strict=True):
        layer.keys = torch.cat([_widened(layer.keys, longest), _widened(other.keys, longest)])
        layer.values = torch.cat([_widened(layer.values, longest), _widened(other.values, longest)])
    return first


def _widened(states: torch.Tensor, tokens: int) -> torch.Tensor:
    return pad(states, (0, 0, tokens - states.shape[-2], 0))


def keep(cache: DynamicCache, texts: Sequence[int], tokens: int) -> None:
    """Only these texts stay, and of them the last `tokens`."""
    for layer in cache.layers:
        layer.keys = layer.keys[list(texts), :, layer.keys.shape[-2] - tokens :]
        layer.values = layer.values[list(texts), :, layer.values.shape[-2] - tokens :]


def taken(cache: DynamicCache, text: int, tokens: int) -> DynamicCache:
    """A copy of one text's state, without its padding."""
    alone = DynamicCache()
    for index, layer in enumerate(cache.layers):
        states = (layer.keys, layer.values)
        alone.update(*(state[text : text + 1, :, state.shape[-2] - tokens :].clone() for state in states), index)
    return alone
