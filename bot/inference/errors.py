"""Failures of a request to the models' process, classified without importing torch."""

from __future__ import annotations

import sys
import traceback

from bot.inference.protocol import FailureKind


class InferenceError(Exception):
    """A request failed; `message` is a sentence for people."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind
        self.message = message


_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")
"""Phrases in torch's errors about a lack of memory."""

TOO_LONG = "The input is too long for this model, or of a kind that it cannot read. Shorten it."
TOO_SHORT = "The input is too short for this model. Send more."
_MESSAGES = {
    "index out of range": TOO_LONG,
    "out of bounds for dimension": TOO_LONG,
    "must match the size of tensor": TOO_LONG,
    "max_position_embeddings": TOO_LONG,
    "length must be non-negative": TOO_SHORT,
    "Kernel size can't be greater": TOO_SHORT,
    "Expected more than 1 value per channel": TOO_SHORT,
    "Size must contain": "This picture is too narrow for this model. Send a wider one.",
}
"""Messages for people by a phrase in a library's error about the size of the input."""


def inference_error_of(error: BaseException) -> InferenceError:
    """Return any exception as an InferenceError.

    Torch reports a lack of memory by several exceptions, so it is recognised by phrases in their texts.
    """
    if isinstance(error, InferenceError):
        return error
    text = str(error)
    if isinstance(error, MemoryError) or any(phrase in text.lower() for phrase in _OUT_OF_MEMORY):
        return InferenceError(
            "out-of-memory",
            "There is not enough memory for this answer. Shorten the question, or choose a smaller model (/model).",
        )
    first_line = text.strip().splitlines()[0][:200].rstrip(".") if text.strip() else "no details"
    if isinstance(error, ImportError):
        return InferenceError(
            "unsupported",
            f"This model needs a library that is not installed: {first_line}. The operator of this bot can install it.",
        )
    traceback.print_exception(error, file=sys.stderr)  # for the bot's log, as people get only one sentence
    message = next((message for phrase, message in _MESSAGES.items() if phrase in text), "")
    return InferenceError(
        "failed", message or f"The model failed: {first_line}. Change the request, or choose another model (/model)."
    )
