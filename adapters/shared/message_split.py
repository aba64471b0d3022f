"""Markdown cut into messages: within the limit, never inside an open code fence, stable while the text grows.

Code fences follow CommonMark 0.31 §4.5. Sizes are UTF-16 code units; no platform counts more for a character.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from dataclasses import dataclass

_FENCE_LINE = re.compile(r"^ {0,3}(`{3,16}(?!`)|~{3,16}(?!~))(.*)$")
_MAYBE_FENCE = re.compile(r"^ {0,3}(`{1,}|~{1,})[^`\n]*$")
_LONGEST_INFO = 32
"""Characters of a fence's info string that each part repeats: long ones would fill the parts."""

_JOINERS = frozenset("\u200d\ufe0e\ufe0f")


def size(text: str) -> int:
    """Return the number of UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


@dataclass(frozen=True, slots=True)
class Fence:
    """An open code fence: the line that opens it again, and the marks that close it."""

    line: str
    marks: str

    @property
    def closing(self) -> str:
        """Return the text that closes the fence, on a line of its own."""
        return f"\n{self.marks}"


def open_fence(text: str, fence: Fence | None = None) -> Fence | None:
    """Return the fence that is open after `text`, which begins inside `fence`."""
    for line in text.split("\n"):
        found = _FENCE_LINE.match(line)
        if not found:
            continue
        marks, info = found[1], found[2]
        if fence is None:
            if marks[0] == "~" or "`" not in info:
                fence = Fence(f"{marks}{info[:_LONGEST_INFO]}".rstrip(), marks)
        elif marks.startswith(fence.marks) and not info.strip():
            fence = None
    return fence


def balance(text: str) -> str:
    """Return `text` with its last fence closed."""
    fence = open_fence(text)
    return f"{text.rstrip()}{fence.closing}" if fence else text


def hold_back(text: str) -> str:
    """Return `text` without a last line that may become a fence, so that a preview does not flicker."""
    head, newline, last = text.rpartition("\n")
    return head if _MAYBE_FENCE.match(last) else f"{head}{newline}{last}"


def split(text: str, limit: int, *, balanced: bool = True) -> list[str]:
    """Return the parts of the whole `text`; see split_off."""
    return split_off(text, limit, sys.maxsize, balanced=balanced)[0]


def split_off(text: str, limit: int, most: int, *, balanced: bool = True) -> tuple[list[str], str]:
    """Return at most `most` parts of `text` with at most `limit` UTF-16 units each, [] for blank text, and the rest.

    The end of a part depends only on the text before it, so full parts stay the same when more text comes. A fence that
    is open at a cut is closed there and opened again in the next part. Without `balanced`, only full parts are closed,
    and the last one is the raw text so far.
    """
    parts: list[str] = []
    fence: Fence | None = None
    rest = text
    while True:
        if len(parts) == most:
            return parts, rest if rest.strip() else ""
        opening = f"{fence.line}\n" if fence else ""
        if len(rest) <= limit:  # scanning a long rest for every part takes quadratic time
            after = open_fence(rest, fence)
            closing = after.closing if after and balanced else ""
            if size(opening) + size(rest) + size(closing) <= limit:
                last = opening + (f"{rest.rstrip()}{closing}" if closing else rest)
                return ([*parts, last] if rest.strip() else parts), ""
        head, rest, after = _cut(rest, limit - size(opening), fence)
        parts.append(opening + (f"{head.rstrip()}{after.closing}" if after else head.rstrip()))
        fence = after
        rest = rest.lstrip("\n") if fence is None else rest.removeprefix("\n")


def _cut(text: str, room: int, fence: Fence | None) -> tuple[str, str, Fence | None]:
    """Cut off a piece that fits into `room` with the closing of its open fence; return piece, rest and that fence."""
    window = text[: _units(text, room)]
    for reserve in (0, *sorted({size(mark) for mark in _closings(window, fence)})):
        position = _best_break(window[: _units(window, room - reserve)], fence)
        after = open_fence(window[:position], fence)
        if position and (after is None or size(window[:position].rstrip()) + size(after.closing) <= room):
            return window[:position], text[position:], after
    position = max(1, _units(window, room))  # the limit is smaller than the fence: cut without closing it
    return window[:position], text[position:], None


def _closings(window: str, fence: Fence | None) -> list[str]:
    """Return the closing of each fence that is open somewhere in `window`."""
    lines = (found[1] for found in map(_FENCE_LINE.match, window.split("\n")) if found)
    return [f"\n{marks}" for marks in lines] + ([fence.closing] if fence else [])


def _units(text: str, units: int) -> int:
    """Return the number of characters of `text` that fit into `units`."""
    if text.isascii():
        return max(0, min(len(text), units))
    used = 0
    for index, character in enumerate(text):
        used += 2 if character > "\uffff" else 1
        if used > units:
            return index
    return len(text)


def _best_break(window: str, fence: Fence | None) -> int:
    """Return the place to cut: the last end of a paragraph, line, sentence or word in the later half, else the end."""
    least = len(window) // 2
    paragraph = window.rfind("\n\n")
    if paragraph > least and open_fence(window[:paragraph], fence) is None:
        return paragraph
    line = window.rfind("\n")
    while line > least:
        start = window.rfind("\n", 0, line) + 1
        found = _FENCE_LINE.match(window[start:line])
        if not found or open_fence(window[:line], fence) is None:
            return line
        line = start - 1  # an opening fence does not end a part
    for mark in (". ", " "):
        position = window.rfind(mark)
        if position > least:
            return position + len(mark)
    return _before_cluster(window)


def _before_cluster(window: str) -> int:
    """Return the end of `window`, or the place before its last emoji or accented letter, which may go on after it."""
    end = len(window)
    while end > 1 and not window[end - 1].isascii():
        end -= 1
        if not unicodedata.combining(window[end]) and not {window[end], window[end - 1]} & _JOINERS:
            return end
    return end if end > 1 else len(window)
