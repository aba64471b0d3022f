"""Any pipeline of transformers that takes a text, a sound, a picture or a video, and gives what can be shown."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import transformers
from PIL.Image import Image
from transformers import AutoFeatureExtractor, PreTrainedConfig
from transformers.pipelines import PIPELINE_REGISTRY

from bot.inference import audio, images, video
from bot.inference.errors import InferenceError
from bot.inference.models.base import SAFE, LoadedModel
from bot.inference.models.text_classification import entailment
from bot.inference.pipelines import BLANKS, PIPELINES
from bot.inference.protocol import ModelSource
from bot.inference.scheduler import Work
from bot.interfaces.jobs import Box, JobAnswer, Label, MadeFile, Pipe, PipelineOutput

_RATE = 16_000
"""Samples a second for pipelines that hear, where the model does not say."""

_LONG = ("text-generation", "text-to-audio", "automatic-speech-recognition", "image-text-to-text")
"""Pipelines that read no window, or whose models say themselves how much fits."""

_LONGEST = 256
"""Tokens that are written at most."""

_MOST_PARTS = 1_000
"""Things that are found,"""
_MOST_SHOWN = 10
"""and those of which there is a picture."""

_MARKS = 3
"""Tokens that a model puts around texts, """
_HYPOTHESIS = 6
"""and those of the sentence that a label stands in."""

_REQUEST = "Describe this picture."


class PipelineRunner(LoadedModel):
    """A model behind the pipeline that its source names."""

    @classmethod
    def auto_class(cls, config: PreTrainedConfig, source: ModelSource) -> str:
        """The first of the pipeline's classes that fits the model."""
        if source.pipeline not in PIPELINES:
            raise InferenceError("unsupported", f"There is no pipeline {source.pipeline!r}.")
        if source.pipeline == "zero-shot-classification":
            entailment(config.id2label)
        if source.pipeline == "document-question-answering":
            if config.model_type.startswith("layout"):
                raise InferenceError(
                    "unsupported", "This model reads what Tesseract finds in a picture; that is not here."
                )
            return "AutoModelForImageTextToText"  # Donut, which the pipeline takes and its own class does not know
        for auto in PIPELINE_REGISTRY.check_task(source.pipeline)[1]["pt"]:
            if type(config) in auto._model_mapping:
                name: str = auto.__name__
                return name
        raise InferenceError(
            "unsupported", f"A model of the kind {config.model_type} does not go with {source.pipeline}."
        )

    def open(self) -> None:
        """The pipeline reads what it needs from the model's folder."""
        self._pipe = PIPELINES[self.source.pipeline]
        kind = getattr(transformers, PIPELINE_REGISTRY.check_task(self.source.pipeline)[1]["impl"].rpartition(".")[2])
        names = [
            name
            for name in ("tokenizer", "image_processor", "processor")
            if getattr(kind, f"_load_{name}") is not False
        ]
        parts: dict[str, object] = dict.fromkeys(names, str(self.folder))
        if kind._load_feature_extractor:  # by the folder's name it would be looked for on the Hub, too
            parts["feature_extractor"] = AutoFeatureExtractor.from_pretrained(self.folder, **SAFE)
        self._pipeline = transformers.pipeline(
            self.source.pipeline, model=self.network, device=self.device, trust_remote_code=False, **parts
        )
        reads = self._pipeline.tokenizer
        self.tokenizer = (
            reads if hasattr(reads, "all_special_tokens") else getattr(self._pipeline.processor, "tokenizer", None)
        )

    def do(self, work: Work) -> JobAnswer:
        """Run it, and sort out what came back."""
        job = work.job
        assert isinstance(job, Pipe)
        self.made = 1
        if self.source.pipeline not in _LONG:
            self._make_sure_it_fits(job)
        labels = {"candidate_labels": list(job.labels)} if self._pipe.labels else {}
        match self.source.pipeline:
            case "fill-mask":
                return _outcome(self._pipeline(self._masked(job.text)))
            case "text-generation":
                return _outcome(self._pipeline(job.text, max_new_tokens=self._room(job.text)))
            case "automatic-speech-recognition" if self.network.config.model_type == "whisper":
                return _outcome(self._pipeline(self._given(job), return_timestamps=True))  # else 30 seconds are all
            case "document-question-answering":
                return _outcome(self._pipeline(images.opened(job.data), self.defused(job.text)))
            case "image-text-to-text":
                most = self._room(job.text)
                return _outcome(self._pipeline(**self._asked(job), return_full_text=False, max_new_tokens=most))
            case "video-classification":
                shots = video.frames(job.data, self.network.config.num_frames, work.stop)
                inputs = self._pipeline.image_processor(shots, return_tensors="pt")
                return _outcome(self._pipeline.postprocess(self._pipeline.forward(inputs)))
        return _outcome(self._pipeline(self._given(job), **labels))

    def _given(self, job: Pipe) -> object:
        match self._pipe.feed:
            case "sound":
                extractor = self._pipeline.feature_extractor
                return audio.decoded(job.data, getattr(extractor, "sampling_rate", _RATE))
            case "picture":
                return images.opened(job.data)
        return job.text

    def _make_sure_it_fits(self, job: Pipe) -> None:
        """A pipeline cuts what is too long without a word, or breaks. Raises Failure."""
        longest = max(map(self._size, job.labels), default=0)
        beside = longest + _HYPOTHESIS if job.labels else 0
        size = max(longest, self._size(job.text) + beside if self._pipe.feed == "text" else 0) + _MARKS
        if self.context and size > self.context:
            raise InferenceError(
                "failed", f"That is too long: {size} tokens, and this model reads {self.context} at once."
            )

    def _size(self, text: str) -> int:
        """In tokens; 0 where the model reads none."""
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"]) if self.tokenizer and text else 0

    def _room(self, text: str) -> int:
        """How many tokens can be written after a text. Raises Failure."""
        room = self.context - self._size(text) - _MARKS if self.context else _LONGEST
        if room < 1:
            raise InferenceError(
                "failed", f"That is too long: this model reads and writes {self.context} tokens at once."
            )
        return min(room, _LONGEST)

    def _masked(self, text: str) -> str:
        """The text with the model's own mark for each blank. Raises Failure where there is none."""
        mark = self._pipeline.tokenizer.mask_token
        if not mark:
            raise InferenceError("unsupported", "This model has no mark for a blank: it was not trained to fill one.")
        masked, blanks = BLANKS.subn(mark, text)
        if not blanks:
            raise InferenceError("failed", "Write a blank as ___, such as: The capital of France is ___.")
        return masked

    def _asked(self, job: Pipe) -> dict[str, object]:
        """A picture with words, as a conversation where the model was made for those."""
        image = images.opened(job.data)
        if not getattr(self._pipeline.processor, "chat_template", None):
            return {"images": image, "text": self.defused(job.text)}
        content = [{"type": "image", "image": image}, {"type": "text", "text": self.defused(job.text) or _REQUEST}]
        return {"text": [{"role": "user", "content": content}]}


