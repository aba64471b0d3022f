"""Encoder-decoders that turn a text into another: T5, BART, Marian and their like."""

from __future__ import annotations

import torch

from bot.inference.failures import Failure
from bot.inference.kinds import Answer, FinishReason, Rewrite, Written
from bot.inference.lanes import Work
from bot.inference.models.loaded import Loaded, Pieces, stopping

_LONGEST = 512
"""Tokens of a text where nobody stated a limit."""


class Rewriter(Loaded):
    """Summaries, translations, instructions."""

    auto = "AutoModelForSeq2SeqLM"
    unit = "tokens"

    def do(self, work: Work) -> Answer:
        """Write the other text, as it comes."""
        job = work.job
        assert isinstance(job, Rewrite)
        if work.stop.is_set():
            return Written("stopped")
        inputs = self._inputs(job)
        most = job.max_tokens or self.context or _LONGEST
        pieces = Pieces(self.tokenizer, work.write)
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
        text = (job.prefix + job.text).encode(errors="replace").decode()
        inputs = self.tokenizer(text, return_tensors="pt").to(self.device)
        length, most = inputs["input_ids"].shape[1], self.context or _LONGEST
        if length > most:
            raise Failure("context-too-long", f"The text has {length} tokens; this model can read {most}.")
        return {name: value for name, value in inputs.items() if name in ("input_ids", "attention_mask")}

    def _target(self, job: Rewrite) -> dict[str, int]:
        """The first token of the other text, for models of many languages."""
        if not job.target:
            return {}
        return {"forced_bos_token_id": self.tokenizer.convert_tokens_to_ids(self._language(job.target))}

    def _language(self, name: str) -> str:
        """As the tokenizer writes it: "de" is de_DE, deu_Latn or __de__."""
        marks = [str(mark) for mark in self.tokenizer.all_special_tokens]
        for mark in marks:
            if name in (mark, mark.strip("_")) or mark.startswith(f"{name}_"):
                return mark
        known = ", ".join(mark for mark in marks if len(mark) > 1 and not mark.startswith(("<", "[")))
        raise Failure("unsupported", f"This model has no language {name!r}. It knows: {known or 'only its own pair'}.")
