"""describe: what a picture shows, in words."""

from __future__ import annotations

from bot.inference.kinds import Chat, Describe
from bot.steps import say
from bot.task import Given, Steps, Task


def _steps(given: Given) -> Steps[None]:
    yield from say(Describe(given.data))


def _told(given: Given) -> Steps[None]:
    language = f", in {given.language}" if given.language else ""
    yield from say(Chat((("user", f"Say in one or two sentences what the picture shows{language}."),)))


TASK = Task(
    "describe",
    "What a picture shows, in words",
    "describe",
    _steps,
    _told,
    model="HuggingFaceTB/SmolVLM-256M-Instruct",
    takes="picture",
    shortcut="Describe",
)
