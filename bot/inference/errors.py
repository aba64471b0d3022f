"""What can go wrong in one request to the models' process, told apart without importing torch."""

from __future__ import annotations

import sys
import traceback

from bot.inference.protocol import FailureKind


class InferenceError(Exception):
    """One request came to nothing; `message` is a sentence for people."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind
        self.message = message


_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")

_LONGER = "That is longer than this model can read, or not what it was made for: give it less."
_SHORTER = "There is too little in that for this model."
_WORDS = {
    "index out of range": _LONGER,
    "out of bounds for dimension": _LONGER,
    "must match the size of tensor": _LONGER,
    "max_position_embeddings": _LONGER,
    "length must be non-negative": _SHORTER,
    "Kernel size can't be greater": _SHORTER,
    "Expected more than 1 value per channel": _SHORTER,
    "Size must contain": "This picture is too narrow for this model.",
}
"""What libraries say where something is too long or too short, in words for people."""


def inference_error_of(error: BaseException) -> InferenceError:
    """Any exception as a Failure. Torch reports a lack of memory as several types, known by their words."""
    if isinstance(error, InferenceError):
        return error
    said = str(error)
    if isinstance(error, MemoryError) or any(words in said.lower() for words in _OUT_OF_MEMORY):
        return InferenceError(
            "out-of-memory",
            "There is not enough memory for this answer. Shorten the question, or choose a smaller model (/model).",
        )
    first = said.strip().splitlines()[0][:200].rstrip(".") if said.strip() else "no reason given"
    if isinstance(error, ImportError):
        return InferenceError(
            "unsupported",
            f"This model needs a library that is not installed: {first}. Whoever runs this bot can install it.",
        )
    traceback.print_exception(error, file=sys.stderr)  # for the log: people get words
    words = next((words for sign, words in _WORDS.items() if sign in said), "")
    return InferenceError(
        "failed", words or f"The model could not do anything with that: {first}. Try something else, or another model."
    )
