"""rewrite: rewrite a text as the person instructs, such as shorter or more politely."""

from __future__ import annotations

from functools import partial

from bot.interfaces.command import Option
from bot.interfaces.jobs import Rewrite
from bot.tasks.engine.steps import each_chunk, instruct, instruct_in_pieces, show
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.chunking import chunk_text


def _steps(task_input: TaskInput) -> Steps[None]:
    instruction = task_input.option("how")
    if not task_input.text:
        yield from show(Rewrite(instruction))
        return
    yield from each_chunk(
        partial(chunk_text, task_input.text, task_input.room), lambda text: Rewrite(f"{instruction}: {text}")
    )


def _instructed(task_input: TaskInput) -> Steps[None]:
    if not task_input.text:
        yield from show(
            instruct(
                "Do with this text what it says at its beginning; write only the result.", task_input.option("how")
            )
        )
        return
    yield from instruct_in_pieces(f"Rewrite the text: {task_input.option('how')}. Write only the result.", task_input)


TASK = Task(
    "rewrite",
    "Rewrite a text as you instruct: shorter, more politely, as a list, …",
    "rewrite",
    _steps,
    _instructed,
    model="google/flan-t5-base",
    own=(Option("how", "Your instruction, such as “shorter”", required=True),),
    text=Option("text", "The text; by default the message that you reply to, or a file", named=True),
    needs_text=False,
    tags=("text2text-generation",),
)
