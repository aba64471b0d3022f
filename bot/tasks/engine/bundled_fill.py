"""fill with the bundled language model: the likeliest words after the left side, scored again with the right side.

The constants were chosen on benchmarks/data/fill-dev.jsonl.
benchmarks/quality.py measures it; /fill does not use it yet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.interfaces.errors import UserError
from bot.interfaces.replies import Text
from bot.tasks.engine.bundled_jobs import NextWords, Score, ask_language_model, softmax
from bot.tasks.engine.task import Steps
from bot.utils.formatting import bars

BLANK = "___"

_LEAD = "The following sentences are correct and make sense.\n"
"""Without it the language model expects fragments: 0.40 instead of 0.80 of the blanks were right with 40 candidates."""

_CANDIDATES = 100
_SHOWN = 5
_LEFT, _RIGHT = 1000, 200
"""Characters on either side of the blank that are read: the left ones once, the right ones with each candidate."""

_WORD = re.compile(r"\w+")


def filled(text: str) -> Steps[None]:
    """Show the text with the likeliest word, and the likeliest five with their scores. `text` has one blank `___`."""
    words = yield from fillings(text)
    yield Text(f"{text.replace(BLANK, words[0][0])}\n")
    yield Text(bars(words[:_SHOWN]))


def fillings(text: str) -> Steps[Sequence[tuple[str, float]]]:
    """Return words for the blank, the likeliest first; scores add up to 1. Raises UserError where no word is found.

    A word that the text already has is not a candidate: the model repeats words too readily.
    """
    left, _, right = text.partition(BLANK)
    left, right = left[-_LEFT:].rstrip(), right[:_RIGHT]
    prefix = _LEAD + left
    found = yield from ask_language_model(NextWords(prefix, _CANDIDATES, capital=not left))
    known = {word.lower() for word in _WORD.findall(left + " " + right)}
    words = [word for word in dict.fromkeys(found.words) if word.lower() not in known]
    if not words:
        raise UserError("I find no word for this blank. Write more of the sentence around it.")
    space = " " if left else ""
    scores = yield from ask_language_model(Score(prefix, tuple(f"{space}{word}{right}" for word in words)))
    return sorted(zip(words, softmax(scores.values), strict=True), key=lambda scored: -scored[1])
