"""detect: find the objects in an image, and draw boxes around them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bot.administration.limits.money import whole
from bot.interfaces.command import Option
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Box, Detect
from bot.interfaces.replies import File, Text
from bot.tasks.engine.steps import ask, run_outside
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.files import boxed
from bot.utils.formatting import markdown_table


def _steps(task_input: TaskInput) -> Steps[None]:
    surety = whole(task_input.option("surety", "50").removesuffix("%").strip(), 0, 100)
    if surety is None:
        raise UserError("`surety` takes a percentage, such as `surety:50`.")
    found = yield from ask(Detect(task_input.data, surety / 100))
    if not found.boxes:
        yield Text("The model found no object with that surety. Try a lower one, such as `surety:20`.")
        return
    yield Text(object_table(found.boxes))
    times = Counter(box.label for box in found.boxes)
    summary = ", ".join(f"{count} × {label}" for label, count in times.most_common())
    yield File(
        "boxes.png",
        (yield from run_outside(lambda: boxed(task_input.data, found.boxes, (found.width, found.height)))),
        f"The image with boxes: {summary}",
    )


def object_table(boxes: Sequence[Box]) -> str:
    """Return a table of the objects: label, number and highest score."""
    times = Counter(box.label for box in boxes)
    surest = {label: max(box.score for box in boxes if box.label == label) for label in times}
    rows = [(label, str(count), f"{surest[label]:.0%}") for label, count in times.most_common()]
    return markdown_table(("object", "count", "surety"), rows)


TASK = Task(
    "detect",
    "Find the objects in an image, and draw boxes around them",
    "detect",
    _steps,
    model="facebook/detr-resnet-50",
    takes="picture",
    own=(Option("surety", "The lowest surety of a shown object, in per cent", named=True),),
    shortcut="Find things",
)
