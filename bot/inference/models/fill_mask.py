"""Words for a blank, by masked language models."""

from __future__ import annotations

from collections.abc import Sequence

from bot.inference.errors import InferenceError
from bot.inference.models.encoder import Encoder, Row
from bot.interfaces.jobs import Fill, Filling, Fillings, Job, JobAnswer


class MaskFiller(Encoder):
    """Masked language models."""

    auto = "AutoModelForMaskedLM"
    per_token = True

    def rows(self, job: Job[JobAnswer]) -> list[Row]:
        """The text with the model's own mark for the blank."""
        assert isinstance(job, Fill)
        mark = self.tokenizer.mask_token
        if not mark:
            raise InferenceError("unsupported", "This model has no mark for a blank: it was not trained to fill one.")
        if job.text.count(job.blank) != 1:
            raise InferenceError("failed", f"There must be one blank in the text, written {job.blank}.")
        (row,) = self.encoded(self.around(job.text.replace(job.blank, mark), mark))
        if row.inputs["input_ids"].count(self.tokenizer.mask_token_id) > 1:
            raise InferenceError("failed", f"There must be one blank in the text, written {job.blank}.")
        if self.tokenizer.mask_token_id not in row.inputs["input_ids"]:
            raise InferenceError(
                "context-too-long", f"The blank is beyond the {self.context} tokens that this model can read."
            )
        return [row]

    def answer(self, job: Job[JobAnswer], rows: Sequence[Row]) -> JobAnswer:
        """Words with their scores."""
        assert isinstance(job, Fill)
        at = rows[0].inputs["input_ids"].index(self.tokenizer.mask_token_id)
        scores, ids = rows[0].result[at].softmax(-1).topk(job.most)
        words = [self.tokenizer.decode([number]).strip() for number in ids.tolist()]
        return Fillings(
            tuple(
                Filling(word, job.text.replace(job.blank, word), score)
                for word, score in zip(words, scores.tolist(), strict=True)
            )
        )
