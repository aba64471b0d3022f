"""The limits of an answer's length, whatever a model writes: they bound the messages and the memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.interfaces.replies import Done, Piece, Text, Thought

LONGEST = 100_000
"""The most characters of an answer: about fifty messages."""

LONGEST_OF_TASK = 300_000
"""The most characters of a task's answer, which may be about a long text: four hours of speech."""

LONGEST_THOUGHTS = 2_000_000
"""The most characters of reasoning before and during an answer."""


class AnswerBounds:
    """The rest of one answer's limits. The caller stops the model once a limit is `reached`."""

    def __init__(self) -> None:
        self.reached = False
        self._left = {Text: LONGEST, Thought: LONGEST_THOUGHTS}

    def cut(self, piece: Piece) -> Sequence[Piece]:
        """Return the part of the piece that fits; at the limit, also the end that a model's own limit has."""
        if not isinstance(piece, Text | Thought):
            return (piece,)
        room = self._left[type(piece)]
        self._left[type(piece)] = room - len(piece.text)
        if len(piece.text) <= room:
            return (piece,)
        self.reached = True
        return replace(piece, text=piece.text[:room]), Done("length")
