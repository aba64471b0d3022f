"""What people see of a model's thinking: a quotation before the answer where they wish it, else only that it thinks."""

from __future__ import annotations

from collections.abc import Sequence

from bot.interfaces.replies import Chunk, Status, Text, Thought

THINKS = Status("Thinking it through…")
BREAK = "\n\n"


class ReasoningDisplay:
    """Draws one answer's thoughts, piece by piece."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._inside = False
        self._held = ""
        self._break = ""

    def drawn(self, chunk: Chunk) -> Sequence[Chunk]:
        """What takes the chunk's place: thoughts as quoted Markdown, or one status for all of them."""
        if isinstance(chunk, Thought):
            return self._quoted(chunk.text) if self._shown else self._status()
        self.end()
        if isinstance(chunk, Text) and self._break:
            self._break = ""
            return Thought(BREAK), chunk
        return (chunk,)

    def end(self) -> None:
        """What comes next is no part of this thought."""
        if self._inside:
            self._inside, self._held = False, ""
            self._break = BREAK if self._shown else ""

    def _status(self) -> Sequence[Status]:
        begins, self._inside = not self._inside, True
        return (THINKS,) if begins else ()

    def _quoted(self, text: str) -> Sequence[Thought]:
        """The text as a quotation that goes on; the ends of lines wait for what follows them."""
        text = self._held + text if self._inside else text.lstrip()
        said = text.rstrip()
        self._held = text[len(said) :]
        if not said:
            return ()
        mark = "" if self._inside else f"{self._break}> "
        self._inside, self._break = True, ""
        return (Thought(mark + said.replace("\n", "\n> ")),)
