"""A model in memory that does every job, with answers that follow from the job's values."""

from __future__ import annotations

import io
import wave
from array import array
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass, field
from typing import cast, get_args

from bot.interfaces import jobs as job_types
from bot.interfaces.config import ModelSection
from bot.interfaces.errors import ContextTooLong
from bot.interfaces.jobs import A, Job, Skill
from bot.interfaces.replies import Status, Text
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

    jobs: list[Job[job_types.JobAnswer]] = field(default_factory=list)
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


def labels(job: job_types.Classify) -> job_types.Labels:
    """Positive by the share of glad words."""

    def row(text: str) -> tuple[job_types.Label, ...]:
        words = text.lower().replace(".", " ").replace("!", " ").split()
        glad, cross = sum(word in GLAD for word in words), sum(word in CROSS for word in words)
        share = (glad + 1) / (glad + cross + 2)
        return job_types.Label("POSITIVE", share), job_types.Label("NEGATIVE", 1 - share)

    return job_types.Labels(tuple(map(row, job.texts)))


def chosen(job: job_types.Choose) -> job_types.Labels:
    """Score the labels that the text contains with 0.9, the others with 0.1."""
    fits = [[label in text for label in job.labels] for text in job.texts]
    return job_types.Labels(
        tuple(
            tuple(job_types.Label(name, 0.9 if fit else 0.1) for name, fit in zip(job.labels, row, strict=True))
            for row in fits
        )
    )


def extracted(job: job_types.Extract) -> job_types.Spans:
    """Find the last word of the question in the text."""
    word = job.question.rstrip("?").split()[-1]
    at = job.text.find(word)
    spans = (job_types.Span(word, at, at + len(word), 0.8),) if at >= 0 else ()
    return job_types.Spans(spans, nothing=0.1 if spans else 0.9)


def tagged(job: job_types.Tag) -> job_types.Entities:
    """Every word with a capital letter."""

    def row(text: str) -> tuple[job_types.Entity, ...]:
        words = ((word, text.index(word)) for word in text.split() if word[0].isupper())
        return tuple(job_types.Entity("PER", word, at, at + len(word), 0.99) for word, at in words)

    return job_types.Entities(tuple(map(row, job.texts)))


def embedded(job: job_types.Embed) -> job_types.Vectors:
    """How often each letter occurs."""
    counts = array("f", [text.lower().count(chr(97 + letter)) for text in job.texts for letter in range(26)])
    return job_types.Vectors(26, counts.tobytes())


def cut(job: job_types.Tokens) -> job_types.Cut:
    """Split at spaces: a token is a word with the space before it."""
    tokens, at = [], 0
    for number, word in enumerate(job.text.split(" ")):
        end = at + len(word) + bool(number)
        tokens.append(job_types.Token(number, job.text[at:end], at, end))
        at = end
    return job_types.Cut(len(tokens), tuple(tokens[: job.most]), 100)


def spoken(text: str) -> bytes:
    """Return a WAV file with one sample for each letter."""
    written = io.BytesIO()
    with wave.open(written, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(array("h", map(ord, text)).tobytes())
    return written.getvalue()


def fillings(job: job_types.Fill) -> job_types.Fillings:
    words = (("capital", 0.7), ("heart", 0.2))
    return job_types.Fillings(
        tuple(job_types.Filling(word, job.text.replace(job.blank, word), score) for word, score in words)
    )


def transcribed(job: job_types.Transcribe) -> tuple[str, job_types.Transcript]:
    words = job.data.decode()
    segments = (job_types.Segment(0, 2.5, words), job_types.Segment(62.5, 65, "the end")) if job.timestamps else ()
    return words, job_types.Transcript(words, segments, 65)


def described(question: str) -> str:
    return f"a cat, {question}" if question else "a cat on a mat"


def rewritten(job: job_types.Rewrite) -> str:
    first = job.text.split()[0]
    return f"{first}→{job.target}" if job.target else first


def piped(job: job_types.Pipe) -> job_types.PipelineOutput:
    label, box = job_types.Label("cat", 0.8), job_types.Box("cat", 0.9, 5, 5, 30, 25)
    mask = job_types.GeneratedFile("mask", "image/png", job.data)
    return job_types.PipelineOutput(job.text, (label,), (box,) if job.data else (), (mask,) if job.data else ())


def work(job: Job[job_types.JobAnswer]) -> tuple[str, job_types.JobAnswer]:
    """Return the written text of a job, and its answer."""
    match job:
        case job_types.Complete():
            return "and so on", job_types.Written("length", 2, 3)
        case job_types.Rewrite():
            return rewritten(job), job_types.Written()
        case job_types.Describe():
            return described(job.question), job_types.Written()
        case job_types.Transcribe():
            return transcribed(job)
        case job_types.Classify():
            return "", labels(job)
        case job_types.Choose():
            return "", chosen(job)
        case job_types.Extract():
            return "", extracted(job)
        case job_types.Tag():
            return "", tagged(job)
        case job_types.Fill():
            return "", fillings(job)
        case job_types.Embed():
            return "", embedded(job)
        case job_types.Tokens():
            return "", cut(job)
        case job_types.Speak():
            return "", job_types.Sound(spoken(job.text), RATE, len(job.text) / RATE)
        case job_types.Paint():
            return "", job_types.Painting("image/png", job.text.encode())
        case job_types.Pipe():
            return "", piped(job)
        case job_types.ClassifyPicture():
            return "", job_types.Labels(((job_types.Label("cat", 0.8), job_types.Label("dog", 0.2)),))
        case job_types.Detect():
            return "", job_types.Boxes(40, 30, (job_types.Box("cat", 0.9, 5, 5, 30, 25),))
    raise NotImplementedError(type(job).__name__)
