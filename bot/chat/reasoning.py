"""Show a model's reasoning: as a quotation before the answer if the setting is on, else as a status."""

from __future__ import annotations

from collections.abc import Sequence

from bot.interfaces.replies import Chunk, Status, Text, Thought

THINKING_STATUS = Status("Thinking it through…")
PARAGRAPH_BREAK = "\n\n"


class ReasoningDisplay:
    """The display of one answer's reasoning, piece by piece."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._inside = False
        self._held = ""
        self._break = ""

    def drawn(self, chunk: Chunk) -> Sequence[Chunk]:
        """Return the chunks to show instead of this one: reasoning as quoted Markdown, or one status for all of it."""
        if isinstance(chunk, Thought):
            return self._quoted(chunk.text) if self._shown else self._status()
        self.end()
        if isinstance(chunk, Text) and self._break:
            self._break = ""
            return Thought(PARAGRAPH_BREAK), chunk
        return (chunk,)

    def end(self) -> None:
        """End this part of the reasoning; the next thought is a new one."""
        if self._inside:
            self._inside, self._held = False, ""
            self._break = PARAGRAPH_BREAK if self._shown else ""

    def _status(self) -> Sequence[Status]:
        begins, self._inside = not self._inside, True
        return (THINKING_STATUS,) if begins else ()

    def _quoted(self, text: str) -> Sequence[Thought]:
        """Return the text as a continued quotation; line ends at its end wait for the next piece."""
        text = self._held + text if self._inside else text.lstrip()
        complete = text.rstrip()
        self._held = text[len(complete) :]
        if not complete:
            return ()
        mark = "" if self._inside else f"{self._break}> "
        self._inside, self._break = True, ""
        return (Thought(mark + complete.replace("\n", "\n> ")),)
