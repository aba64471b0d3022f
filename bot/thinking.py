"""What people see of a model's thinking: a quotation before the answer where they wish it, else only that it thinks."""

from __future__ import annotations

from collections.abc import Sequence

from bot.types import Status, Text, Thought

THINKS = Status("Thinking it through…")


class Thinking:
    """Draws one answer's thoughts, piece by piece."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._inside = False
        self._held = ""

    def drawn(self, piece: Text | Thought | Status) -> Sequence[Text | Thought | Status]:
        """What takes the piece's place: thoughts as quoted Markdown, or one status for all of them."""
        if isinstance(piece, Thought):
            return self._quoted(piece.text) if self._shown else self._told()
        if not self._inside:
            return (piece,)
        self._inside, self._held = False, ""
        return (Thought("\n\n"), piece) if self._shown else (piece,)

    def _told(self) -> Sequence[Status]:
        if self._inside:
            return ()
        self._inside = True
        return (THINKS,)

    def _quoted(self, text: str) -> Sequence[Thought]:
        """The text as a quotation that goes on; the ends of lines wait for what follows them."""
        text = self._held + text if self._inside else text.lstrip()
        said = text.rstrip()
        self._held = text[len(said) :]
        if not said:
            return ()
        mark = "" if self._inside else "> "
        self._inside = True
        return (Thought(mark + said.replace("\n", "\n> ")),)
