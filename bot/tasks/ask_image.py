"""ask-image: a question about a picture."""

from __future__ import annotations

from bot.interfaces.command import Option
from bot.interfaces.jobs import Describe, WriteAnswer
from bot.tasks.engine.steps import say
from bot.tasks.engine.task import Steps, Task, TaskInput


def _steps(given: TaskInput) -> Steps[None]:
    yield from say(Describe(given.data, given.option("question")))


def _instructed(given: TaskInput) -> Steps[None]:
    yield from say(WriteAnswer((("user", given.option("question")),)))


TASK = Task(
    "ask-image",
    "Ask a question about a picture",
    "describe",
    _steps,
    _instructed,
    model="HuggingFaceTB/SmolVLM-256M-Instruct",
    takes="picture",
    own=(Option("question", "The question", required=True),),
)
