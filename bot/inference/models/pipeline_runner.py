"""The pipelines of transformers with a text, a sound, a picture or a video as input, and output that can be shown."""

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
from bot.interfaces.jobs import Box, GeneratedFile, JobAnswer, Label, Pipe, PipelineOutput

_RATE = 16_000
"""Samples a second for models of sound that state no rate."""

_UNCHECKED = ("text-generation", "text-to-audio", "automatic-speech-recognition", "image-text-to-text")
"""Pipelines whose input is not checked against the window: they have none, or `_room` checks it."""

_LONGEST = 256
"""Longest generated text in tokens."""

_MOST_PARTS = 1_000
"""Most parts of a result that are used, such as detected objects."""

_MOST_FILES = 10
"""Most masks of a segmentation that become pictures; the rest is only named."""

_SPECIAL_TOKENS = 3
"""Most special tokens that models add around texts."""

_HYPOTHESIS = 6
"""Tokens of the sentence around a label: "This example is {}."."""

_REQUEST = "Describe this picture."


class PipelineRunner(LoadedModel):
    """A model in the pipeline that its source names."""

    @classmethod
    def auto_class(cls, config: PreTrainedConfig, source: ModelSource) -> str:
        """Return the pipeline's first Auto class that has the model's architecture. Raises InferenceError."""
        if source.pipeline not in PIPELINES:
            raise InferenceError("unsupported", f"The pipeline {source.pipeline!r} is not supported.")
        if source.pipeline == "zero-shot-classification":
            entailment(config.id2label)
        if source.pipeline == "document-question-answering":
            if config.model_type.startswith("layout"):
                raise InferenceError("unsupported", "This model needs the program Tesseract, which is not supported.")
            return "AutoModelForImageTextToText"  # for Donut: the pipeline accepts it, its own Auto class does not
        for auto in PIPELINE_REGISTRY.check_task(source.pipeline)[1]["pt"]:
            if type(config) in auto._model_mapping:
                name: str = auto.__name__
                return name
        raise InferenceError(
            "unsupported", f"A model of the kind {config.model_type} does not fit the pipeline {source.pipeline}."
        )

    def open(self) -> None:
        """Create the pipeline, which loads its tokenizer and processors from the model's folder."""
        self._pipe = PIPELINES[self.source.pipeline]
        kind = getattr(transformers, PIPELINE_REGISTRY.check_task(self.source.pipeline)[1]["impl"].rpartition(".")[2])
        names = [
            name
            for name in ("tokenizer", "image_processor", "processor")
            if getattr(kind, f"_load_{name}") is not False
        ]
        parts: dict[str, object] = dict.fromkeys(names, str(self.folder))
        if kind._load_feature_extractor:  # loaded here, because the pipeline would search the Hub for it as well
            parts["feature_extractor"] = AutoFeatureExtractor.from_pretrained(self.folder, **SAFE)
        self._pipeline = transformers.pipeline(
            self.source.pipeline, model=self.network, device=self.device, trust_remote_code=False, **parts
        )
        tokenizer = self._pipeline.tokenizer
        if not hasattr(tokenizer, "all_special_tokens"):
            tokenizer = getattr(self._pipeline.processor, "tokenizer", None)
        self.tokenizer = tokenizer

    def do(self, work: Work) -> JobAnswer:
        """Run the pipeline and return its output. Raises InferenceError."""
        job = work.job
        assert isinstance(job, Pipe)
        self.produced = 1
        if self.source.pipeline not in _UNCHECKED:
            self._check_length(job)
        labels = {"candidate_labels": list(job.labels)} if self._pipe.labels else {}
        match self.source.pipeline:
            case "fill-mask":
                return _output(self._pipeline(self._masked(job.text)))
            case "text-generation":
                return _output(self._pipeline(job.text, max_new_tokens=self._room(job.text)))
            case "automatic-speech-recognition" if self.network.config.model_type == "whisper":
                # without timestamps the pipeline reads only the first 30 seconds
                return _output(self._pipeline(self._input(job), return_timestamps=True))
            case "document-question-answering":
                return _output(self._pipeline(images.opened(job.data), self.defused(job.text)))
            case "image-text-to-text":
                most = self._room(job.text)
                return _output(self._pipeline(**self._conversation(job), return_full_text=False, max_new_tokens=most))
            case "video-classification":
                # decoded here, within limits of size and length, which the pipeline's own reader does not have
                frames = video.frames(job.data, self.network.config.num_frames, work.stop)
                inputs = self._pipeline.image_processor(frames, return_tensors="pt")
                return _output(self._pipeline.postprocess(self._pipeline.forward(inputs)))
        return _output(self._pipeline(self._input(job), **labels))

    def _input(self, job: Pipe) -> object:
        """Return the job's text, or its file decoded."""
        match self._pipe.feed:
            case "sound":
                extractor = self._pipeline.feature_extractor
                return audio.decoded(job.data, getattr(extractor, "sampling_rate", _RATE))
            case "picture":
                return images.opened(job.data)
        return job.text

    def _check_length(self, job: Pipe) -> None:
        """Raise InferenceError for a text that exceeds the window: a pipeline would cut it silently, or crash."""
        longest = max(map(self._size, job.labels), default=0)
        beside = longest + _HYPOTHESIS if job.labels else 0
        size = max(longest, self._size(job.text) + beside if self._pipe.feed == "text" else 0) + _SPECIAL_TOKENS
        if self.context and size > self.context:
            raise InferenceError(
                "failed", f"The text is too long: it has {size} tokens, and this model reads {self.context} at once."
            )

    def _size(self, text: str) -> int:
        """Return the tokens of a text; 0 for a model without a tokenizer."""
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"]) if self.tokenizer and text else 0

    def _room(self, text: str) -> int:
        """Return the number of tokens that can be generated after a text. Raises InferenceError if it is none."""
        room = self.context - self._size(text) - _SPECIAL_TOKENS if self.context else _LONGEST
        if room < 1:
            raise InferenceError(
                "failed", f"The text is too long: this model has a window of {self.context} tokens for text and answer."
            )
        return min(room, _LONGEST)

    def _masked(self, text: str) -> str:
        """Return the text with the model's mask token for each blank. Raises InferenceError without a blank."""
        mask = self._pipeline.tokenizer.mask_token
        if not mask:
            raise InferenceError("unsupported", "This model has no mask token: it was not trained to fill blanks.")
        masked, blanks = BLANKS.subn(mask, text)
        if not blanks:
            raise InferenceError("failed", "Write a blank as ___, such as: The capital of France is ___.")
        return masked

    def _conversation(self, job: Pipe) -> dict[str, object]:
        """Return the input for a picture with a text: a conversation, if the model has a chat template."""
        image = images.opened(job.data)
        if not getattr(self._pipeline.processor, "chat_template", None):
            return {"images": image, "text": self.defused(job.text)}
        content = [{"type": "image", "image": image}, {"type": "text", "text": self.defused(job.text) or _REQUEST}]
        return {"text": [{"role": "user", "content": content}]}


