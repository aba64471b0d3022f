"""The pipelines of transformers: the inputs of the supported ones, and reasons for the others. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bot.interfaces.errors import UserError

Feed = Literal["text", "sound", "picture", "video"]

BLANKS = re.compile(r"_{2,}|\[MASK\]|<mask>", re.IGNORECASE)
"""Pattern of a blank in a text, in all the forms that people use."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The input of a pipeline. With `labels` people name the choices; with `question` they must ask a question."""

    feed: Feed
    labels: bool = False
    question: bool = False


PIPELINES: Mapping[str, Pipeline] = {
    "text-classification": Pipeline("text"),
    "token-classification": Pipeline("text"),
    "fill-mask": Pipeline("text"),
    "text-generation": Pipeline("text"),
    "zero-shot-classification": Pipeline("text", labels=True),
    "text-to-audio": Pipeline("text"),
    "audio-classification": Pipeline("sound"),
    "automatic-speech-recognition": Pipeline("sound"),
    "zero-shot-audio-classification": Pipeline("sound", labels=True),
    "image-classification": Pipeline("picture"),
    "image-segmentation": Pipeline("picture"),
    "object-detection": Pipeline("picture"),
    "depth-estimation": Pipeline("picture"),
    "image-text-to-text": Pipeline("picture"),
    "document-question-answering": Pipeline("picture", question=True),
    "zero-shot-image-classification": Pipeline("picture", labels=True),
    "zero-shot-object-detection": Pipeline("picture", labels=True),
    "video-classification": Pipeline("video"),
}

ALIASES: Mapping[str, str] = {
    "sentiment-analysis": "text-classification",
    "ner": "token-classification",
    "text-to-speech": "text-to-audio",
    "image-to-text": "image-text-to-text",
}
"""Present and former aliases of supported pipelines in transformers."""

ABSENT: Mapping[str, str] = {
    "any-to-any": "it needs torchvision",
    "mask-generation": "it needs torchvision",
    "table-question-answering": "it needs pandas",
    "keypoint-matching": "it compares two images, and a command takes one file",
    "decision": "its input is a request in JSON",
    "feature-extraction": "its output is numbers; `kind:embed` returns them as a file",
    "image-feature-extraction": "its output is numbers",
    "summarization": "transformers has removed it; use `/summarise`",
    "translation": "transformers has removed it; use `/translate`",
    "question-answering": "transformers has removed it; use `/answer`",
    "text2text-generation": "transformers has removed it; use `kind:rewrite`",
    "visual-question-answering": "transformers has removed it; use `/ask-image`",
}
"""Pipelines that are not supported, each with the reason."""


def resolved(name: str) -> str:
    """Return the canonical name of a supported pipeline. Raises UserError for any other name."""
    name = name.strip().lower()
    name = ALIASES.get(name, name)
    if name in PIPELINES:
        return name
    if not name:
        raise UserError("Name the pipeline, such as `pipeline:image-segmentation`.")
    if name in ABSENT:
        raise UserError(f"The pipeline {name} is not supported: {ABSENT[name]}.")
    raise UserError(f"There is no pipeline “{name[:40]}”. Supported pipelines: {', '.join(PIPELINES)}.")
