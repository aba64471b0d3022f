"""ask-image: answer a question about an image."""

from __future__ import annotations

from bot.interfaces.command import Option
from bot.interfaces.jobs import Describe, WriteAnswer
from bot.tasks.engine.steps import show
from bot.tasks.engine.task import Steps, Task, TaskInput


def _steps(task_input: TaskInput) -> Steps[None]:
    yield from show(Describe(task_input.data, task_input.option("question")))


def _instructed(task_input: TaskInput) -> Steps[None]:
    yield from show(WriteAnswer((("user", task_input.option("question")),)))


TASK = Task(
    "ask-image",
    "Ask a question about an image",
    "describe",
    _steps,
    _instructed,
    model="HuggingFaceTB/SmolVLM-256M-Instruct",
    takes="picture",
    own=(Option("question", "The question", required=True),),
)
