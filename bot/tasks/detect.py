"""detect: the things in a picture, with boxes drawn around them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bot.administration.limits.money import whole
from bot.interfaces.command import Option
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Box, Detect
from bot.interfaces.replies import File, Text
from bot.tasks.engine.steps import ask, elsewhere
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.files import boxed
from bot.utils.formatting import markdown_table


def _steps(given: TaskInput) -> Steps[None]:
    surety = whole(given.option("surety", "50").removesuffix("%").strip(), 0, 100)
    if surety is None:
        raise UserError("Write the surety as a percentage, such as 50.")
    found = yield from ask(Detect(given.data, surety / 100))
    if not found.boxes:
        yield Text("The model is sure of nothing in this picture.")
        return
    yield Text(things(found.boxes))
    times = Counter(box.label for box in found.boxes)
    summary = ", ".join(f"{count} × {label}" for label, count in times.most_common())
    yield File(
        "boxes.png",
        (yield from elsewhere(lambda: boxed(given.data, found.boxes, (found.width, found.height)))),
        f"The picture with boxes: {summary}",
    )


def things(boxes: Sequence[Box]) -> str:
    """What was found, how often and how surely, as a table."""
    times = Counter(box.label for box in boxes)
    surest = {label: max(box.score for box in boxes if box.label == label) for label in times}
    rows = [(label, str(count), f"{surest[label]:.0%}") for label, count in times.most_common()]
    return markdown_table(("thing", "times", "surety"), rows)


TASK = Task(
    "detect",
    "Find the things in a picture: it comes back with boxes around them",
    "detect",
    _steps,
    model="facebook/detr-resnet-50",
    takes="picture",
    own=(Option("surety", "How sure the model must be, in per cent", named=True),),
    shortcut="Find things",
)
