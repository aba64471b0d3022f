"""Jobs on sounds, pictures and videos, and their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bot.interfaces.jobs.base import Job, JobAnswer, Skill
from bot.interfaces.jobs.text import Label, Labels, Written


@dataclass(frozen=True, slots=True)
class Segment:
    """The words spoken from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Transcript(JobAnswer):
    """The words of a recording, which lasts `seconds`; 0 where the length is not known.

    `segments` may be empty: a local model fills them only on request, and some models behind APIs report no times.
    `language` is the requested one, or the one that a multilingual model recognised, else "".
    """

    text: str
    segments: tuple[Segment, ...] = ()
    seconds: float = 0.0
    language: str = ""


@dataclass(frozen=True, slots=True)
class Transcribe(Job[Transcript]):
    """Transcribe an audio file of any length and any usual format. With `language` "" the model recognises it."""

    skill: ClassVar[Skill] = "transcribe"
    data: bytes
    language: str = ""
    into_english: bool = False
    timestamps: bool = False


@dataclass(frozen=True, slots=True)
class Sound(JobAnswer):
    """An audio file: from a local model a WAV file of one channel with `rate` samples a second.

    From an API the format varies, and `rate` and `seconds` are 0.
    """

    data: bytes
    rate: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Speak(Job[Sound]):
    """Read `text` aloud. `voice` is a number for local models and a name for APIs; "" is the model's default."""

    skill: ClassVar[Skill] = "speak"
    text: str
    voice: str = ""


@dataclass(frozen=True, slots=True)
class ClassifyPicture(Job[Labels]):
    """Classify a picture with the model's own labels; the answer has the `most` likeliest."""

    skill: ClassVar[Skill] = "classify-picture"
    data: bytes
    most: int = 5


@dataclass(frozen=True, slots=True)
class Box:
    """An object in a picture and its rectangle, in pixels from the upper left corner."""

    label: str
    score: float
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Boxes(JobAnswer):
    """The objects in a picture of `width` by `height` pixels, in falling order of score."""

    width: int
    height: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Detect(Job[Boxes]):
    """Detect the objects in a picture with a score of at least `surety`."""

    skill: ClassVar[Skill] = "detect"
    data: bytes
    surety: float = 0.5


@dataclass(frozen=True, slots=True)
class Describe(Job[Written]):
    """Describe a picture in words, or answer `question` about it. `max_tokens` 0 is the model's default."""

    skill: ClassVar[Skill] = "describe"
    data: bytes
    question: str = ""
    max_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Painting(JobAnswer):
    """A generated picture."""

    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Paint(Job[Painting]):
    """Generate a picture from the description `text`. `size` is such as "1024x1024"; "" is the model's default."""

    skill: ClassVar[Skill] = "paint"
    text: str
    size: str = ""


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """A picture or a sound that a pipeline generated."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class PipelineOutput(JobAnswer):
    """The output of a pipeline, by the form in which people see it; most pipelines fill only one field."""

    text: str
    labels: tuple[Label, ...]
    boxes: tuple[Box, ...]
    files: tuple[GeneratedFile, ...]


@dataclass(frozen=True, slots=True)
class Pipe(Job[PipelineOutput]):
    """Run a pipeline of transformers on `text`, or on the sound, picture or video in `data`.

    With `data`, `text` is the question about it. `labels` are the choices for the pipelines that need some.
    """

    skill: ClassVar[Skill] = "run"
    pipeline: str
    text: str = ""
    data: bytes = b""
    labels: tuple[str, ...] = ()