def _outcome(result: Mapping[str, object] | list[object]) -> PipelineOutput:
    """Everything in the result that can be shown."""
    labels: list[Label] = []
    boxes: list[Box] = []
    shown: list[MadeFile] = []
    texts: list[str] = []
    parts = _parts(result)
    for part in parts[:_MOST_PARTS]:
        match part:
            case {"box": {"xmin": left, "ymin": top, "xmax": right, "ymax": bottom}, "label": name, "score": score}:
                boxes.append(Box(name, float(score), left, top, right, bottom))
            case {"mask": mask, "label": name} if len(shown) < _MOST_SHOWN:
                shown.append(MadeFile(name, "image/png", _png(mask)))
            case {"depth": depth}:
                shown.append(MadeFile("depth", "image/png", _png(depth)))
            case {"audio": samples, "sampling_rate": int(rate)}:
                shown.append(MadeFile("sound", "audio/wav", audio.wav(np.asarray(samples, np.float32).ravel(), rate)))
            case {"labels": [*names], "scores": [*scores]}:
                labels += [Label(name, float(score)) for name, score in zip(names, scores, strict=True)]
            case {"token_str": name, "score": score} | {"label": name, "score": score}:
                labels.append(Label(name, float(score)))
            case {"entity": name, "word": word, "score": score} | {"entity_group": name, "word": word, "score": score}:
                labels.append(Label(f"{word} ({name})", float(score)))
            case {"answer": None}:
                texts.append("There is no answer in it.")
            case {"generated_text": str(text)} | {"text": str(text)} | {"answer": str(text)}:
                texts.append(text)
            case {"mask": _, "label": name}:
                texts.append(f"There is also: {name}.")
    if parts and not (labels or boxes or shown or texts):
        raise InferenceError("unsupported", "What this pipeline gives back cannot be shown.")
    return PipelineOutput("\n".join(texts), tuple(labels), tuple(boxes), tuple(shown))


def _parts(result: object) -> list[object]:
    return [part for item in result for part in _parts(item)] if isinstance(result, list) else [result]


def _png(image: Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
