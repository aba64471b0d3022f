"""translate: translate a text, line by line."""

from __future__ import annotations

from functools import partial

from bot.interfaces.command import Option
from bot.interfaces.jobs import Rewrite
from bot.tasks.engine.steps import each_chunk, instruct_in_pieces
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.chunking import lines
from bot.utils.languages import language_code


def _steps(task_input: TaskInput) -> Steps[None]:
    source, target = (
        language_code(task_input.option("from")),
        language_code(task_input.option("to", task_input.language)),
    )
    make_job = partial(Rewrite, purpose="translation", source=source, target=target)
    yield from each_chunk(partial(lines, task_input.text, task_input.room), make_job)


def _instructed(task_input: TaskInput) -> Steps[None]:
    origin = f" from {task_input.option('from')}" if task_input.option("from") else ""
    target = task_input.option("to", task_input.language) or "English"
    instruction = (
        f"Translate the text{origin} into {target}. Keep its form, names and tone; write only the translation."
    )
    yield from instruct_in_pieces(instruction, task_input)


TASK = Task(
    "translate",
    "Translate a text",
    "rewrite",
    _steps,
    _instructed,
    model="facebook/mbart-large-50-many-to-many-mmt",
    own=(
        Option("to", "The language of the translation; by default your setting, or English", named=True),
        Option("from", "The language of the text", named=True),
    ),
    shortcut="Translate",
    tags=("translation", "text2text-generation"),
)
