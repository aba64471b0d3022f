"""fill: the word that belongs in a blank."""

from __future__ import annotations

from bot.inference.pipelines import BLANKS
from bot.interfaces.command import Option
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Fill
from bot.interfaces.replies import Text
from bot.tasks.engine.steps import ask, instruct, say
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.formatting import bars

BLANK = "___"


def _blanked(given: TaskInput) -> str:
    text, blanks = BLANKS.subn(BLANK, given.text)
    if blanks != 1:
        raise UserError(f"Write one blank as {BLANK}, such as: The capital of France is {BLANK}.")
    return text


def _steps(given: TaskInput) -> Steps[None]:
    found = yield from ask(Fill(_blanked(given), BLANK))
    yield Text(f"{found.fillings[0].text}\n")
    yield Text(bars([(filling.word, filling.score) for filling in found.fillings]))


def _instructed(given: TaskInput) -> Steps[None]:
    yield from say(
        instruct(f"Name the five likeliest words for the blank {BLANK}, the likeliest first.", _blanked(given))
    )


TASK = Task(
    "fill",
    "The word for a blank: Paris is the ___ of France",
    "fill",
    _steps,
    _instructed,
    model="google-bert/bert-base-uncased",
    text=Option("text", "A sentence with one blank, written as ___", required=True),
)
