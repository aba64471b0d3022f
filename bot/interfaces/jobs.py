"""The kinds of inference: what can be asked of a pretrained model, and what comes back. Standard library only.

A Job is asked of a model; each names the skill that the model is loaded for, and its answer's class. Those that write
text stream it before their answer. Offsets count characters of the text that was given, scores go from 0 to 1.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
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
"""What a model is for. One checkpoint may serve several, each loaded for itself. Only models behind APIs paint."""

Purpose = Literal["", "summarization", "translation"]
"""What a text is turned into another for, as makers of models call it; "" where the text itself says it."""

FinishReason = Literal["complete", "length", "stopped"]


class JobAnswer:
    """What comes back at the end of a job."""

    __slots__ = ()


A = TypeVar("A", bound=JobAnswer, covariant=True)


class Job(Generic[A]):
    """What is asked. A `quick` job needs no network, only a tokenizer, and waits for nobody."""

    __slots__ = ()
    skill: ClassVar[Skill]
    quick: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Written(JobAnswer):
    """The end of a text that was streamed."""

    reason: FinishReason = "complete"
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class WriteAnswer(Job[Written]):
    """Answer `messages`, pairs of role and text.

    `max_tokens` 0 means as many as the window holds. `temperature` None means as the model's makers chose, 0 the
    likeliest token each time.
    """

    skill: ClassVar[Skill] = "write"
    messages: tuple[tuple[str, str], ...]
    max_tokens: int = 0
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Complete(Job[Written]):
    """Write on after `text`, as a model does that was made for no conversation."""

    skill: ClassVar[Skill] = "write"
    text: str
    max_tokens: int = 64
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Counted(JobAnswer):
    """The length of a prompt, and the window that it must fit, in tokens."""

    tokens: int
    context: int


@dataclass(frozen=True, slots=True)
class Count(Job[Counted]):
    """How many tokens `messages` take as a prompt."""

    skill: ClassVar[Skill] = "write"
    quick: ClassVar[bool] = True
    messages: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a text as a model reads it; special ones have no characters of the text."""

    id: int
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Cut(JobAnswer):
    """A text in tokens: how many there are, and the first of them. `context` is the model's window."""

    total: int
    tokens: tuple[Token, ...]
    context: int


@dataclass(frozen=True, slots=True)
class Tokens(Job[Cut]):
    """How the model's tokenizer cuts `text`; the first `most` tokens one by one."""

    skill: ClassVar[Skill] = "write"
    quick: ClassVar[bool] = True
    text: str
    most: int = 200


@dataclass(frozen=True, slots=True)
class Rewrite(Job[Written]):
    """Turn `text` into another one with an encoder-decoder: a summary, a translation, what `text` instructs.

    `purpose` is for models that were made for several and want to be told which. `source` and `target` are the tags
    of languages, such as "de". `beams` above 1 searches more widely and streams nothing until the end.
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
    """One of the answers that were possible."""

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class Labels(JobAnswer):
    """For each text or picture its labels, the likeliest first."""

    rows: tuple[tuple[Label, ...], ...]


@dataclass(frozen=True, slots=True)
class Classify(Job[Labels]):
    """The model's own labels for each text."""

    skill: ClassVar[Skill] = "classify"
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choose(Job[Labels]):
    """Which of `labels` fit each text, by a model that knows what follows from what (NLI).

    With `several` each label is judged for itself, else their scores add up to 1.
    """

    skill: ClassVar[Skill] = "classify"
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    several: bool = False
    hypothesis: str = "This example is {}."


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the text that was given."""

    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Spans(JobAnswer):
    """The likeliest first; `nothing` is the score of there being no answer in the text."""

    spans: tuple[Span, ...]
    nothing: float = 0.0


@dataclass(frozen=True, slots=True)
class Extract(Job[Spans]):
    """Where `text`, of any length, answers `question`; at most `most` places that do not overlap."""

    skill: ClassVar[Skill] = "extract"
    question: str
    text: str
    most: int = 3
    longest: int = 30


@dataclass(frozen=True, slots=True)
class Entity:
    """A name, a place, … in the text that was given."""

    label: str
    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Entities(JobAnswer):
    """For each text what was found in it, from its beginning to its end."""

    rows: tuple[tuple[Entity, ...], ...]


@dataclass(frozen=True, slots=True)
class Tag(Job[Entities]):
    """The named things in each text, of any length."""

    skill: ClassVar[Skill] = "tag"
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filling:
    """A word for the blank; `text` is the whole with the word in it."""

    word: str
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Fillings(JobAnswer):
    """The likeliest first."""

    fillings: tuple[Filling, ...]


@dataclass(frozen=True, slots=True)
class Fill(Job[Fillings]):
    """What goes in the one blank of `text`, written as `blank`."""

    skill: ClassVar[Skill] = "fill"
    text: str
    blank: str = "___"
    most: int = 5


@dataclass(frozen=True, slots=True)
class Vectors(JobAnswer):
    """One vector for each text, of length 1 where the model's makers normalise: float32 in `data`, row after row."""

    dimensions: int
    data: bytes

    @property
    def rows(self) -> list[list[float]]:
        """As numbers."""
        return list(self.each())

    def each(self) -> Iterator[list[float]]:
        """As numbers, one vector after the other."""
        size = self.dimensions * array("f").itemsize
        for start in range(0, len(self.data), size or 1):
            yield array("f", self.data[start : start + size]).tolist()


