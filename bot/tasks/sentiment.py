"""sentiment: whether a text is glad or cross."""

from __future__ import annotations

from bot.interfaces.replies import Text
from bot.tasks.engine.steps import instruct_briefly, own_labels
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.formatting import bars

INSTRUCTION = "Say in one line whether the text is positive, negative or neutral, and in one more what shows it."


def _steps(given: TaskInput) -> Steps[None]:
    yield Text(bars((yield from own_labels(given, "choose another for feelings"))))


def _instructed(given: TaskInput) -> Steps[None]:
    yield from instruct_briefly(INSTRUCTION, given)


TASK = Task(
    "sentiment",
    "Whether a text is positive or negative",
    "classify",
    _steps,
    _instructed,
    model="distilbert/distilbert-base-uncased-finetuned-sst-2-english",
    shortcut="Sentiment",
    tags=("text-classification",),
)
