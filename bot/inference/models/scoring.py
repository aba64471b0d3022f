"""Log-likelihoods of several continuations after one shared prefix, by a causal language model.

The network reads the prefix once. Its attention state is then repeated for a batch of continuations, padded on the
right: no token sees what follows it, so padding needs no mask.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from bot.inference import kv_cache

Ids = Sequence[int]
"""Token ids."""

LogLikelihoods = list[list[float]]
"""For each continuation, the natural logarithm of each token's probability."""

MEMORY = 256_000_000
"""Bytes that the states and the logits of one batch may take."""

_CHUNK = 256
"""Tokens of the prefix that are read in one pass."""

_LOGITS = 3
"""Copies of the logits that exist at the same time: as computed, as float32, and the intermediate of logsumexp."""


@dataclass(frozen=True, slots=True)
class _Prefix:
    """The ids of the prefix, the network's state after them, and the log-probabilities (vocabulary) of the next token.

    `cache` is None where the network's state cannot be repeated, as with recurrent layers.
    """

    ids: Ids
    cache: DynamicCache | None
    following: torch.Tensor


def log_likelihoods(
    network: PreTrainedModel, prefix: Ids, continuations: Sequence[Ids], memory: int = MEMORY
) -> LogLikelihoods:
    """Return the log-likelihoods of all continuations.

    A caller that compares continuations of different lengths divides their sums by lengths of its choice.
    """
    passes = scored(network, prefix, continuations, memory)
    while True:
        try:
            next(passes)
        except StopIteration as end:
            found: LogLikelihoods = end.value
            return found


def scored(
    network: PreTrainedModel, prefix: Ids, continuations: Sequence[Ids], memory: int = MEMORY
) -> Generator[None, None, LogLikelihoods]:
    """Do the same, and yield after each pass through the network, so that other work can go between."""
    read = yield from _read(network, prefix)
    found: LogLikelihoods = [[] for _ in continuations]
    for numbers in _batches(network, len(prefix), continuations, memory if read.cache is not None else 0):
        rows = yield from _scored_together(network, read, [continuations[number] for number in numbers])
        for number, row in zip(numbers, rows, strict=True):
            found[number] = row
    return found


def next_tokens(network: PreTrainedModel, prefix: Ids) -> Generator[None, None, torch.Tensor]:
    """Return the log-probabilities (vocabulary) of the token after the prefix; yield after each pass."""
    return (yield from _read(network, prefix)).following


def _read(network: PreTrainedModel, prefix: Ids) -> Generator[None, None, _Prefix]:
    if not prefix:
        raise ValueError("a prefix has one token at least")
    kinds = set(getattr(network.config.get_text_config(), "layer_types", None) or ())
    if not kinds <= {"full_attention", "sliding_attention", "chunked_attention"}:
        logits = _logits(network, [list(prefix)], None, 0, last=True)
        yield
        return _Prefix(prefix, None, logits[0, -1].log_softmax(-1))
    cache = DynamicCache()
    for start in range(0, len(prefix), _CHUNK):
        logits = _logits(network, [list(prefix[start : start + _CHUNK])], cache, start, last=True)
        yield
    return _Prefix(prefix, cache, logits[0, -1].log_softmax(-1))


def _batches(
    network: PreTrainedModel, prefix: int, continuations: Sequence[Ids], memory: int
) -> Iterator[Sequence[int]]:
    """Yield the numbers of the continuations that are read together: of similar lengths, within the memory."""
    config = network.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    state = 2 * config.num_hidden_layers * heads * size * network.dtype.itemsize
    batch: list[int] = []
    for number in sorted(range(len(continuations)), key=lambda number: len(continuations[number])):
        length = len(continuations[number])
        row = state * (prefix + length) + _LOGITS * config.vocab_size * torch.float32.itemsize * length
        if batch and row * (len(batch) + 1) > memory:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def _scored_together(
    network: PreTrainedModel, read: _Prefix, continuations: Sequence[Ids]
) -> Generator[None, None, LogLikelihoods]:
    """Score one batch. The prefix already gives the first token's probability, and nothing follows the last token."""
    first = [read.following[ids[:1]].tolist() for ids in map(list, continuations)]
    longest = max(map(len, continuations)) - 1
    if longest < 1:
        return first
    inputs = [[*ids[:-1], *[0] * (longest - len(ids[:-1]))] for ids in continuations]
    targets = torch.tensor([[*ids[1:], *[0] * (longest - len(ids[1:]))] for ids in continuations])
    if read.cache is None:
        whole = [[*read.ids, *row] for row in inputs]
        logits = _logits(network, whole, None, 0)[:, len(read.ids) :]
    else:
        logits = _logits(network, inputs, _repeated(read.cache, len(inputs)), len(read.ids))
    yield
    chosen = logits.gather(-1, targets.to(logits.device)[..., None])[..., 0] - logits.logsumexp(-1)
    return [
        [*before, *row[: max(0, len(ids) - 1)]]
        for before, row, ids in zip(first, chosen.tolist(), continuations, strict=True)
    ]


def _repeated(cache: DynamicCache, rows: int) -> DynamicCache:
    """Return a cache of so many equal rows; what is added to it leaves the first one as it is."""
    repeated = DynamicCache()
    for index, layer in enumerate(cache.layers):
        keys, values = (state.expand(rows, -1, -1, -1) for state in (layer.keys, layer.values))
        repeated.update(keys, values, index)
    assert kv_cache.mergeable(repeated)
    return repeated


def _logits(
    network: PreTrainedModel, rows: list[list[int]], cache: DynamicCache | None, before: int, *, last: bool = False
) -> torch.Tensor:
    """Return float32 logits shaped (rows, tokens, vocabulary), for the `last` token only if so asked."""
    ids = torch.tensor(rows, device=network.device)
    end = before + ids.shape[1]
    optional = {
        "position_ids": torch.arange(before, end, device=network.device)[None].expand(len(rows), -1),
        "logits_to_keep": 1 if last else 0,
    }
    knows = inspect.signature(network.forward).parameters
    logits: torch.Tensor = network(
        input_ids=ids,
        attention_mask=torch.ones(len(rows), end, dtype=torch.long, device=network.device),
        past_key_values=cache,
        use_cache=cache is not None,
        **{name: value for name, value in optional.items() if name in knows},
    ).logits
    return (logits[:, -1:] if last else logits).float()
