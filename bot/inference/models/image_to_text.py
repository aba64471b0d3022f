"""Descriptions of pictures, by models for conversations about a picture, for captions or for questions."""

from __future__ import annotations

from transformers import AutoImageProcessor, AutoProcessor, BatchFeature, PreTrainedConfig

from bot.inference import images
from bot.inference.errors import InferenceError
from bot.inference.models.base import SAFE, LoadedModel, TextStreamer, stopping
from bot.inference.protocol import ModelSource
from bot.inference.scheduler import Work
from bot.interfaces.jobs import Describe, FinishReason, JobAnswer, Written

_LONGEST = 256
"""Longest description in tokens, unless the request states a length."""

_START = 2
"""Tokens at the beginning and the end of a caption that the network adds itself, for a request without text."""

_REQUEST = "Describe this picture."


class ImageToText(LoadedModel):
    """A model that describes a picture or answers a question about it."""

    auto = "AutoModelForImageTextToText"
    unit = "tokens"

    @classmethod
    def auto_class(cls, config: PreTrainedConfig, _source: ModelSource) -> str:
        """Return the Auto class for questions if the model was trained for these, else that for descriptions."""
        for_questions = any(name.endswith("ForQuestionAnswering") for name in config.architectures or ())
        return "AutoModelForVisualQuestionAnswering" if for_questions else cls.auto

    def open(self) -> None:
        """Load the processor of pictures and texts."""
        self._processor = AutoProcessor.from_pretrained(self.folder, **SAFE)
        if hasattr(self._processor, "tokenizer"):
            self.tokenizer = self._processor.tokenizer
        else:
            super().open()
            self._processor = AutoImageProcessor.from_pretrained(self.folder, **SAFE)

    def do(self, work: Work) -> JobAnswer:
        """Write the description or the answer. Raises InferenceError."""
        job = work.job
        assert isinstance(job, Describe)
        if not self.network.can_generate():
            raise InferenceError("unsupported", "This model only chooses among fixed answers; it cannot write.")
        inputs = self._inputs(job).to(self.device, self.network.dtype)
        read = inputs["input_ids"].shape[1] if "input_ids" in inputs else _START
        room = self.context - read if self.context else _LONGEST
        if room < 1:
            raise InferenceError("failed", f"The question has {read} tokens; this model reads {self.context} at once.")
        most = min(job.max_tokens or _LONGEST, room)
        streamer = TextStreamer(self.tokenizer, work.write)
        self.network.generate(
            **inputs,
            streamer=streamer,
            num_beams=1,
            max_new_tokens=most,
            stopping_criteria=stopping(work.stop),
        )
        self.produced = max(streamer.count, 0)
        reason: FinishReason = "stopped" if work.stop.is_set() else "length" if self.produced >= most else "complete"
        return Written(reason, read, self.produced)

    def _inputs(self, job: Describe) -> BatchFeature:
        image, question = images.opened(job.data), self.defused(job.question)
        if getattr(self._processor, "chat_template", None):
            request = {"type": "text", "text": question or _REQUEST}
            messages = [{"role": "user", "content": [{"type": "image"}, request]}]
            prompt = self._processor.apply_chat_template(messages, add_generation_prompt=True)
            return self._processor(images=image, text=prompt, return_tensors="pt")
        return self._processor(images=image, **({"text": question} if question else {}), return_tensors="pt")
