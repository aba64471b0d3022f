"""Score continuations with small random networks, together and one by one: `python -m tests.inference.tiny_scoring`.

It prints a report as JSON. Run as its own process, so that torch stays out of the tests'.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from bot.inference import quantization
from bot.inference.models.next_words import vocabulary_words
from bot.inference.models.scoring import log_likelihoods, next_tokens, scored

WORDS = 64
PREFIX = [(7 * place) % WORDS for place in range(300)]
CONTINUATIONS = [[5], [9, 11, 13], [2, 3], [9, 11], [], [40, 41, 42, 43, 44, 45, 46]]

SMALL = {"vocab_size": WORDS, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.3}

CONFIGS: Mapping[str, hf.PreTrainedConfig] = {
    "absolute positions": hf.GPT2Config(vocab_size=WORDS, n_positions=512, n_embd=32, n_layer=2, n_head=4),
    "rotary positions": hf.LlamaConfig(**SMALL, **HEADS, max_position_embeddings=512),
    "sliding window": hf.MistralConfig(**SMALL, **HEADS, sliding_window=64, max_position_embeddings=512),
    "convolutions": hf.Lfm2Config(**SMALL, **HEADS, layer_types=["conv", "full_attention"]),
}


def naive(network: hf.PreTrainedModel, prefix: Sequence[int], continuation: Sequence[int]) -> list[float]:
    """Read everything again for one continuation."""
    ids = torch.tensor([[*prefix, *continuation]])
    scores = network(input_ids=ids, use_cache=False).logits[0].float().log_softmax(-1)
    return [float(scores[len(prefix) + at - 1, token]) for at, token in enumerate(continuation)]


def farthest(network: hf.PreTrainedModel, other: hf.PreTrainedModel, memory: int) -> float:
    """The largest difference between both ways."""
    together = log_likelihoods(network, PREFIX, CONTINUATIONS, memory)
    alone = [naive(other, PREFIX, continuation) for continuation in CONTINUATIONS]
    assert [len(row) for row in together] == [len(row) for row in alone]
    return max(abs(a - b) for row, other in zip(together, alone, strict=True) for a, b in zip(row, other, strict=True))


def passes(network: hf.PreTrainedModel, memory: int) -> int:
    """How often the network is used."""
    return sum(1 for _ in scored(network, PREFIX, CONTINUATIONS, memory))


def likeliest(network: hf.PreTrainedModel) -> bool:
    """Report whether the next token's probabilities are those of a continuation of one token."""
    steps = next_tokens(network, PREFIX)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        following = end.value
    alone = log_likelihoods(network, PREFIX, [[token] for token in range(WORDS)])
    return bool(torch.allclose(following, torch.tensor(alone)[:, 0], atol=1e-6))


def words() -> list[list[str]]:
    """The two likeliest words of a small vocabulary, of any kind and with a capital."""
    tokens = ["<s>", "Ġcat", "cat", "ĠCat", "Ġ12", "Ġ!!", "Ġcat's"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys([*tokens, *alphabet]))}
    model = Tokenizer(models.BPE(vocabulary, []))
    model.decoder = decoders.ByteLevel()
    known = vocabulary_words(hf.PreTrainedTokenizerFast(tokenizer_object=model, bos_token="<s>"))
    scores = torch.zeros(len(vocabulary))
    scores[[vocabulary[token] for token in ("cat", "Ġ!!", "Ġ12", "Ġcat", "ĠCat")]] = torch.tensor(
        [9.0, 8.0, 7.0, 6.0, 5.0]
    )
    return [known.likeliest(scores, 2), known.likeliest(scores, 2, capital=True)]


@torch.inference_mode()
def report() -> dict[str, object]:
    torch.manual_seed(3)
    networks = {name: hf.AutoModelForCausalLM.from_config(config).eval() for name, config in CONFIGS.items()}
    plain = networks["rotary positions"]
    small = hf.AutoModelForCausalLM.from_config(plain.config).eval()
    small.load_state_dict(plain.state_dict())
    quantization.quantize(small)
    return {
        "float32": {name: farthest(network, network, 1 << 28) for name, network in networks.items()},
        "little memory": {name: farthest(network, network, 1) for name, network in networks.items()},
        "int8": farthest(small, plain, 1 << 28),
        "passes": [passes(plain, 1 << 28), passes(plain, 1)],
        "next": likeliest(plain),
        "words": words(),
    }


if __name__ == "__main__":
    print(json.dumps(report()))
