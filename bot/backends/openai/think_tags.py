"""Thinking that a model writes between tags at the beginning of its text, told apart while it is being written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TAGS: Mapping[str, str] = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "[THINK]": "[/THINK]",
}
"""What opens a thought, and what closes it."""


class ThinkTagParser:
    """Takes text as it comes, cut anywhere, and gives back parts, each with whether it is a thought.

    `inside` says that the text begins within a thought. `over` is True once the answer has begun: from then on, tags
    are words like others, for a model may write about them.
    """

    def __init__(self, *, inside: bool = False) -> None:
        self.over = False
        self._closing = "</think>" if inside else ""
        self._thought = False
        self._held = ""

    def feed(self, text: str) -> Sequence[tuple[bool, str]]:
        """The parts that are certain by now."""
        self._held += text
        parts: list[tuple[bool, str]] = []
        while self._think(parts) if self._closing else self._begin(parts):
            pass
        return parts

    def end(self) -> Sequence[tuple[bool, str]]:
        """What is left when nothing more comes."""
        held, self._held = self._held, ""
        return [(bool(self._closing), held)] if held.strip() else []

    def _begin(self, parts: list[tuple[bool, str]]) -> bool:
        """An opening tag, the beginning of one, or the answer; whether a thought begins."""
        said = self._held.lstrip()
        if opening := next((tag for tag in TAGS if said.startswith(tag)), ""):
            self._closing, self._held = TAGS[opening], said.removeprefix(opening)
            return True
        if said and not any(tag.startswith(said) for tag in TAGS):
            parts.append((False, said if self._thought else self._held))
            self.over, self._held = True, ""
        return False

    def _think(self, parts: list[tuple[bool, str]]) -> bool:
        """A thought up to its closing tag, or as far as no tag can have begun in it; whether it is closed."""
        thought, closed, rest = self._held.partition(self._closing)
        kept = 0 if closed else _overlap(thought, self._closing)
        if certain := thought[: len(thought) - kept]:
            parts.append((True, certain))
        self._held = rest if closed else thought[len(thought) - kept :]
        if closed:
            self._closing, self._thought = "", True
        return bool(closed)


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of the text may be the beginning of the tag."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:size])), 0)
