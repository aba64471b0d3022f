"""Separation of reasoning between tags at the beginning of a text from the answer, while the text is streamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TAGS: Mapping[str, str] = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "[THINK]": "[/THINK]",
}
"""Closing tags by their opening tags."""


class ThinkTagParser:
    """Parser of a streamed text into parts, each a pair: True for reasoning, and the text.

    With `inside` the text begins within reasoning. `over` is True once the answer has begun: from then on tags are
    ordinary text, because a model may write about them.
    """

    def __init__(self, *, inside: bool = False) -> None:
        self.over = False
        self._closing = "</think>" if inside else ""
        self._thought = False
        self._held = ""

    def feed(self, text: str) -> Sequence[tuple[bool, str]]:
        """Take more text and return the parts that are certain now."""
        self._held += text
        parts: list[tuple[bool, str]] = []
        while self._take_thought(parts) if self._closing else self._take_outside(parts):
            pass
        return parts

    def end(self) -> Sequence[tuple[bool, str]]:
        """Return the text that is still held back at the end of the stream."""
        held, self._held = self._held, ""
        return [(bool(self._closing), held)] if held.strip() else []

    def _take_outside(self, parts: list[tuple[bool, str]]) -> bool:
        """Take an opening tag or the answer, or keep a possible beginning of a tag. Return True after a tag."""
        text = self._held.lstrip()
        if opening := next((tag for tag in TAGS if text.startswith(tag)), ""):
            self._closing, self._held = TAGS[opening], text.removeprefix(opening)
            return True
        if text and not any(tag.startswith(text) for tag in TAGS):
            parts.append((False, text if self._thought else self._held))
            self.over, self._held = True, ""
        return False

    def _take_thought(self, parts: list[tuple[bool, str]]) -> bool:
        """Take reasoning up to its closing tag or a possible beginning of it. Return True after the tag."""
        thought, closed, rest = self._held.partition(self._closing)
        kept = 0 if closed else _overlap(thought, self._closing)
        if certain := thought[: len(thought) - kept]:
            parts.append((True, certain))
        self._held = rest if closed else thought[len(thought) - kept :]
        if closed:
            self._closing, self._thought = "", True
        return bool(closed)


def _overlap(text: str, tag: str) -> int:
    """Return the number of characters at the end of the text that may be the beginning of the tag."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:size])), 0)
