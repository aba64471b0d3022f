"""sentiment: whether a text is glad or cross."""

from __future__ import annotations

from bot.steps import own_labels, told_briefly
from bot.tables import bars
from bot.task import Given, Steps, Task
from bot.types import Text

INSTRUCTION = "Say in one line whether the text is positive, negative or neutral, and in one more what shows it."


def _steps(given: Given) -> Steps[None]:
    yield Text(bars((yield from own_labels(given, "choose another for feelings"))))


def _told(given: Given) -> Steps[None]:
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
