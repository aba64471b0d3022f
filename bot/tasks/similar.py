"""similar: how alike texts are in what they mean: two of them, or one and many."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from bot.interfaces.command import Option
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Embed, Vectors
from bot.interfaces.replies import Text
from bot.tasks.engine.steps import apart, ask, instruct, say
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.formatting import bars

MOST_TEXTS = 500
SHOWN = 10
_SEVERAL = re.compile(r"[\"”]\s*[\"“]")


def _others(given: TaskInput) -> Sequence[str]:
    """What the text is compared with: messages, lines, or what stands in quotes. Raises UserError for too many."""
    texts = [text for line in given.texts(MOST_TEXTS) for text in map(str.strip, _SEVERAL.split(line)) if text]
    if len(texts) > MOST_TEXTS:
        raise UserError(f"That is more than {MOST_TEXTS} texts to compare with.")
    return texts


def _steps(given: TaskInput) -> Steps[None]:
    one, others = given.option("one"), _others(given)
    vectors = yield from ask(Embed((one, *others)))
    alike = yield from apart(lambda: list(zip(others, _cosines(vectors), strict=True)))
    if len(alike) > SHOWN:
        yield Text(f"The {SHOWN} most alike of {len(alike)}:\n")
    yield Text(bars(alike, SHOWN))


def _cosines(vectors: Vectors) -> Sequence[float]:
    """How alike the first vector and each of the others are."""
    first, *rest = vectors.rows
    return [_cosine(first, row) for row in rest]


def _cosine(left: Sequence[float], right: Sequence[float]) -> float:
    lengths = math.hypot(*left) * math.hypot(*right)
    return sum(a * b for a, b in zip(left, right, strict=True)) / lengths if lengths else 0.0


def _instructed(given: TaskInput) -> Steps[None]:
    instruction = (
        f"Say how alike in meaning each of the lines of the text is to this: {given.option('one')}\n"
        "Begin each with a number from 0 to 100; the most alike first."
    )
    yield from say(instruct(instruction, "\n".join(_others(given))))


TASK = Task(
    "similar",
    "How alike texts are: two, or one and many",
    "embed",
    _steps,
    _instructed,
    model="sentence-transformers/all-MiniLM-L6-v2",
    own=(Option("one", "The first text, in quotes where it is typed", required=True),),
    text=Option("text", "The other one, or several lines of them; else a file or the last messages"),
)
