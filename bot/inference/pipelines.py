"""The pipelines of transformers: what each is given, and why some cannot be had. No torch here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bot.interfaces.errors import UserError

Feed = Literal["text", "sound", "picture", "video"]

BLANKS = re.compile(r"_{2,}|\[MASK\]|<mask>", re.IGNORECASE)
"""The ways in which people write a blank."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What one is given; whether people name the labels that it chooses from, and whether they must ask something."""

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
"""Other names that transformers knows, or knew, for one of them."""

ABSENT: Mapping[str, str] = {
    "any-to-any": "it needs torchvision",
    "mask-generation": "it needs torchvision",
    "table-question-answering": "it needs pandas",
    "keypoint-matching": "it compares two pictures, and a command takes one file",
    "decision": "it is given a request in JSON",
    "feature-extraction": "it gives numbers: `kind:embed` has them as a file",
    "image-feature-extraction": "it gives numbers",
    "summarization": "transformers has it no more: `/summarise`",
    "translation": "transformers has it no more: `/translate`",
    "question-answering": "transformers has it no more: `/answer`",
    "text2text-generation": "transformers has it no more: `kind:rewrite`",
    "visual-question-answering": "transformers has it no more: `/ask-image`",
}
"""Those that cannot be had, and why."""


def resolved(name: str) -> str:
    """A pipeline's own name. Raises UserError for what is none, or is none here."""
    name = name.strip().lower()
    name = ALIASES.get(name, name)
    if name in PIPELINES:
        return name
    if not name:
        raise UserError("Name the pipeline, such as `pipeline:image-segmentation`.")
    if name in ABSENT:
        raise UserError(f"The pipeline {name} cannot be had: {ABSENT[name]}.")
    raise UserError(f"There is no pipeline “{name[:40]}”. There are: {', '.join(PIPELINES)}.")
