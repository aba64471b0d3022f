"""complete: how a text might go on, as models wrote before they conversed."""

from __future__ import annotations

from bot.administration.limits.money import whole
from bot.interfaces.command import Option
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Complete
from bot.tasks.engine.steps import instruct, say
from bot.tasks.engine.task import Steps, Task, TaskInput

MOST_TOKENS = 512


def _length(given: TaskInput) -> int:
    length = whole(given.option("length", "64"), 1, MOST_TOKENS)
    if length is None:
        raise UserError(f"Write the length as a number of tokens up to {MOST_TOKENS}.")
    return length


def _steps(given: TaskInput) -> Steps[None]:
    yield from say(Complete(given.text, _length(given)), before=given.text)


def _instructed(given: TaskInput) -> Steps[None]:
    words = _length(given) * 3 // 4
    told = instruct(f"Go on with the text for about {words} words. Write the continuation alone.", given.text)
    yield from say(told, before=f"{given.text} ")


TASK = Task(
    "complete",
    "How a text might go on",
    "write",
    _steps,
    _instructed,
    model="openai-community/gpt2",
    own=(Option("length", "How many tokens to add", named=True),),
)
