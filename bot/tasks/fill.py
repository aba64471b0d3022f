"""fill: guess the missing word of a sentence."""

from __future__ import annotations

from bot.inference.pipelines import BLANKS
from bot.interfaces.command import Option
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Fill
from bot.interfaces.replies import Text
from bot.tasks.engine.steps import ask, instruct, show
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.formatting import bars

BLANK = "___"


def _blanked(task_input: TaskInput) -> str:
    text, blanks = BLANKS.subn(BLANK, task_input.text)
    if blanks != 1:
        raise UserError(
            f"The sentence needs one blank. Write it as {BLANK}, such as: The capital of France is {BLANK}."
        )
    return text


def _steps(task_input: TaskInput) -> Steps[None]:
    found = yield from ask(Fill(_blanked(task_input), BLANK))
    yield Text(f"{found.fillings[0].text}\n")
    yield Text(bars([(filling.word, filling.score) for filling in found.fillings]))


def _instructed(task_input: TaskInput) -> Steps[None]:
    yield from show(
        instruct(f"Name the five likeliest words for the blank {BLANK}, the likeliest first.", _blanked(task_input))
    )


TASK = Task(
    "fill",
    "Guess the word for a blank: Paris is the ___ of France",
    "fill",
    _steps,
    _instructed,
    model="google-bert/bert-base-uncased",
    text=Option("text", "A sentence with one blank, written as ___", required=True),
)
