"""sentiment: label a text as positive, negative or neutral."""

from __future__ import annotations

from bot.interfaces.replies import Text
from bot.tasks.engine.steps import instruct_briefly, model_labels
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.formatting import bars

INSTRUCTION = "Say in one line whether the text is positive, negative or neutral, and in one more what shows it."


def _steps(task_input: TaskInput) -> Steps[None]:
    yield Text(bars((yield from model_labels(task_input, "Choose a model for sentiment with `--model`."))))


def _instructed(task_input: TaskInput) -> Steps[None]:
    yield from instruct_briefly(INSTRUCTION, task_input)


TASK = Task(
    "sentiment",
    "Label a text as positive, negative or neutral",
    "classify",
    _steps,
    _instructed,
    model="distilbert/distilbert-base-uncased-finetuned-sst-2-english",
    shortcut="Sentiment",
    tags=("text-classification", "sentiment-analysis"),
)