@dataclass(frozen=True, slots=True)
class Embed(Job[Vectors]):
    """What each text means, as a vector: alike where texts are alike. `prompt` is put before each text."""

    skill: ClassVar[Skill] = "embed"
    texts: tuple[str, ...]
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class TimedText:
    """What was said from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class TranscribedText(JobAnswer):
    """The end of a text that was streamed; `segments` where timestamps were asked for. `seconds` is the sound's length.

    `language` is what was asked for or, with models that know several, what was heard.
    """

    text: str
    segments: tuple[TimedText, ...]
    seconds: float
    language: str = ""


@dataclass(frozen=True, slots=True)
class Transcribe(Job[TranscribedText]):
    """What is said in an audio file of any length and any usual format. `language` "" leaves it to the model."""

    skill: ClassVar[Skill] = "transcribe"
    data: bytes
    language: str = ""
    into_english: bool = False
    timestamps: bool = False


@dataclass(frozen=True, slots=True)
class Sound(JobAnswer):
    """A WAV file of one channel."""

    data: bytes
    rate: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Speak(Job[Sound]):
    """Say `text` aloud. `voice` is a number here, a name behind an API, and "" the model's own."""

    skill: ClassVar[Skill] = "speak"
    text: str
    voice: str = ""


@dataclass(frozen=True, slots=True)
class ClassifyPicture(Job[Labels]):
    """What a picture shows, in the model's own labels."""

    skill: ClassVar[Skill] = "classify-picture"
    data: bytes
    most: int = 5


@dataclass(frozen=True, slots=True)
class Box:
    """Something in a picture and where, in pixels from its upper left corner."""

    label: str
    score: float
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Boxes(JobAnswer):
    """The surest first, in a picture of that size."""

    width: int
    height: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Detect(Job[Boxes]):
    """The things in a picture that the model is at least `surety` sure of."""

    skill: ClassVar[Skill] = "detect"
    data: bytes
    surety: float = 0.5


@dataclass(frozen=True, slots=True)
class Describe(Job[Written]):
    """Say in words what a picture shows, or answer `question` about it."""

    skill: ClassVar[Skill] = "describe"
    data: bytes
    question: str = ""
    max_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Painting(JobAnswer):
    """A picture that was made."""

    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Paint(Job[Painting]):
    """Make a picture of what `text` describes. `size` is such as "1024x1024", "" the model's own."""

    skill: ClassVar[Skill] = "paint"
    text: str
    size: str = ""


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A picture or a sound that a pipeline made."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class PipelineOutput(JobAnswer):
    """What a pipeline gave back, by how it can be shown; most give one of these."""

    text: str
    labels: tuple[Label, ...]
    boxes: tuple[Box, ...]
    shown: tuple[MadeFile, ...]


@dataclass(frozen=True, slots=True)
class Pipe(Job[PipelineOutput]):
    """Run one of transformers' pipelines on `text`, or on the sound, picture or video in `data`.

    Beside such a file `text` is what is asked about it. `labels` are what it chooses from, where it does.
    """

    skill: ClassVar[Skill] = "run"
    pipeline: str
    text: str = ""
    data: bytes = b""
    labels: tuple[str, ...] = ()
