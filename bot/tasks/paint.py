"""paint: a picture of what is described, by models behind an API."""

from __future__ import annotations

from bot.interfaces.command import Option
from bot.interfaces.jobs import Paint
from bot.interfaces.replies import File, Status
from bot.tasks.engine.steps import ask
from bot.tasks.engine.task import Steps, Task, TaskInput

LONGEST_SUMMARY = 500
"""Characters of the description that goes with the picture, for who cannot see it."""


def _steps(given: TaskInput) -> Steps[None]:
    yield Status("Painting…", long=True)
    painted = yield from ask(Paint(given.text, given.option("size")))
    ending = painted.media_type.rpartition("/")[2]
    yield File(f"picture.{ending}", painted.data, given.text[:LONGEST_SUMMARY])


TASK = Task(
    "paint",
    "A picture of what you describe",
    "paint",
    _steps,
    own=(Option("size", "Such as 1024x1024, for models that have several", named=True),),
    text=Option("text", "What the picture shows"),
)
