"""ask-image: a question about a picture."""

from __future__ import annotations

from bot.inference.kinds import Chat, Describe
from bot.steps import say
from bot.task import Given, Steps, Task
from bot.types import Option


def _steps(given: Given) -> Steps[None]:
    yield from say(Describe(given.data, given.option("question")))


def _told(given: Given) -> Steps[None]:
    yield from say(Chat((("user", given.option("question")),)))


TASK = Task(
    "ask-image",
    "Ask a question about a picture",
    "describe",
    _steps,
    _told,
    model="HuggingFaceTB/SmolVLM-256M-Instruct",
    takes="picture",
    own=(Option("question", "The question", required=True),),
)
