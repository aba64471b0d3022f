"""Whole words among the tokens of a language model's vocabulary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

_WORD = re.compile(r"(?:[^\W\d_][^\W\d_'’-]*|\d+)\Z")


@dataclass(frozen=True, slots=True)
class VocabularyWords:
    """Ids of the tokens that are a space with letters or digits, and the words that they stand for."""

    ids: torch.Tensor
    words: Sequence[str]

    def likeliest(self, scores: torch.Tensor, most: int, *, capital: bool = False) -> list[str]:
        """Return at most so many different words by the scores (vocabulary), the likeliest first."""
        found: dict[str, None] = {}
        for place in scores[self.ids.to(scores.device)].argsort(descending=True).tolist():
            if len(found) == most:
                break
            if not capital or self.words[place][0].isupper():
                found[self.words[place]] = None
        return list(found)


def vocabulary_words(tokenizer: PreTrainedTokenizerBase) -> VocabularyWords:
    """Read the whole vocabulary, which takes about a second."""
    found = [(number, tokenizer.decode([number])) for number in range(len(tokenizer))]
    kept = [(number, text[1:]) for number, text in found if text[:1] == " " and _WORD.match(text[1:])]
    return VocabularyWords(torch.tensor([number for number, _ in kept]), [word for _, word in kept])
