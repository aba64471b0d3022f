"""summarise: what a text or a discussion comes down to."""

from __future__ import annotations

from functools import partial

from bot.interfaces.command import Option
from bot.interfaces.jobs import Rewrite
from bot.tasks.engine.steps import condensed, instruct_briefly
from bot.tasks.engine.task import Steps, Task, TaskInput

LENGTHS = {"short": "in one or two sentences", "medium": "in one paragraph", "long": "in several paragraphs"}
TOKENS = {"short": 60, "medium": 150, "long": 300}


def _steps(given: TaskInput) -> Steps[None]:
    most = TOKENS[given.option("length", "medium")]
    make = partial(Rewrite, purpose="summarization", max_tokens=most, beams=2)
    yield from condensed(given.text, given.room, make)


def _instructed(given: TaskInput) -> Steps[None]:
    how = LENGTHS[given.option("length", "medium")]
    language = given.language or "its own language"
    who = " Say who said what where that matters." if len(given.sources) > 1 else ""
    yield from instruct_briefly(
        f"Summarise the text {how}, in {language}.{who} Add nothing that it does not say.", given
    )


TASK = Task(
    "summarise",
    "What a text or a discussion comes down to",
    "rewrite",
    _steps,
    _instructed,
    model="facebook/bart-large-cnn",
    own=(Option("length", "How long the summary is", choices=tuple(LENGTHS), named=True),),
    shortcut="Summarise",
    tags=("summarization", "text2text-generation"),
)
