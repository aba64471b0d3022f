"""Choice of the next token by the model's generation_config.json and the request's temperature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from transformers import GenerationConfig
from transformers.generation import logits_process as known

from bot.inference.errors import InferenceError

Process: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Setting: TypeAlias = tuple[str, Callable[[object], Process], tuple[object, object]]

# Settings of a GenerationConfig in the order of their use: the name, the class that applies it, neutral values.
_ALWAYS: Sequence[Setting] = (
    ("repetition_penalty", known.RepetitionPenaltyLogitsProcessor, (None, 1.0)),
    ("no_repeat_ngram_size", known.NoRepeatNGramLogitsProcessor, (None, 0)),
    ("suppress_tokens", known.SuppressTokensLogitsProcessor, (None, [])),
)
_SAMPLING: Sequence[Setting] = (
    ("temperature", known.TemperatureLogitsWarper, (None, 1.0)),
    ("top_k", known.TopKLogitsWarper, (None, 0)),
    ("top_p", known.TopPLogitsWarper, (None, 1.0)),
    ("min_p", known.MinPLogitsWarper, (None, 0.0)),
    ("typical_p", known.TypicalLogitsWarper, (None, 1.0)),
)
"""Settings that apply only where tokens are chosen at random."""


class Sampler:
    """Sampler of one text's tokens. `temperature` None is the model's default, and 0 takes the likeliest token."""

    def __init__(self, config: GenerationConfig, temperature: float | None) -> None:
        settings = config.to_dict()
        self._random = bool(settings.get("do_sample")) if temperature is None else temperature > 0
        settings["top_k"] = 50 if settings.get("top_k") is None else settings["top_k"]  # transformers' own default
        if temperature:
            settings["temperature"] = temperature
        table = (*_ALWAYS, *_SAMPLING) if self._random else _ALWAYS
        self._processes: list[Process] = [
            build(settings[name]) for name, build, neutral in table if settings.get(name) not in neutral
        ]

    def choose(self, ids: Sequence[int], logits: torch.Tensor) -> int:
        """Return the token after `ids` by `logits` of shape (vocabulary,). Raises InferenceError after an overflow."""
        scores = logits[None].float()
        if self._processes:
            before = torch.tensor([ids], device=scores.device)
            for process in self._processes:
                scores = process(before, scores)
        if not self._random:
            return int(scores.argmax())
        probabilities = scores.softmax(-1)
        if not bool(probabilities.isfinite().all()):
            raise InferenceError(
                "failed", 'The model\'s numbers overflowed. The operator can set dtype = "float32" for this model.'
            )
        return int(torch.multinomial(probabilities, 1))
