"""How long an answer may be, whatever a model says: what a chat can show, and what memory holds of it, is bounded."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from bot.interfaces.replies import Done, Piece, Text, Thought

LONGEST = 100_000
"""Characters of an answer: about fifty messages."""

LONGEST_OF_TASK = 300_000
"""Characters of an answer to a task, which may be about a long text: what is said in four hours."""

LONGEST_THOUGHTS = 2_000_000
"""Characters that a model may think before it answers and while it does."""


async def bounded(
    stream: AsyncGenerator[Piece, None],
) -> AsyncGenerator[Piece, None]:
    """What a model says; beyond the bounds it is stopped, as if it had reached a limit of its own."""
    left = {Text: LONGEST, Thought: LONGEST_THOUGHTS}
    async with aclosing(stream) as pieces:
        async for piece in pieces:
            if not isinstance(piece, Text | Thought):
                yield piece
                continue
            room = left[type(piece)]
            yield piece if len(piece.text) <= room else replace(piece, text=piece.text[:room])
            left[type(piece)] = room - len(piece.text)
            if len(piece.text) > room:
                yield Done("length")
                return
