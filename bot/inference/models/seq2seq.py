"""Encoder-decoders that rewrite a text, such as T5, BART and Marian."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from bot.inference.errors import InferenceError
from bot.inference.models.base import LoadedModel, TextStreamer, stopping
from bot.inference.scheduler import Work
from bot.interfaces.jobs import FinishReason, JobAnswer, Rewrite, Written
from bot.utils import languages

_LONGEST = 512
"""Longest text in tokens of a model that states no limit."""

ENGLISH = "en"
"""Target of a translation without a stated language."""

_PAIR = re.compile(r"translation_(?P<source>\w+)_to_(?P<target>\w+)")


class Seq2Seq(LoadedModel):
    """A model that summarises, translates or follows instructions."""

    auto = "AutoModelForSeq2SeqLM"
    unit = "tokens"

    def prepare(self) -> None:
        """Read the prefixes, pairs of languages and language tokens that the makers define."""
        self._prefixes = _prefixes(self.network.config)
        self._pairs = _pairs(self._prefixes, self.tokenizer)
        self._language_tokens = _language_tokens(self.tokenizer)

    def do(self, work: Work) -> JobAnswer:
        """Write the new text. Raises InferenceError."""
        job = work.job
        assert isinstance(job, Rewrite)
        if work.stop.is_set():
            return Written("stopped")
        inputs = self._inputs(job)
        longest = self.context or _LONGEST
        most = min(job.max_tokens or longest, longest)
        streamer = TextStreamer(self.tokenizer, work.write)
        ids = self.network.generate(
            **inputs,
            **self._target(job),
            streamer=streamer if job.beams == 1 else None,  # generate() cannot stream several beams
            num_beams=job.beams,
            min_new_tokens=job.min_tokens or None,
            max_new_tokens=most,
            stopping_criteria=stopping(work.stop),
        )[0]
        if job.beams > 1:
            work.write(self.tokenizer.decode(ids, skip_special_tokens=True))
        self.produced = len(ids) - 1  # without the start token
        return Written(self._reason(work, ids, most), inputs["input_ids"].shape[1], self.produced)

    def _reason(self, work: Work, ids: torch.Tensor, most: int) -> FinishReason:
        if work.stop.is_set():
            return "stopped"
        return "length" if len(ids) - 1 >= most and int(ids[-1]) != self.tokenizer.eos_token_id else "complete"

    def _inputs(self, job: Rewrite) -> dict[str, torch.Tensor]:
        if job.source and hasattr(self.tokenizer, "src_lang"):
            self.tokenizer.src_lang = self._language(job.source)
        inputs = self.tokenizer(self._prefix(job) + job.text, return_tensors="pt").to(self.device)
        length, most = inputs["input_ids"].shape[1], self.context or _LONGEST
        if length > most:
            raise InferenceError("context-too-long", f"The text has {length} tokens; this model can read {most}.")
        return {name: value for name, value in inputs.items() if name in ("input_ids", "attention_mask")}

    def _prefix(self, job: Rewrite) -> str:
        """Return the operator's prefix of texts, or the makers'. Raises InferenceError for an unknown translation."""
        if self.source.prefix:
            prefix = self.source.prefix.replace("{from}", languages.name(job.source))
            return prefix.replace("{to}", languages.name(job.target))
        if job.purpose != "translation" or not self._pairs:
            return self._prefixes.get(job.purpose, "")
        for (source, target), prefix in self._pairs.items():
            matches = languages.nearest(job.target, (target,)) if job.target else len(self._pairs) == 1
            if matches and (not job.source or languages.nearest(job.source, (source,))):
                return prefix
        pairs = ", ".join(f"{languages.name(source)} into {languages.name(target)}" for source, target in self._pairs)
        raise InferenceError(
            "unsupported", f"This model translates {pairs}. Name one of these languages with `to`, or another model."
        )

    def _target(self, job: Rewrite) -> dict[str, int]:
        """Return the option with the new text's first token, for multilingual models. Raises InferenceError."""
        target = job.target or (ENGLISH if job.purpose == "translation" and self._language_tokens else "")
        if not target or self.source.prefix or self._pairs:
            return {}
        token = self._language_tokens[self._language(target)]
        return {"forced_bos_token_id": self.tokenizer.convert_tokens_to_ids(token)}

    def _language(self, tag: str) -> str:
        """Return the tokenizer's name of a language. Raises InferenceError for an unknown one."""
        if name := languages.nearest(tag, self._language_tokens):
            return name
        if not self._language_tokens:
            message = f"This model does not list its languages. Ask again without {languages.name(tag)}."
            raise InferenceError("unsupported", message)
        known = ", ".join(sorted(map(languages.name, self._language_tokens)))
        raise InferenceError("unsupported", f"This model does not know {languages.name(tag)}. It knows: {known}.")


def _prefixes(config: PreTrainedConfig) -> Mapping[str, str]:
    """Return the prefixes of texts by purpose, which T5's makers list in the config."""
    stated: Mapping[str, Mapping[str, object]] = getattr(config, "task_specific_params", None) or {}
    return {purpose: str(params.get("prefix") or "") for purpose, params in stated.items()}


def _pairs(prefixes: Mapping[str, str], tokenizer: PreTrainedTokenizerBase) -> Mapping[tuple[str, str], str]:
    """Return the prefixes by pair of languages (source, target); {} for a model without fixed pairs.

    T5's pairs are purposes of its prefixes. Marian's tokenizer has one pair, or one source and several targets.
    """
    purposes = {_PAIR.fullmatch(purpose): prefix for purpose, prefix in prefixes.items()}
    source, target = getattr(tokenizer, "source_lang", None), getattr(tokenizer, "target_lang", None)
    if not source or not target:
        return {(pair["source"], pair["target"]): prefix for pair, prefix in purposes.items() if pair}
    codes: Sequence[str] = getattr(tokenizer, "supported_language_codes", ())
    return {(source, code.strip("<>")): f"{code} " for code in codes} or {(source, target): ""}


def _language_tokens(tokenizer: PreTrainedTokenizerBase) -> Mapping[str, str]:
    """Return a tokenizer's language tokens by its names of the languages."""
    named: Mapping[str, str] = getattr(tokenizer, "lang_code_to_token", None) or {}
    special = (str(token) for token in tokenizer.all_special_tokens)
    return named or {token: token for token in special if languages.is_tag(token)}
