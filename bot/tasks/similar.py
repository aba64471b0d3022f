"""similar: compare the meaning of one text with that of others."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from bot.interfaces.command import Option
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Embed, Vectors
from bot.interfaces.replies import Text
from bot.tasks.engine.steps import ask, compute, instruct, show
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.formatting import bars

MOST_TEXTS = 500
MOST_SHOWN = 10
_BETWEEN_QUOTES = re.compile(r"[\"”]\s*[\"“]")


def _other_texts(task_input: TaskInput) -> Sequence[str]:
    """Return the other texts: messages, lines or quoted parts. Raises UserError for too many."""
    texts = [
        text for line in task_input.texts(MOST_TEXTS) for text in map(str.strip, _BETWEEN_QUOTES.split(line)) if text
    ]
    if len(texts) > MOST_TEXTS:
        raise UserError(f"That is more than {MOST_TEXTS} texts. Give fewer at a time.")
    return texts


def _steps(task_input: TaskInput) -> Steps[None]:
    text, others = task_input.option("one"), _other_texts(task_input)
    vectors = yield from ask(Embed((text, *others)))
    similarities = yield from compute(lambda: list(zip(others, _cosines(vectors), strict=True)))
    if len(similarities) > MOST_SHOWN:
        yield Text(f"The {MOST_SHOWN} most similar of {len(similarities)}:\n")
    yield Text(bars(similarities, MOST_SHOWN))


def _cosines(vectors: Vectors) -> Sequence[float]:
    """Return the cosine similarity of the first vector with each of the others."""
    text_vector, *other_vectors = vectors.rows
    return [_cosine(text_vector, row) for row in other_vectors]


def _cosine(left: Sequence[float], right: Sequence[float]) -> float:
    lengths = math.hypot(*left) * math.hypot(*right)
    return sum(a * b for a, b in zip(left, right, strict=True)) / lengths if lengths else 0.0


def _instructed(task_input: TaskInput) -> Steps[None]:
    instruction = (
        f"Say how similar in meaning each of the lines of the text is to this: {task_input.option('one')}\n"
        "Begin each with a number from 0 to 100; the most similar first."
    )
    yield from show(instruct(instruction, "\n".join(_other_texts(task_input))))


TASK = Task(
    "similar",
    "Compare the meaning of texts: two, or one with many",
    "embed",
    _steps,
    _instructed,
    model="sentence-transformers/all-MiniLM-L6-v2",
    own=(Option("one", "The first text, in quotes if you type the command", required=True),),
    text=Option("text", "The other text, or several on lines of their own; by default a file or the last messages"),
)
