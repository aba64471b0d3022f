"""classify-image: what a picture shows, by a model's own labels."""

from __future__ import annotations

from bot.inference.kinds import ClassifyPicture
from bot.steps import ask
from bot.tables import bars
from bot.task import Given, Steps, Task
from bot.types import Text


def _steps(given: Given) -> Steps[None]:
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
