"""describe: what a picture shows, in words."""

from __future__ import annotations

from bot.interfaces.jobs import Describe, WriteAnswer
from bot.tasks.engine.steps import say
from bot.tasks.engine.task import Steps, Task, TaskInput


def _steps(given: TaskInput) -> Steps[None]:
    yield from say(Describe(given.data))


def _instructed(given: TaskInput) -> Steps[None]:
    language = f", in {given.language}" if given.language else ""
    yield from say(WriteAnswer((("user", f"Say in one or two sentences what the picture shows{language}."),)))


TASK = Task(
    "describe",
    "What a picture shows, in words",
    "describe",
    _steps,
    _instructed,
    model="HuggingFaceTB/SmolVLM-256M-Instruct",
    takes="picture",
    shortcut="Describe",
)
