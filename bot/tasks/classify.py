"""classify: which of the given labels fit a text; without labels, the model's own."""

from __future__ import annotations

from functools import partial

from bot.interfaces.command import Option
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Choose
from bot.interfaces.replies import Text
from bot.tasks.engine.steps import instruct_briefly, own_labels, scored
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.formatting import bars

MOST_LABELS = 20


def _labels(given: TaskInput) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(label.strip() for label in given.option("labels").split(",") if label.strip()))
    if len(found) == 1 or len(found) > MOST_LABELS:
        raise UserError(
            f"Give from 2 to {MOST_LABELS} labels with commas between them, such as `labels:praise,question`."
        )
    return found


def _steps(given: TaskInput) -> Steps[None]:
    if labels := _labels(given):
        make = partial(Choose, labels=labels, several="several" in given.options)
        yield Text(bars((yield from scored(given, make))))
    else:
        yield Text(bars((yield from own_labels(given, "say which labels there are, such as `labels:praise,question`"))))


def _instructed(given: TaskInput) -> Steps[None]:
    labels = _labels(given)
    which = f"of these labels: {', '.join(labels)}" if labels else "subject, in one or two words of your own"
    many = "Name all that fit" if "several" in given.options else "Name the one that fits best"
    yield from instruct_briefly(f"What is the text's label? {many} {which}. Then say why in one line.", given)


TASK = Task(
    "classify",
    "Which label fits a text: one of yours, or the model's own",
    "classify",
    _steps,
    _instructed,
    model="facebook/bart-large-mnli",
    own=(
        Option("labels", "The labels to choose from, with commas between them", named=True),
        Option("several", "More than one may fit", "flag"),
    ),
    tags=("text-classification", "zero-shot-classification"),
    tags_with={"labels": ("zero-shot-classification", "text-classification")},
)
