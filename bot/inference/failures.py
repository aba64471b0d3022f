"""What can go wrong in one request to the models' process, told apart without importing torch."""

from __future__ import annotations

from bot.inference.protocol import FailureKind


class Failure(Exception):
    """One request came to nothing; `message` is a sentence for people."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind
        self.message = message


_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


def failure_of(error: BaseException) -> Failure:
    """Any exception as a Failure. Torch reports a lack of memory as several types, known by their words."""
    if isinstance(error, Failure):
        return error
    said = str(error)
    if isinstance(error, MemoryError) or any(words in said.lower() for words in _OUT_OF_MEMORY):
        return Failure("out-of-memory", "There is not enough memory for this answer.")
    first = said.strip().splitlines()[0][:200] if said.strip() else "no reason given"
    if isinstance(error, ImportError):
        return Failure("unsupported", f"This model needs a library that is not installed: {first}.")
    return Failure("failed", f"The model failed: {type(error).__name__}, {first}.")
