"""rewrite: a text as it is instructed, such as shorter or more politely."""

from __future__ import annotations

from functools import partial

from bot.interfaces.command import Option
from bot.interfaces.jobs import Rewrite
from bot.tasks.engine.steps import instruct, instruct_in_pieces, one_by_one, say
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.chunking import chunk_text


def _steps(given: TaskInput) -> Steps[None]:
    instruction = given.option("how")
    if not given.text:
        yield from say(Rewrite(instruction))
        return
    yield from one_by_one(partial(chunk_text, given.text, given.room), lambda text: Rewrite(f"{instruction}: {text}"))


def _instructed(given: TaskInput) -> Steps[None]:
    if not given.text:
        yield from say(
            instruct("Do with this text what it says at its beginning; write the result alone.", given.option("how"))
        )
        return
    yield from instruct_in_pieces(f"Rewrite the text: {given.option('how')}. Write the result alone.", given)


TASK = Task(
    "rewrite",
    "Rewrite a text as you say: shorter, more politely, as a list, …",
    "rewrite",
    _steps,
    _instructed,
    model="google/flan-t5-base",
    own=(Option("how", "What to do with the text", required=True),),
    text=Option("text", "The text; without one that of the message replied to or of a file", named=True),
    needs_text=False,
    tags=("text2text-generation",),
)
