"""answer: where a text, a file or what was said here answers a question, quoted and linked."""

from __future__ import annotations

import re

from bot.interfaces.command import Option
from bot.interfaces.jobs import Extract, Span
from bot.interfaces.replies import Text
from bot.tasks.engine.steps import ask, instruct_briefly
from bot.tasks.engine.task import Steps, Task, TaskInput

AROUND = 120
"""Characters that are quoted on either side."""

LIKELY = 0.5
"""Of the surest answer's score: what is less sure is not shown."""


_BRACKETS = re.compile(r"[\[\]()]")
"""What would make a link of a name, or another one of its own."""

UNSURE = 0.2
"""Scores below this are said to be unsure."""


def _steps(given: TaskInput) -> Steps[None]:
    found = yield from ask(Extract(given.option("question"), given.text))
    best = found.spans[0].score if found.spans else 0.0
    if best <= found.nothing:
        yield Text("The text does not answer that.")
        return
    shown = [span for span in found.spans if span.score >= best * LIKELY]
    if best < UNSURE:
        yield Text("The model is not sure of this:\n\n")
    yield Text("\n\n".join(f"**{span.text}** ({span.score:.0%})\n{_quoted(given, span)}" for span in shown))


def _quoted(given: TaskInput, span: Span) -> str:
    """The span in its surroundings, no farther than its source, and whose words they are."""
    source = given.source(span.start)
    first, last = (source.start, source.end) if source else (0, len(given.text))
    before, after = given.text[first : span.start], given.text[span.end : last]
    before = before if len(before) <= AROUND else f"…{before[-AROUND:].partition(' ')[2]}"
    after = after if len(after) <= AROUND else f"{after[:AROUND].rpartition(' ')[0]}…"
    quote = "\n".join(f"> {line}" for line in f"{before}**{span.text}**{after}".splitlines())
    if source is None or not (source.name or source.link):
        return quote
    name = _BRACKETS.sub("", source.name) or "the message"
    return f"{quote}\n> — {f'[{name}]({source.link})' if source.link else name}"


def _instructed(given: TaskInput) -> Steps[None]:
    instruction = (
        f"Answer this question from the text alone: {given.option('question')}\n"
        "Quote the words that say it, with who said them. Where the text does not say it, say so."
    )
    yield from instruct_briefly(instruction, given)


TASK = Task(
    "answer",
    "Find the answer to a question in a text, a file or what was said here",
    "extract",
    _steps,
    _instructed,
    model="distilbert/distilbert-base-cased-distilled-squad",
    own=(Option("question", "The question", required=True),),
    text=Option("text", "Where to look; else the message replied to, a file or the last messages", named=True),
)
