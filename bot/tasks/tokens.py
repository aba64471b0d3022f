"""tokens: how a model cuts a text into tokens, how many these are and what they would cost."""

from __future__ import annotations

from collections.abc import Sequence

from bot.interfaces.jobs import Count, Token, Tokens
from bot.interfaces.replies import Text
from bot.tasks.engine.steps import ask
from bot.tasks.engine.task import Steps, Task, TaskInput
from bot.utils.formatting import markdown_table

SHOWN = 200
"""Tokens that are shown piece by piece."""


def _steps(given: TaskInput) -> Steps[None]:
    cut = yield from ask(Tokens(given.text, SHOWN))
    yield Text(f"{_counted(cut.total, cut.context)}\n\n{_pieces(given.text, cut.tokens, more=cut.total > SHOWN)}")
    yield Text(_prices(given, cut.total))


def _instructed(given: TaskInput) -> Steps[None]:
    counted = yield from ask(Count((("user", given.text),)))
    yield Text(f"About {_counted(counted.tokens, counted.context)}{_prices(given, counted.tokens)}")


def _counted(tokens: int, context: int) -> str:
    share = f", {tokens / context:.1%} of the {context:,} that the model reads at once" if context else ""
    return f"{tokens:,} {'token' if tokens == 1 else 'tokens'}{share}."


def _pieces(text: str, tokens: Sequence[Token], *, more: bool) -> str:
    """The tokens with bars between them; those that stand for no characters, or go on with one, in angle brackets."""
    pieces, shown_to = [], 0
    for token in tokens:
        goes_on = token.start < shown_to
        pieces.append(text[token.start : token.end] if token.end > token.start and not goes_on else _mark(token))
        shown_to = max(shown_to, token.end)
    shown = "|".join(pieces).replace("`", "'")
    return f"```\n{shown}{'|…' if more else ''}\n```"


def _mark(token: Token) -> str:
    return "‹…›" if token.end > token.start else f"‹{token.text}›"


def _prices(given: TaskInput, tokens: int) -> str:
    rows = given.prices(tokens)
    return f"\nAs a question they would cost:\n{markdown_table(('model', 'price'), rows)}" if rows else ""


TASK = Task(
    "tokens",
    "How a model cuts a text into tokens, how many, and what they cost",
    "write",
    _steps,
    _instructed,
    model="openai-community/gpt2",
)
