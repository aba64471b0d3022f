"""describe: describe an image in words."""

from __future__ import annotations

from bot.interfaces.jobs import Describe, WriteAnswer
from bot.tasks.engine.steps import show
from bot.tasks.engine.task import Steps, Task, TaskInput


def _steps(task_input: TaskInput) -> Steps[None]:
    yield from show(Describe(task_input.data))


def _instructed(task_input: TaskInput) -> Steps[None]:
    language = f", in {task_input.language}" if task_input.language else ""
    yield from show(WriteAnswer((("user", f"Say in one or two sentences what the image shows{language}."),)))


TASK = Task(
    "describe",
    "Describe an image in words",
    "describe",
    _steps,
    _instructed,
    model="HuggingFaceTB/SmolVLM-256M-Instruct",
    takes="picture",
    shortcut="Describe",
)
