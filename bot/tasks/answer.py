"""answer: find the passages of a text, a file or the messages here that answer a question, and quote them."""

from __future__ import annotations

import re

from bot.interfaces.command import Option
from bot.interfaces.jobs import Extract, Span
from bot.interfaces.replies import Text
from bot.tasks.engine.quoted_answer import answered
from bot.tasks.engine.steps import ask, instruct_briefly
from bot.tasks.engine.task import Steps, Task, TaskInput

QUOTED_AROUND = 120
"""Characters quoted before and after an answer."""

SHOWN_SHARE = 0.5
"""The smallest score of a shown answer, as a share of the best score."""

_BRACKETS = re.compile(r"[\[\]()]")
"""Characters that would turn a name into a link."""

UNSURE = 0.2
"""The answer has a warning if its best score is lower."""


def _steps(task_input: TaskInput) -> Steps[None]:
    extracted = yield from ask(Extract(task_input.option("question"), task_input.text))
    best = extracted.spans[0].score if extracted.spans else 0.0
    if best <= extracted.nothing:
        yield Text("The text does not answer that question. Ask in other words, or give more text.")
        return
    spans = [span for span in extracted.spans if span.score >= best * SHOWN_SHARE]
    if best < UNSURE:
        yield Text("The model is not certain of this answer:\n\n")
    yield Text("\n\n".join(f"**{span.text}** ({span.score:.0%})\n{_quoted(task_input, span)}" for span in spans))


def _quoted(task_input: TaskInput, span: Span) -> str:
    """Return the span with the text around it, up to the ends of its source, and the source's name."""
    source = task_input.source(span.start)
    first, last = (source.start, source.end) if source else (0, len(task_input.text))
    before, after = task_input.text[first : span.start], task_input.text[span.end : last]
    before = before if len(before) <= QUOTED_AROUND else f"…{before[-QUOTED_AROUND:].partition(' ')[2]}"
    after = after if len(after) <= QUOTED_AROUND else f"{after[:QUOTED_AROUND].rpartition(' ')[0]}…"
    quote = "\n".join(f"> {line}" for line in f"{before}**{span.text}**{after}".splitlines())
    if source is None or not (source.name or source.link):
        return quote
    name = _BRACKETS.sub("", source.name) or "the message"
    return f"{quote}\n> — {f'[{name}]({source.link})' if source.link else name}"


def _instructed(task_input: TaskInput) -> Steps[None]:
    instruction = (
        f"Answer this question only from the text: {task_input.option('question')}\n"
        "Quote the words that say it, with who said them. Where the text does not say it, say so."
    )
    yield from instruct_briefly(instruction, task_input)


TASK = Task(
    "answer",
    "Find the answer to a question in a text, a file or the messages here",
    "extract",
    _steps,
    _instructed,
    answered,
    model="distilbert/distilbert-base-cased-distilled-squad",
    own=(Option("question", "The question", required=True),),
    text=Option(
        "text", "The text to search; by default the message that you reply to, a file or the last messages", named=True
    ),
)
