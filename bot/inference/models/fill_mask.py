"""Words for a blank in a text, by masked language models."""

from __future__ import annotations

from collections.abc import Sequence

from bot.inference.errors import InferenceError
from bot.inference.models.encoder import Encoder, Row
from bot.interfaces.jobs import Fill, Filling, Fillings, Job, JobAnswer


class MaskFiller(Encoder):
    """A masked language model."""

    auto = "AutoModelForMaskedLM"
    per_token = True

    def rows(self, job: Job[JobAnswer]) -> list[Row]:
        """Return one row: the text around the blank, with the model's mask token in it. Raises InferenceError."""
        assert isinstance(job, Fill)
        mask = self.tokenizer.mask_token
        if not mask:
            raise InferenceError("unsupported", "This model has no mask token: it was not trained to fill blanks.")
        if job.text.count(job.blank) != 1:
            raise InferenceError("failed", f"The text must have exactly one blank, written {job.blank}.")
        (row,) = self.encoded(self.around(job.text.replace(job.blank, mask), mask))
        # people may write the mask token itself, which is a second blank to the model
        if row.inputs["input_ids"].count(self.tokenizer.mask_token_id) > 1:
            raise InferenceError("failed", f"The text must have exactly one blank, written {job.blank}.")
        if self.tokenizer.mask_token_id not in row.inputs["input_ids"]:
            raise InferenceError(
                "context-too-long", f"The blank is beyond the {self.context} tokens that this model can read."
            )
        return [row]

    def answer(self, job: Job[JobAnswer], rows: Sequence[Row]) -> JobAnswer:
        """Return the likeliest words with their scores."""
        assert isinstance(job, Fill)
        position = rows[0].inputs["input_ids"].index(self.tokenizer.mask_token_id)
        scores, ids = rows[0].result[position].softmax(-1).topk(job.most)
        words = [self.tokenizer.decode([number]).strip() for number in ids.tolist()]
        return Fillings(
            tuple(
                Filling(word, job.text.replace(job.blank, word), score)
                for word, score in zip(words, scores.tolist(), strict=True)
            )
        )
