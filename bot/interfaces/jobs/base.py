"""The bases of jobs and of their answers, and the skills that models have."""

from __future__ import annotations

from typing import ClassVar, Generic, Literal, TypeVar

Skill = Literal[
    "write",
    "rewrite",
    "classify",
    "extract",
    "tag",
    "fill",
    "embed",
    "transcribe",
    "speak",
    "classify-picture",
    "detect",
    "describe",
    "paint",
    "run",
]
"""The purpose that a model is loaded for. One checkpoint may have several. Only models behind APIs paint."""

FinishReason = Literal["complete", "length", "stopped"]
"""The reason for the end of a generated text: the model ended it, it reached its longest length, or it was stopped."""


class JobAnswer:
    """The base of the answer that ends a job."""

    __slots__ = ()


A = TypeVar("A", bound=JobAnswer, covariant=True)


class Job(Generic[A]):
    """The base of a request to a model. A `quick` job needs only the tokenizer, so it does not wait for its turn."""

    __slots__ = ()
    skill: ClassVar[Skill]
    quick: ClassVar[bool] = False
