"""sentiment: whether a text is glad or cross."""

from __future__ import annotations

from bot.interfaces.replies import Text
from bot.tasks.engine.steps import own_labels, told_briefly
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.formatting import bars

INSTRUCTION = "Say in one line whether the text is positive, negative or neutral, and in one more what shows it."


def _steps(given: TaskInput) -> Steps[None]:
    yield Text(bars((yield from own_labels(given, "choose another for feelings"))))


def _told(given: TaskInput) -> Steps[None]:
    yield from told_briefly(INSTRUCTION, given)


TASK = Task(
    "sentiment",
    "Whether a text is positive or negative",
    "classify",
    _steps,
    _told,
    model="distilbert/distilbert-base-uncased-finetuned-sst-2-english",
    shortcut="Sentiment",
    tags=("text-classification",),
)
