"""How long an answer may be, whatever a model says: what a chat can show, and what memory holds of it, is bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.interfaces.replies import Done, Piece, Text, Thought

LONGEST = 100_000
"""Characters of an answer: about fifty messages."""

LONGEST_OF_TASK = 300_000
"""Characters of an answer to a task, which may be about a long text: what is said in four hours."""

LONGEST_THOUGHTS = 2_000_000
"""Characters that a model may think before it answers and while it does."""


class AnswerBounds:
    """The room that is left for one answer; `reached` once there is none, and the model has to be stopped."""

    def __init__(self) -> None:
        self.reached = False
        self._left = {Text: LONGEST, Thought: LONGEST_THOUGHTS}

    def cut(self, piece: Piece) -> Sequence[Piece]:
        """Return the piece as far as it fits; at the bound the answer ends as at a limit of the model's own."""
        if not isinstance(piece, Text | Thought):
            return (piece,)
        room = self._left[type(piece)]
        self._left[type(piece)] = room - len(piece.text)
        if len(piece.text) <= room:
            return (piece,)
        self.reached = True
        return replace(piece, text=piece.text[:room]), Done("length")
