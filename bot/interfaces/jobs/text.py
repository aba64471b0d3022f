"""Jobs on texts, and their answers. Offsets count characters of the job's text, and scores go from 0 to 1."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from bot.interfaces.jobs.base import FinishReason, Job, JobAnswer, Skill

Purpose = Literal["", "summarization", "translation"]
"""The purpose of a rewriting, by transformers' names; "" for models that follow the instruction in the text."""


@dataclass(frozen=True, slots=True)
class Written(JobAnswer):
    """The end of a streamed text, with the tokens that it used."""

    reason: FinishReason = "complete"
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class WriteAnswer(Job[Written]):
    """Answer a conversation: `messages` are pairs of role and text.

    `max_tokens` 0 allows as many as the window holds. `temperature` None is the model's default, and 0 takes the
    likeliest token each time.
    """

    skill: ClassVar[Skill] = "write"
    messages: tuple[tuple[str, str], ...]
    max_tokens: int = 0
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Complete(Job[Written]):
    """Continue `text` without a chat template, with at most `max_tokens` tokens."""

    skill: ClassVar[Skill] = "write"
    text: str
    max_tokens: int = 64
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Counted(JobAnswer):
    """The length of a prompt and the model's window, in tokens."""

    tokens: int
    context: int


@dataclass(frozen=True, slots=True)
class Count(Job[Counted]):
    """Count the tokens of `messages`, pairs of role and text, as a prompt with the chat template."""

    skill: ClassVar[Skill] = "write"
    quick: ClassVar[bool] = True
    messages: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a text, with its id and its characters; a special token has none of the text's characters."""

    id: int
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Cut(JobAnswer):
    """The number of a text's tokens, the first of them, and the model's window in tokens (`context`)."""

    total: int
    tokens: tuple[Token, ...]
    context: int


@dataclass(frozen=True, slots=True)
class Tokens(Job[Cut]):
    """Split `text` with the model's tokenizer; the answer has the first `most` tokens."""

    skill: ClassVar[Skill] = "write"
    quick: ClassVar[bool] = True
    text: str
    most: int = 200


@dataclass(frozen=True, slots=True)
class Rewrite(Job[Written]):
    """Write a new text from `text` with an encoder-decoder: a summary, a translation, or the answer to an instruction.

    `purpose` is for models that serve several. `source` and `target` are tags of languages, such as "de". Lengths are
    in tokens; `max_tokens` 0 is the model's default. `beams` above 1 searches more widely and streams nothing until
    the end.
    """

    skill: ClassVar[Skill] = "rewrite"
    text: str
    purpose: Purpose = ""
    source: str = ""
    target: str = ""
    max_tokens: int = 0
    min_tokens: int = 0
    beams: int = 1


@dataclass(frozen=True, slots=True)
class Label:
    """A label and its score."""

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class Labels(JobAnswer):
    """The labels of each text or picture, in falling order of score."""

    rows: tuple[tuple[Label, ...], ...]


@dataclass(frozen=True, slots=True)
class Classify(Job[Labels]):
    """Classify each text with the model's own labels."""

    skill: ClassVar[Skill] = "classify"
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choose(Job[Labels]):
    """Classify each text with `labels`, by a model for natural language inference (NLI).

    With `several` each label is scored independently; otherwise the scores add up to 1. The label replaces {} in
    `hypothesis`.
    """

    skill: ClassVar[Skill] = "classify"
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    several: bool = False
    hypothesis: str = "This example is {}."


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the job's text."""

    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Spans(JobAnswer):
    """Answers in falling order of score; `nothing` is the score for a text without an answer."""

    spans: tuple[Span, ...]
    nothing: float = 0.0


@dataclass(frozen=True, slots=True)
class Extract(Job[Spans]):
    """Find the parts of `text`, of any length, that answer `question`.

    The answer has at most `most` parts without overlap, each of at most `longest` tokens.
    """

    skill: ClassVar[Skill] = "extract"
    question: str
    text: str
    most: int = 3
    longest: int = 30


@dataclass(frozen=True, slots=True)
class Entity:
    """A named entity in the job's text; `label` is its kind, such as PER or LOC."""

    label: str
    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Entities(JobAnswer):
    """The entities of each text, in the order of the text."""

    rows: tuple[tuple[Entity, ...], ...]


@dataclass(frozen=True, slots=True)
class Tag(Job[Entities]):
    """Find the named entities in each text, of any length."""

    skill: ClassVar[Skill] = "tag"
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filling:
    """A word for the blank, and the text with the word in place."""

    word: str
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Fillings(JobAnswer):
    """Words for the blank, in falling order of score."""

    fillings: tuple[Filling, ...]


@dataclass(frozen=True, slots=True)
class Fill(Job[Fillings]):
    """Find the `most` likeliest words for the blank in `text`, which contains `blank` once."""

    skill: ClassVar[Skill] = "fill"
    text: str
    blank: str = "___"
    most: int = 5


@dataclass(frozen=True, slots=True)
class Vectors(JobAnswer):
    """A vector for each text: `data` holds float32 numbers of this machine's byte order, row after row.

    The vectors have length 1 for models with a normalising layer.
    """

    dimensions: int
    data: bytes

    @property
    def rows(self) -> list[list[float]]:
        """Return all vectors as lists of numbers."""
        return list(self.each())

    def each(self) -> Iterator[list[float]]:
        """Yield one vector after the other as a list of numbers."""
        size = self.dimensions * array("f").itemsize
        for start in range(0, len(self.data), size or 1):
            yield array("f", self.data[start : start + size]).tolist()


@dataclass(frozen=True, slots=True)
class Embed(Job[Vectors]):
    """Compute a vector of each text's meaning: similar texts have similar vectors. `prompt` precedes each text."""

    skill: ClassVar[Skill] = "embed"
    texts: tuple[str, ...]
    prompt: str = ""
