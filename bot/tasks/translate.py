"""translate: a text in another language, line by line."""

from __future__ import annotations

from functools import partial

from bot.cutting import lines
from bot.inference.kinds import Rewrite
from bot.languages import code
from bot.steps import one_by_one, told_throughout
from bot.task import Given, Steps, Task
from bot.types import Option


def _steps(given: Given) -> Steps[None]:
    source, target = code(given.option("from")), code(given.option("to", given.language))
    make = partial(Rewrite, purpose="translation", source=source, target=target)
    yield from one_by_one(partial(lines, given.text, given.room), make)


def _told(given: Given) -> Steps[None]:
    origin = f" from {given.option('from')}" if given.option("from") else ""
    target = given.option("to", given.language) or "English"
    instruction = (
        f"Translate the text{origin} into {target}. Keep its form, names and tone; write the translation alone."
    )
    yield from told_throughout(instruction, given)


TASK = Task(
    "translate",
    "A text in another language",
    "rewrite",
    _steps,
    _told,
    model="facebook/mbart-large-50-many-to-many-mmt",
    own=(
        Option("to", "Into which language; else the one that is set for you, or English", named=True),
        Option("from", "From which language", named=True),
    ),
    shortcut="Translate",
    tags=("translation", "text2text-generation"),
)
