"""tokens: split a text into a model's tokens, count them and show their price."""

from __future__ import annotations

from collections.abc import Sequence

from bot.interfaces.jobs import Count, Token, Tokens
from bot.interfaces.replies import Text
from bot.tasks.engine.steps import ask
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.formatting import markdown_table

MOST_SHOWN = 200
"""The most tokens that the answer shows."""


def _steps(task_input: TaskInput) -> Steps[None]:
    tokenised = yield from ask(Tokens(task_input.text, MOST_SHOWN))
    marked = _marked(task_input.text, tokenised.tokens, more=tokenised.total > MOST_SHOWN)
    yield Text(f"{_count_sentence(tokenised.total, tokenised.context)}\n\n{marked}")
    yield Text(_prices(task_input, tokenised.total))


def _instructed(task_input: TaskInput) -> Steps[None]:
    counted = yield from ask(Count((("user", task_input.text),)))
    yield Text(f"About {_count_sentence(counted.tokens, counted.context)}{_prices(task_input, counted.tokens)}")


def _count_sentence(tokens: int, context: int) -> str:
    share = f", {tokens / context:.1%} of the {context:,} that the model reads at once" if context else ""
    return f"{tokens:,} {'token' if tokens == 1 else 'tokens'}{share}."


def _marked(text: str, tokens: Sequence[Token], *, more: bool) -> str:
    """Return the tokens with bars between them, in angle brackets if they have no characters of their own."""
    pieces, end = [], 0
    for token in tokens:
        continues = token.start < end
        pieces.append(text[token.start : token.end] if token.end > token.start and not continues else _mark(token))
        end = max(end, token.end)
    marked = "|".join(pieces).replace("`", "'")
    return f"```\n{marked}{'|…' if more else ''}\n```"


def _mark(token: Token) -> str:
    return "‹…›" if token.end > token.start else f"‹{token.text}›"


def _prices(task_input: TaskInput, tokens: int) -> str:
    rows = task_input.prices(tokens)
    return f"\nThe price of this text as a question:\n{markdown_table(('model', 'price'), rows)}" if rows else ""


TASK = Task(
    "tokens",
    "Split a text into tokens, count them and show their price",
    "write",
    _steps,
    _instructed,
    model="openai-community/gpt2",
)