def _output(result: Mapping[str, object] | list[object]) -> PipelineOutput:
    """Return all parts of a pipeline's result that can be shown. Raises InferenceError if there is none."""
    labels: list[Label] = []
    boxes: list[Box] = []
    files: list[GeneratedFile] = []
    texts: list[str] = []
    parts = _parts(result)
    for part in parts[:_MOST_PARTS]:
        match part:
            case {"box": {"xmin": left, "ymin": top, "xmax": right, "ymax": bottom}, "label": name, "score": score}:
                boxes.append(Box(name, float(score), left, top, right, bottom))
            case {"mask": mask, "label": name} if len(files) < _MOST_FILES:
                files.append(GeneratedFile(name, "image/png", _png(mask)))
            case {"depth": depth}:
                files.append(GeneratedFile("depth", "image/png", _png(depth)))
            case {"audio": samples, "sampling_rate": int(rate)}:
                files.append(
                    GeneratedFile("sound", "audio/wav", audio.wav(np.asarray(samples, np.float32).ravel(), rate))
                )
            case {"labels": [*names], "scores": [*scores]}:
                labels += [Label(name, float(score)) for name, score in zip(names, scores, strict=True)]
            case {"token_str": name, "score": score} | {"label": name, "score": score}:
                labels.append(Label(name, float(score)))
            case {"entity": name, "word": word, "score": score} | {"entity_group": name, "word": word, "score": score}:
                labels.append(Label(f"{word} ({name})", float(score)))
            case {"answer": None}:
                texts.append("The file has no answer to the question.")
            case {"generated_text": str(text)} | {"text": str(text)} | {"answer": str(text)}:
                texts.append(text)
            case {"mask": _, "label": name}:
                texts.append(f"There is also: {name}.")
    if parts and not (labels or boxes or files or texts):
        raise InferenceError("unsupported", "I can't show the output of this pipeline: it is of an unknown form.")
    return PipelineOutput("\n".join(texts), tuple(labels), tuple(boxes), tuple(files))


def _parts(result: object) -> list[object]:
    """Flatten nested lists: some pipelines return one for each input."""
    return [part for item in result for part in _parts(item)] if isinstance(result, list) else [result]


def _png(image: Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
