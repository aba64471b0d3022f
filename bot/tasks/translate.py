"""translate: a text in another language, line by line."""

from __future__ import annotations

from functools import partial

from bot.interfaces.command import Option
from bot.interfaces.jobs import Rewrite
from bot.tasks.engine.steps import instruct_in_pieces, one_by_one
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.chunking import lines
from bot.utils.languages import language_code


def _steps(given: TaskInput) -> Steps[None]:
    source, target = language_code(given.option("from")), language_code(given.option("to", given.language))
    make = partial(Rewrite, purpose="translation", source=source, target=target)
    yield from one_by_one(partial(lines, given.text, given.room), make)


def _instructed(given: TaskInput) -> Steps[None]:
    origin = f" from {given.option('from')}" if given.option("from") else ""
    target = given.option("to", given.language) or "English"
    instruction = (
        f"Translate the text{origin} into {target}. Keep its form, names and tone; write the translation alone."
    )
    yield from instruct_in_pieces(instruction, given)


TASK = Task(
    "translate",
    "A text in another language",
    "rewrite",
    _steps,
    _instructed,
    model="facebook/mbart-large-50-many-to-many-mmt",
    own=(
        Option("to", "Into which language; else the one that is set for you, or English", named=True),
        Option("from", "From which language", named=True),
    ),
    shortcut="Translate",
    tags=("translation", "text2text-generation"),
)
