"""What models on the Hub are made for, in the Hub's words, and what that is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["chat", "text", "embeddings", "speech", "picture"]


@dataclass(frozen=True, slots=True)
class HubTask:
    """A task of the Hub: its kind for people, and the endings of the classes' names that do it; none is any."""

    kind: Kind
    classes: tuple[str, ...] = ()


_WRITES = ("ForCausalLM", "LMHeadModel")
_REWRITES = ("ForConditionalGeneration", "MTModel")

TASKS: Mapping[str, HubTask] = {
    "chat": HubTask("chat", _WRITES),
    "text-generation": HubTask("text", _WRITES),
    "summarization": HubTask("text", _REWRITES),
    "translation": HubTask("text", _REWRITES),
    "text2text-generation": HubTask("text", _REWRITES),
    "text-classification": HubTask("text", ("ForSequenceClassification",)),
    "zero-shot-classification": HubTask("text", ("ForSequenceClassification",)),
    "token-classification": HubTask("text", ("ForTokenClassification",)),
    "question-answering": HubTask("text", ("ForQuestionAnswering",)),
    "fill-mask": HubTask("text", ("ForMaskedLM",)),
    "feature-extraction": HubTask("embeddings"),
    "sentence-similarity": HubTask("embeddings"),
    "automatic-speech-recognition": HubTask("speech", ("ForConditionalGeneration", "ForCTC", "ForSpeechSeq2Seq")),
    "text-to-speech": HubTask("speech"),
    "text-to-audio": HubTask("speech"),
    "image-classification": HubTask("picture", ("ForImageClassification",)),
    "object-detection": HubTask("picture", ("ForObjectDetection",)),
    "image-to-text": HubTask("picture"),
    "image-text-to-text": HubTask("picture"),
    "visual-question-answering": HubTask("picture"),
}
"""What can be done here. "chat" is ours: the Hub calls it text-generation, and marks what converses."""
