"""paint: make an image from a description, with a model behind an API."""

from __future__ import annotations

from bot.interfaces.command import Option
from bot.interfaces.jobs import Paint
from bot.interfaces.replies import File, Status
from bot.tasks.engine.steps import ask
from bot.tasks.engine.task import Steps, Task, TaskInput

LONGEST_SUMMARY = 500
"""Characters of the image's text alternative, for people who cannot see it."""


def _steps(task_input: TaskInput) -> Steps[None]:
    yield Status("Painting…", long=True)
    painted = yield from ask(Paint(task_input.text, task_input.option("size")))
    ending = painted.media_type.rpartition("/")[2]
    yield File(f"picture.{ending}", painted.data, task_input.text[:LONGEST_SUMMARY])


TASK = Task(
    "paint",
    "Make an image from a description",
    "paint",
    _steps,
    own=(Option("size", "The size, such as 1024x1024, for models with several sizes", named=True),),
    text=Option("text", "A description of the image"),
)
