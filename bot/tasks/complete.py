"""complete: continue a text, with a model that only predicts the next tokens."""

from __future__ import annotations

from bot.administration.limits.money import whole
from bot.interfaces.command import Option
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Complete
from bot.tasks.engine.steps import instruct, show
from bot.tasks.engine.task import Steps, Task, TaskInput

MOST_TOKENS = 512


def _length(task_input: TaskInput) -> int:
    length = whole(task_input.option("length", "64"), 1, MOST_TOKENS)
    if length is None:
        raise UserError(f"`length` takes a number of tokens up to {MOST_TOKENS}, such as `length:64`.")
    return length


def _steps(task_input: TaskInput) -> Steps[None]:
    yield from show(Complete(task_input.text, _length(task_input)), before=task_input.text)


def _instructed(task_input: TaskInput) -> Steps[None]:
    count = _length(task_input) * 3 // 4
    job = instruct(f"Go on with the text for about {count} words. Write only the continuation.", task_input.text)
    yield from show(job, before=f"{task_input.text} ")


TASK = Task(
    "complete",
    "Continue a text",
    "write",
    _steps,
    _instructed,
    model="openai-community/gpt2",
    own=(Option("length", "The number of tokens to add", named=True),),
)
