"""classify-image: label the content of an image."""

from __future__ import annotations

from bot.interfaces.jobs import ClassifyPicture
from bot.interfaces.replies import Text
from bot.tasks.engine.steps import ask
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.formatting import bars


def _steps(task_input: TaskInput) -> Steps[None]:
    labels = yield from ask(ClassifyPicture(task_input.data))
    yield Text(bars([(label.name, label.score) for label in labels.rows[0]]))


TASK = Task(
    "classify-image",
    "Label the content of an image",
    "classify-picture",
    _steps,
    model="google/vit-base-patch16-224",
    takes="picture",
    shortcut="Classify image",
)
