"""classify: choose labels for a text, from the person's labels or the model's own."""

from __future__ import annotations

from functools import partial

from bot.interfaces.command import Option
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Choose
from bot.interfaces.replies import Text
from bot.tasks.engine.steps import instruct_briefly, label_scores, model_labels
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.formatting import bars

MOST_LABELS = 20


def _labels(task_input: TaskInput) -> tuple[str, ...]:
    labels = tuple(dict.fromkeys(label.strip() for label in task_input.option("labels").split(",") if label.strip()))
    if len(labels) == 1 or len(labels) > MOST_LABELS:
        raise UserError(
            f"`labels` takes 2 to {MOST_LABELS} labels, separated by commas, such as `labels:praise,question`."
        )
    return labels


def _steps(task_input: TaskInput) -> Steps[None]:
    if labels := _labels(task_input):
        make_job = partial(Choose, labels=labels, several="several" in task_input.options)
        yield Text(bars((yield from label_scores(task_input, make_job))))
    else:
        yield Text(bars((yield from model_labels(task_input, "Name your labels, such as `labels:praise,question`."))))


def _instructed(task_input: TaskInput) -> Steps[None]:
    labels = _labels(task_input)
    choice = f"of these labels: {', '.join(labels)}" if labels else "subject, in one or two words of your own"
    number = "Name all that fit" if "several" in task_input.options else "Name the one that fits best"
    yield from instruct_briefly(f"What is the text's label? {number} {choice}. Then say why in one line.", task_input)


TASK = Task(
    "classify",
    "Choose a label for a text, from yours or the model's own",
    "classify",
    _steps,
    _instructed,
    model="facebook/bart-large-mnli",
    own=(
        Option("labels", "The possible labels, separated by commas", named=True),
        Option("several", "Allow more than one label", "flag"),
    ),
    tags=("text-classification", "zero-shot-classification"),
    tags_with={"labels": ("zero-shot-classification", "text-classification")},
)
