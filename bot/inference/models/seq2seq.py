"""Encoder-decoders that turn a text into another: T5, BART, Marian and their like."""

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
"""Tokens of a text where nobody stated a limit."""

ENGLISH = "en"
"""Where nobody said into which language."""

_PAIR = re.compile(r"translation_(?P<source>\w+)_to_(?P<target>\w+)")


class Seq2Seq(LoadedModel):
    """Summaries, translations, instructions."""

    auto = "AutoModelForSeq2SeqLM"
    unit = "tokens"

    def prepare(self) -> None:
        """Read how its makers want the text."""
        self._prefixes = _prefixes(self.network.config)
        self._pairs = _pairs(self._prefixes, self.tokenizer)
        self._marks = _marks(self.tokenizer)

    def do(self, work: Work) -> JobAnswer:
        """Write the other text, as it comes."""
        job = work.job
        assert isinstance(job, Rewrite)
        if work.stop.is_set():
            return Written("stopped")
        inputs = self._inputs(job)
        longest = self.context or _LONGEST
        most = min(job.max_tokens or longest, longest)
        pieces = TextStreamer(self.tokenizer, work.write)
        ids = self.network.generate(
            **inputs,
            **self._target(job),
            streamer=pieces if job.beams == 1 else None,
            num_beams=job.beams,
            min_new_tokens=job.min_tokens or None,
            max_new_tokens=most,
            stopping_criteria=stopping(work.stop),
        )[0]
        if job.beams > 1:
            work.write(self.tokenizer.decode(ids, skip_special_tokens=True))
        self.made = len(ids) - 1  # the first one only starts the text
        return Written(self._reason(work, ids, most), inputs["input_ids"].shape[1], self.made)

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
        """What the operator says that the model wants before a text, or else its makers. Raises Failure."""
        if self.source.prefix:
            said = self.source.prefix.replace("{from}", languages.name(job.source))
            return said.replace("{to}", languages.name(job.target))
        if job.purpose != "translation" or not self._pairs:
            return self._prefixes.get(job.purpose, "")
        for (source, target), prefix in self._pairs.items():
            asked = languages.nearest(job.target, (target,)) if job.target else len(self._pairs) == 1
            if asked and (not job.source or languages.nearest(job.source, (source,))):
                return prefix
        pairs = ", ".join(f"{languages.name(source)} into {languages.name(target)}" for source, target in self._pairs)
        raise InferenceError("unsupported", f"This model translates {pairs}: say `to` which, or choose another model.")

    def _target(self, job: Rewrite) -> dict[str, int]:
        """The first token of the other text, for models of many languages. Raises Failure."""
        wanted = job.target or (ENGLISH if job.purpose == "translation" and self._marks else "")
        if not wanted or self.source.prefix or self._pairs:
            return {}
        token = self._marks[self._language(wanted)]
        return {"forced_bos_token_id": self.tokenizer.convert_tokens_to_ids(token)}

    def _language(self, tag: str) -> str:
        """A language as the tokenizer calls it. Raises Failure."""
        if found := languages.nearest(tag, self._marks):
            return found
        if not self._marks:
            words = "This model does not say which languages it knows"
            raise InferenceError(
                "unsupported", f"{words}: leave {languages.name(tag)} out, and it does what it was made for."
            )
        known = ", ".join(sorted(map(languages.name, self._marks)))
        raise InferenceError("unsupported", f"This model does not know {languages.name(tag)}. It knows: {known}.")


def _prefixes(config: PreTrainedConfig) -> Mapping[str, str]:
    """What goes before a text by what is wanted of it, as T5's makers wrote it down."""
    stated: Mapping[str, Mapping[str, object]] = getattr(config, "task_specific_params", None) or {}
    return {purpose: str(said.get("prefix") or "") for purpose, said in stated.items()}


def _pairs(prefixes: Mapping[str, str], tokenizer: PreTrainedTokenizerBase) -> Mapping[tuple[str, str], str]:
    """From and into which language a model translates, and what goes before the text then; {} where that is free.

    T5's makers name their pairs where they name the prefixes; Marian's tokenizer has its own pair, or several targets.
    """
    named = {_PAIR.fullmatch(purpose): prefix for purpose, prefix in prefixes.items()}
    source, target = getattr(tokenizer, "source_lang", None), getattr(tokenizer, "target_lang", None)
    if not source or not target:
        return {(pair["source"], pair["target"]): prefix for pair, prefix in named.items() if pair}
    marks: Sequence[str] = getattr(tokenizer, "supported_language_codes", ())
    return {(source, mark.strip("<>")): f"{mark} " for mark in marks} or {(source, target): ""}


def _marks(tokenizer: PreTrainedTokenizerBase) -> Mapping[str, str]:
    """A tokenizer's tokens of languages, by what it calls these."""
    named: Mapping[str, str] = getattr(tokenizer, "lang_code_to_token", None) or {}
    special = (str(mark) for mark in tokenizer.all_special_tokens)
    return named or {mark: mark for mark in special if languages.is_tag(mark)}
