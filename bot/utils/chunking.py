"""Cutting a long text into pieces that a model can read at once: at paragraphs, else sentences, else words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.interfaces.errors import UserError

MOST_PIECES = 5_000
"""Pieces of one text: each is read by itself, and so many take hours."""

_END = r"""(?<![.!?…])[.!?…]++["'’”»)\]]*+(?=\s)|[。！？]|(?=\n)"""
_NEXT_END = re.compile(_END)
_LAST_END = re.compile(rf"(?s:.*)(?P<end>{_END})")
_MARKS = 8
"""Characters that the end of a sentence may have at most where a sentence is looked for that begins soon after one."""

_WORD = re.compile(r"\S")
_LINE = re.compile(r"\S[^\n]*|\n\s*")


@dataclass(frozen=True, slots=True)
class TextChunk:
    """A part of a text, and the white space that stood after it."""

    text: str
    after: str = ""


def token_weight(text: str) -> int:
    """About how many tokens a text takes, rather too many: three letters of ASCII, or two bytes of anything else."""
    size = len(text.encode(errors="replace"))
    plain = len(text.encode("ascii", errors="ignore"))
    return plain // 3 + (size - plain) // 2 + 1


def chunk_text(text: str, room: int, *, overlap: int = 0) -> Sequence[TextChunk]:
    """The text in pieces of at most `room` tokens; each begins with the last `overlap` tokens of the one before.

    Takes time in proportion to the text. Raises UserError where there would be too many pieces.
    """
    pieces: list[TextChunk] = []
    start, done = _word(text, 0), 0
    while done < len(text) and start < len(text):
        end = _end(text, start, room)
        if end <= done:  # with what it shares with the piece before there is no room for anything new
            start = _word(text, done)
            continue
        said, following = text[start:end].rstrip(), _word(text, end)
        if len(pieces) == MOST_PIECES:
            raise UserError(
                f"This is more than {MOST_PIECES:,} pieces to read, one after the other: give less at a time."
            )
        pieces.append(TextChunk(said, text[start + len(said) : following]))
        done = following
        start = _shared(text, start, end, overlap) if overlap and done < len(text) else following
    return pieces


def lines(text: str, room: int) -> Sequence[TextChunk]:
    """Each line for itself, and what is too long of it in several pieces. Raises UserError where these are too many."""
    found: list[TextChunk] = []
    for line in _LINE.finditer(text):
        if not line[0].strip() and found:
            found[-1] = TextChunk(found[-1].text, found[-1].after + line[0])
        elif line[0].strip():
            found += chunk_text(line[0], room)
            if len(found) > MOST_PIECES:
                raise UserError(f"This is more than {MOST_PIECES:,} lines: give less at a time.")
    return found


def _word(text: str, at: int) -> int:
    """Where the next word begins."""
    found = _WORD.search(text, at)
    return found.start() if found else len(text)


def _end(text: str, start: int, room: int) -> int:
    """Where a piece ends: with the last sentence or line that fits, else the last word, else anywhere."""
    limit = _farthest(text, start, room)
    if limit == len(text):
        return limit
    before = limit + 1  # so that it is seen what follows
    while found := _LAST_END.match(text, start, before):
        if start < found.end() <= limit:
            return found.end()
        before = found.start("end")
    half = start + (limit - start) // 2
    return text.rfind(" ", half, limit) + 1 or limit


def _farthest(text: str, start: int, room: int) -> int:
    """How far a text is read with so many tokens."""
    low, high = start + 1, min(len(text), start + 3 * room + 6)  # so many characters of any text weigh more
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if token_weight(text[start:middle]) <= room else (low, middle - 1)
    return low


def _shared(text: str, start: int, end: int, most: int) -> int:
    """Where the last sentences of a piece begin that weigh so much at most; after its end where there are none."""
    low, high = max(start + 1, end - 3 * most - 6), end
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if token_weight(text[middle:end]) <= most else (middle + 1, high)
    at = max(start, low - _MARKS)
    while found := _NEXT_END.search(text, at, end):
        begins = _word(text, found.end())
        if begins >= low:
            return begins
        at = max(found.end(), at + 1)
    return _word(text, end)
