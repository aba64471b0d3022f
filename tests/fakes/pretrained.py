"""A model in memory that does every job, with answers that can be foretold from what it was given."""

from __future__ import annotations

import io
import wave
from array import array
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass, field
from typing import cast, get_args

from bot.errors import ContextTooLong
from bot.inference import kinds
from bot.inference.kinds import A, Job, Skill
from bot.section import ModelSection
from bot.types import Status, Text
from tests.fakes.memory import MemoryBackend

RATE = 8_000
GLAD, CROSS = {"good", "love", "great"}, {"bad", "hate", "awful"}


class Pretrained(ModelSection):
    """Its table in the catalogue: it does everything in `able`."""

    backend: str = "memory"
    model: str = "made"
    able: tuple[Skill, ...] = get_args(Skill)
    pipeline: str = ""

    @property
    def converses(self) -> bool:
        return False

    @property
    def skills(self) -> Collection[Skill]:
        return self.able


@dataclass
class MemoryPretrained(MemoryBackend):
    """Keeps every job. Texts of more than `longest` words are refused as too long."""

    jobs: list[Job[kinds.Answer]] = field(default_factory=list)
    longest: int = 1_000

    async def run(self, job: Job[A]) -> AsyncGenerator[Text | Status | A, None]:
        self.jobs.append(job)
        yield Status("Loading the model…")
        for text in getattr(job, "texts", ()) or (getattr(job, "text", ""),):
            if len(text.split()) > self.longest:
                raise ContextTooLong("That is too long.")
        written, answer = work(job)
        for word in written.split(" ") if written else ():
            yield Text(f"{word} ")
        yield cast("A", answer)


def labels(job: kinds.Classify) -> kinds.Labels:
    """Positive by the share of glad words."""

    def row(text: str) -> tuple[kinds.Label, ...]:
        words = text.lower().replace(".", " ").replace("!", " ").split()
        glad, cross = sum(word in GLAD for word in words), sum(word in CROSS for word in words)
        share = (glad + 1) / (glad + cross + 2)
        return kinds.Label("POSITIVE", share), kinds.Label("NEGATIVE", 1 - share)

    return kinds.Labels(tuple(map(row, job.texts)))


def chosen(job: kinds.Choose) -> kinds.Labels:
    """The labels that the text holds."""
    fits = [[label in text for label in job.labels] for text in job.texts]
    return kinds.Labels(
        tuple(
            tuple(kinds.Label(name, 0.9 if fit else 0.1) for name, fit in zip(job.labels, row, strict=True))
            for row in fits
        )
    )


def extracted(job: kinds.Extract) -> kinds.Spans:
    """The last word of the question, where the text holds it."""
    word = job.question.rstrip("?").split()[-1]
    at = job.text.find(word)
    spans = (kinds.Span(word, at, at + len(word), 0.8),) if at >= 0 else ()
    return kinds.Spans(spans, nothing=0.1 if spans else 0.9)


def tagged(job: kinds.Tag) -> kinds.Entities:
    """Every word with a capital letter."""

    def row(text: str) -> tuple[kinds.Entity, ...]:
        words = ((word, text.index(word)) for word in text.split() if word[0].isupper())
        return tuple(kinds.Entity("PER", word, at, at + len(word), 0.99) for word, at in words)

    return kinds.Entities(tuple(map(row, job.texts)))


def embedded(job: kinds.Embed) -> kinds.Vectors:
    """How often each letter occurs."""
    counts = array("f", [text.lower().count(chr(97 + letter)) for text in job.texts for letter in range(26)])
    return kinds.Vectors(26, counts.tobytes())


def cut(job: kinds.Tokens) -> kinds.Cut:
    """A token is a word with the space before it."""
    tokens, at = [], 0
    for number, word in enumerate(job.text.split(" ")):
        end = at + len(word) + bool(number)
        tokens.append(kinds.Token(number, job.text[at:end], at, end))
        at = end
    return kinds.Cut(len(tokens), tuple(tokens[: job.most]), 100)


def spoken(text: str) -> bytes:
    """A WAV file with one sample a letter."""
    written = io.BytesIO()
    with wave.open(written, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(array("h", map(ord, text)).tobytes())
    return written.getvalue()


def fillings(job: kinds.Fill) -> kinds.Fillings:
    words = (("capital", 0.7), ("heart", 0.2))
    return kinds.Fillings(tuple(kinds.Filling(word, job.text.replace(job.blank, word), score) for word, score in words))


def transcribed(job: kinds.Transcribe) -> tuple[str, kinds.Transcript]:
    words = job.data.decode()
    segments = (kinds.Segment(0, 2.5, words), kinds.Segment(62.5, 65, "the end")) if job.timestamps else ()
    return words, kinds.Transcript(words, segments, 65)


def described(question: str) -> str:
    return f"a cat, {question}" if question else "a cat on a mat"


def rewritten(job: kinds.Rewrite) -> str:
    first = job.text.split()[0]
    return f"{first}→{job.target}" if job.target else first


def piped(job: kinds.Pipe) -> kinds.Outcome:
    label, box = kinds.Label("cat", 0.8), kinds.Box("cat", 0.9, 5, 5, 30, 25)
    shown = kinds.Shown("mask", "image/png", job.data)
    return kinds.Outcome(job.text, (label,), (box,) if job.data else (), (shown,) if job.data else ())


def work(job: Job[kinds.Answer]) -> tuple[str, kinds.Answer]:
    """What is written, and the answer."""
    match job:
        case kinds.Complete():
            return "and so on", kinds.Written("length", 2, 3)
        case kinds.Rewrite():
            return rewritten(job), kinds.Written()
        case kinds.Describe():
            return described(job.question), kinds.Written()
        case kinds.Transcribe():
            return transcribed(job)
        case kinds.Classify():
            return "", labels(job)
        case kinds.Choose():
            return "", chosen(job)
        case kinds.Extract():
            return "", extracted(job)
        case kinds.Tag():
            return "", tagged(job)
        case kinds.Fill():
            return "", fillings(job)
        case kinds.Embed():
            return "", embedded(job)
        case kinds.Tokens():
            return "", cut(job)
        case kinds.Speak():
            return "", kinds.Sound(spoken(job.text), RATE, len(job.text) / RATE)
        case kinds.Paint():
            return "", kinds.Painting("image/png", job.text.encode())
        case kinds.Pipe():
            return "", piped(job)
        case kinds.ClassifyPicture():
            return "", kinds.Labels(((kinds.Label("cat", 0.8), kinds.Label("dog", 0.2)),))
        case kinds.Detect():
            return "", kinds.Boxes(40, 30, (kinds.Box("cat", 0.9, 5, 5, 30, 25),))
    raise NotImplementedError(type(job).__name__)
