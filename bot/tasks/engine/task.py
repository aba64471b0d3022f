"""What a task is: one thing that pretrained models do, declared once in a file under bot/tasks/.

How it is done is written as steps, a generator: it yields what is to be done or shown, and hears what came of it. Steps
never wait and know no model, no platform and no SDK; steps.py has
what many of them share, command.py takes them.
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
"""Tokens that most models of the BERT and T5 families read at once, less what the job itself adds."""


TEXT = Option("text", "The text; without one that of the message replied to, of a file or of the last messages")


@dataclass(frozen=True, slots=True)
class TextSource:
    """Whose words the given text holds from `start` to `end`: a message or a file."""

    start: int
    end: int
    name: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was given."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class TaskInput:
    """What one request gives a task to work on.

    `skill` is what the model is asked for, and `pipeline` which one, where that is to run. `room` is about how many
    tokens it reads at once, `language` what answers are to be in where the request does not say. `prices` says what a
    number of tokens costs, by model.
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
        """An option's value."""
        return self.options.get(name, "").strip() or default

    @property
    def data(self) -> bytes:
        """What the file holds."""
        return self.file.data if self.file else b""

    def texts(self, most: int) -> Sequence[str]:
        """The text as several: each message, or else each line. Raises UserError for more than `most`."""
        if len(self.sources) > 1:
            found = [self.text[source.start : source.end] for source in self.sources]
        else:
            found = [line[0].strip() for line in islice(_LINE.finditer(self.text), most + 1)]
        if len(found) > most:
            raise UserError(f"That is more than {most} texts, each line being one: give fewer at a time.")
        return found

    def source(self, at: int) -> TextSource | None:
        """Whose words stand at a character of the text."""
        return next((source for source in self.sources if source.start <= at < source.end), None)


@dataclass(frozen=True, slots=True)
class JobStep:
    """Have the model do a job; what it writes is shown while it writes, where that is said `aloud`, behind `before`."""

    job: Job[jobs.JobAnswer]
    aloud: bool = False
    before: str = ""


@dataclass(frozen=True, slots=True)
class ThreadStep:
    """Something that is made elsewhere, in a thread or another process; stopped, it is not waited for."""

    call: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of a step: what the model wrote, and its answer."""

    text: str = ""
    answer: jobs.JobAnswer | None = None


Step: TypeAlias = JobStep | ThreadStep | Chunk


Steps: TypeAlias = Generator[Step, StepResult, T]


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    `steps` is how it is done with a model of this `skill`, or where that is None with any. `instructed` is how with
    a chat model, by instruction; None where such a model cannot. `model` is a model of the Hub that serves, for who
    has none. `own` are further options of the task, which come before its `text`; that may be missing where the task
    does not need it. `shortcut` is the task's label where people point at a message. `tags` are what the Hub calls
    models that serve, the best first, where a model of the skill may be made for something else; `tags_with` those that
    serve where an option is given.
    """

    name: str
    summary: str
    skill: Skill | None
    steps: Callable[[TaskInput], Steps[None]]
    instructed: Callable[[TaskInput], Steps[None]] | None = None
    model: str = ""
    takes: Takes = "text"
    own: tuple[Option, ...] = ()
    text: Option = TEXT
    needs_text: bool = True
    shortcut: str = ""
    tags: tuple[str, ...] = ()
    tags_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
