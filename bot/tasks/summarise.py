"""summarise: summarise a text or a discussion."""

from __future__ import annotations

from functools import partial

from bot.interfaces.command import Option
from bot.interfaces.jobs import Rewrite
from bot.tasks.engine.quoted_summary import summarised
from bot.tasks.engine.steps import condense, instruct_briefly
from bot.tasks.engine.task import Steps, Task, TaskInput

LENGTHS = {"short": "in one or two sentences", "medium": "in one paragraph", "long": "in several paragraphs"}
TOKENS = {"short": 60, "medium": 150, "long": 300}


def _steps(task_input: TaskInput) -> Steps[None]:
    tokens = TOKENS[task_input.option("length", "medium")]
    make_job = partial(Rewrite, purpose="summarization", max_tokens=tokens, beams=2)
    yield from condense(task_input.text, task_input.room, make_job)


def _instructed(task_input: TaskInput) -> Steps[None]:
    length = LENGTHS[task_input.option("length", "medium")]
    language = task_input.language or "its own language"
    speakers = " Say who said what where that matters." if len(task_input.sources) > 1 else ""
    yield from instruct_briefly(
        f"Summarise the text {length}, in {language}.{speakers} Add nothing that it does not say.", task_input
    )


TASK = Task(
    "summarise",
    "Summarise a text or a discussion",
    "rewrite",
    _steps,
    _instructed,
    summarised,
    model="facebook/bart-large-cnn",
    own=(Option("length", "The length of the summary", choices=tuple(LENGTHS), named=True),),
    shortcut="Summarise",
    tags=("summarization", "text2text-generation"),
)
