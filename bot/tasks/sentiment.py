"""sentiment: whether a text is glad or cross."""

from __future__ import annotations

from bot.errors import UserError
from bot.inference.kinds import Classify
from bot.steps import scored, told_briefly
from bot.tables import bars
from bot.task import Given, Steps, Task
from bot.types import Text

INSTRUCTION = "Say in one line whether the text is positive, negative or neutral, and in one more what shows it."


def _steps(given: Given) -> Steps[None]:
    labels = yield from scored(given, Classify)
    if any(name.lower().startswith("entail") for name, _ in labels):
        raise UserError("That model says whether one text follows from another, not how it feels: choose another.")
    yield Text(bars(labels))


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
