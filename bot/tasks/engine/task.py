"""The declaration of a task: one kind of work of pretrained models, in one file under bot/tasks/.

The steps of a task are a generator: it yields jobs to run and chunks to show, and receives their results. Steps never
wait and do not know a model, a platform or an SDK. steps.py has the shared ones; runner.py runs them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, TypeAlias, TypeVar

from bot.interfaces import jobs
from bot.interfaces.command import Option
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Job, Skill
from bot.interfaces.replies import Chunk

T = TypeVar("T")

_LINE = re.compile(r"\S.*")

Takes = Literal["text", "picture", "sound", "video"]

ROOM = 480
"""Tokens that most models of the BERT and T5 families read at once, minus those that the job itself adds."""

TEXT = Option("text", "The text; by default the message that you reply to, a file or the last messages")


@dataclass(frozen=True, slots=True)
class TextSource:
    """The source of the text from `start` to `end`: a message or a file."""

    start: int
    end: int
    name: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a request."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class TaskInput:
    """The input of a task.

    `skill` is the requested skill, and `pipeline` the name of the pipeline for the skill "run". `room` is about the
    number of tokens that the model reads at once, `language` the default language of answers. `prices` returns the
    price of a number of tokens by model.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    sources: tuple[TextSource, ...] = ()
    file: Upload | None = None
    skill: Skill | None = None
    pipeline: str = ""
    room: int = ROOM
    language: str = ""
    prices: Callable[[int], Sequence[tuple[str, str]]] = lambda _tokens: ()

    def option(self, name: str, default: str = "") -> str:
        """Return an option's value without blanks around it, or the default."""
        return self.options.get(name, "").strip() or default

    @property
    def data(self) -> bytes:
        """The content of the file; empty without one."""
        return self.file.data if self.file else b""

    def texts(self, most: int) -> Sequence[str]:
        """Return the single texts: each message, or else each line. Raises UserError for more than `most`."""
        if len(self.sources) > 1:
            found = [self.text[source.start : source.end] for source in self.sources]
        else:
            found = [line[0].strip() for line in islice(_LINE.finditer(self.text), most + 1)]
        if len(found) > most:
            raise UserError(f"That is more than {most} texts; each line is one. Give fewer at a time.")
        return found

    def source(self, at: int) -> TextSource | None:
        """Return the source of a character of the text, by its index."""
        return next((source for source in self.sources if source.start <= at < source.end), None)


@dataclass(frozen=True, slots=True)
class JobStep:
    """Run a job. If `shown`, its text is shown as it comes, after the text `before`."""

    job: Job[jobs.JobAnswer]
    shown: bool = False
    before: str = ""


@dataclass(frozen=True, slots=True)
class ThreadStep:
    """A call of a thread or another process; nobody waits for it after a stop."""

    call: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of a step: the model's text, and its answer."""

    text: str = ""
    answer: jobs.JobAnswer | None = None


Step: TypeAlias = JobStep | ThreadStep | Chunk

Steps: TypeAlias = Generator[Step, StepResult, T]


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    `steps` run with a model of this `skill`, or with any model if it is None. `instructed` are the steps for a chat
    model, `quoting` those for an embedding model, which quotes the text; each is None if such a model cannot do the
    task. `model` is a suggested model of the Hub. `own` are further options, before the `text`, which may be missing
    unless `needs_text`. `shortcut` is the label in the menu of a message. `tags` are the Hub's tasks of suitable
    models, the best first, for skills that models have for different tasks; `tags_with` replaces them if the request
    has a certain option.
    """

    name: str
    summary: str
    skill: Skill | None
    steps: Callable[[TaskInput], Steps[None]]
    instructed: Callable[[TaskInput], Steps[None]] | None = None
    quoting: Callable[[TaskInput], Steps[None]] | None = None
    model: str = ""
    takes: Takes = "text"
    own: tuple[Option, ...] = ()
    text: Option = TEXT
    needs_text: bool = True
    shortcut: str = ""
    tags: tuple[str, ...] = ()
    tags_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
