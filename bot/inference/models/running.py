"""Any pipeline of transformers that takes a text, a sound or a picture, and gives something that can be shown."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
import transformers
from PIL.Image import Image
from transformers import PreTrainedConfig
from transformers.pipelines import PIPELINE_REGISTRY

from bot.inference import picture, sound
from bot.inference.failures import Failure
from bot.inference.kinds import Answer, Box, Label, Outcome, Pipe, Shown
from bot.inference.lanes import Work
from bot.inference.models.loaded import Loaded
from bot.inference.protocol import Source

_RATE = 16_000
"""Samples a second for pipelines that hear; nearly all models were trained so."""

FEEDS: Mapping[str, str] = {
    **dict.fromkeys(("text-classification", "token-classification", "fill-mask", "text-generation"), "text"),
    **dict.fromkeys(("zero-shot-classification", "text-to-audio"), "text"),
    **dict.fromkeys(("audio-classification", "automatic-speech-recognition"), "sound"),
    "zero-shot-audio-classification": "sound",
    **dict.fromkeys(("image-classification", "image-segmentation", "object-detection"), "picture"),
    **dict.fromkeys(("depth-estimation", "zero-shot-image-classification", "zero-shot-object-detection"), "picture"),
}
"""What each pipeline is given."""


class Runner(Loaded):
    """A model behind the pipeline that its source names."""

    @classmethod
    def auto_class(cls, config: PreTrainedConfig, source: Source) -> str:
        """The first of the pipeline's classes that fits the model."""
        if source.pipeline not in FEEDS:
            raise Failure("unsupported", f"There is no pipeline {source.pipeline!r}. There are: {', '.join(FEEDS)}.")
        for auto in PIPELINE_REGISTRY.check_task(source.pipeline)[1]["pt"]:
            if type(config) in auto._model_mapping:
                name: str = auto.__name__
                return name
        raise Failure("unsupported", f"A model of the kind {config.model_type} does not go with {source.pipeline}.")

    def open(self) -> None:
        """The pipeline reads what it needs from the model's folder."""
        parts = dict.fromkeys(("tokenizer", "image_processor", "feature_extractor", "processor"), str(self.folder))
        self._pipeline = transformers.pipeline(
            self.source.pipeline, model=self.network, device=self.device, trust_remote_code=False, **parts
        )

    def do(self, work: Work) -> Answer:
        """Run it, and sort out what came back."""
        job = work.job
        assert isinstance(job, Pipe)
        self.made = 1
        feed = FEEDS[self.source.pipeline]
        if self.source.pipeline.startswith("zero-shot") and not job.labels:
            raise Failure("failed", "This needs labels to choose from.")
        labels = {"candidate_labels": list(job.labels)} if self.source.pipeline.startswith("zero-shot") else {}
        given = _GIVEN[feed](job)
        return _outcome(self._pipeline(given, **labels))


_GIVEN: Mapping[str, Callable[[Pipe], object]] = {
    "text": lambda job: job.text,
    "sound": lambda job: sound.decoded(job.data, _RATE),
    "picture": lambda job: picture.opened(job.data),
}


def _outcome(result: Mapping[str, object] | list[object]) -> Outcome:
    """Everything in the result that can be shown."""
    labels: list[Label] = []
    boxes: list[Box] = []
    shown: list[Shown] = []
    texts: list[str] = []
    for part in _parts(result):
        match part:
            case {"box": {"xmin": left, "ymin": top, "xmax": right, "ymax": bottom}, "label": name, "score": score}:
                boxes.append(Box(name, float(score), left, top, right, bottom))
            case {"mask": mask, "label": name}:
                shown.append(Shown(name, "image/png", _png(mask)))
            case {"depth": depth}:
                shown.append(Shown("depth", "image/png", _png(depth)))
            case {"audio": samples, "sampling_rate": int(rate)}:
                shown.append(Shown("sound", "audio/wav", sound.wav(np.asarray(samples, np.float32).ravel(), rate)))
            case {"labels": [*names], "scores": [*scores]}:
                labels += [Label(name, float(score)) for name, score in zip(names, scores, strict=True)]
            case {"token_str": name, "score": score} | {"label": name, "score": score}:
                labels.append(Label(name, float(score)))
            case {"entity": name, "word": word, "score": score} | {"entity_group": name, "word": word, "score": score}:
                labels.append(Label(f"{word} ({name})", float(score)))
            case {"generated_text": str(text)} | {"text": str(text)}:
                texts.append(text)
    if not (labels or boxes or shown or texts):
        raise Failure("unsupported", "What this pipeline gives back cannot be shown.")
    return Outcome("\n".join(texts), tuple(labels), tuple(boxes), tuple(shown))


def _parts(result: object) -> list[object]:
    return [part for item in result for part in _parts(item)] if isinstance(result, list) else [result]


def _png(image: Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
