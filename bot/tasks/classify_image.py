"""classify-image: what a picture shows, by a model's own labels."""

from __future__ import annotations

from bot.interfaces.jobs import ClassifyPicture
from bot.interfaces.replies import Text
from bot.tasks.engine.steps import ask
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.formatting import bars


def _steps(given: TaskInput) -> Steps[None]:
    labels = yield from ask(ClassifyPicture(given.data))
    yield Text(bars([(label.name, label.score) for label in labels.rows[0]]))


TASK = Task(
    "classify-image",
    "What a picture shows, by a model's own labels",
    "classify-picture",
    _steps,
    model="google/vit-base-patch16-224",
    takes="picture",
    shortcut="Classify picture",
)
