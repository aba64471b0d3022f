"""The Hub's tasks that this bot supports, and the skill and kind that each has here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bot.interfaces.jobs import Skill
from bot.interfaces.prompts import Ability

Kind = Literal["chat", "text", "embeddings", "speech", "sound", "picture", "video"]


@dataclass(frozen=True, slots=True)
class HubTask:
    """A task of the Hub: its kind for people, its skill, and the endings of the model classes' names.

    Without `classes` any class is accepted. A task with the skill "run" is done by the pipeline of the task's name.
    """

    kind: Kind
    skill: Skill
    classes: tuple[str, ...] = ()


_WRITES = ("ForCausalLM", "LMHeadModel")
_REWRITES = ("ForConditionalGeneration", "MTModel")

TASKS: Mapping[str, HubTask] = {
    "chat": HubTask("chat", "write", _WRITES),
    "text-generation": HubTask("text", "write", _WRITES),
    "summarization": HubTask("text", "rewrite", _REWRITES),
    "translation": HubTask("text", "rewrite", _REWRITES),
    "text2text-generation": HubTask("text", "rewrite", _REWRITES),
    "text-classification": HubTask("text", "classify", ("ForSequenceClassification",)),
    "zero-shot-classification": HubTask("text", "classify", ("ForSequenceClassification",)),
    "token-classification": HubTask("text", "tag", ("ForTokenClassification",)),
    "question-answering": HubTask("text", "extract", ("ForQuestionAnswering",)),
    "fill-mask": HubTask("text", "fill", ("ForMaskedLM",)),
    "feature-extraction": HubTask("embeddings", "embed"),
    "sentence-similarity": HubTask("embeddings", "embed"),
    "automatic-speech-recognition": HubTask("speech", "transcribe", ("WhisperForConditionalGeneration",)),
    "text-to-speech": HubTask("speech", "speak", ("VitsModel",)),
    "text-to-audio": HubTask("speech", "speak", ("VitsModel",)),
    "image-classification": HubTask("picture", "classify-picture", ("ForImageClassification",)),
    "object-detection": HubTask("picture", "detect", ("ForObjectDetection",)),
    "image-to-text": HubTask("picture", "describe"),
    "image-text-to-text": HubTask("picture", "describe"),
    "visual-question-answering": HubTask("picture", "describe"),
    "audio-classification": HubTask("sound", "run", ("ForAudioClassification", "ForSequenceClassification")),
    "zero-shot-audio-classification": HubTask("sound", "run"),
    "image-segmentation": HubTask("picture", "run", ("Segmentation",)),
    "depth-estimation": HubTask("picture", "run", ("ForDepthEstimation",)),
    "document-question-answering": HubTask("picture", "run", ("VisionEncoderDecoderModel",)),
    "zero-shot-image-classification": HubTask("picture", "run"),
    "zero-shot-object-detection": HubTask("picture", "run"),
    "video-classification": HubTask("video", "run", ("ForVideoClassification",)),
}
"""The supported tasks by the Hub's names. Only "chat" is not one: the Hub calls it text-generation, with a mark."""

KINDS: Mapping[Skill | Ability, Kind] = {
    **{task.skill: task.kind for task in TASKS.values()},
    "write": "chat",
    "chat": "chat",
    "paint": "picture",
    "run": "text",
}
"""Kinds of models in config.toml, whose task on the Hub is not known."""
