"""Division of a long text into chunks that fit a model: at ends of lines or sentences, else between words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.interfaces.errors import UserError

MOST_CHUNKS = 5_000
"""Most chunks of one text. The model reads one chunk at a time, and this number already takes hours."""

_END = r"""(?<![.!?…])[.!?…]++["'’”»)\]]*+(?=\s)|[。！？]|(?=\n)"""
_NEXT_END = re.compile(_END)
_LAST_END = re.compile(rf"(?s:.*)(?P<end>{_END})")
_MARKS = 8
"""Characters of punctuation before a sentence's first word that `_overlap_start` looks back for."""

_WORD = re.compile(r"\S")
_LINE = re.compile(r"\S[^\n]*|\n\s*")


@dataclass(frozen=True, slots=True)
class TextChunk:
    """A part of a text, and the white space that followed it."""

    text: str
    after: str = ""


def token_weight(text: str) -> int:
    """Estimate the tokens of a text, rather too high: one for three ASCII characters or two bytes of anything else."""
    size = len(text.encode(errors="replace"))
    plain = len(text.encode("ascii", errors="ignore"))
    return plain // 3 + (size - plain) // 2 + 1


def chunk_text(text: str, room: int, *, overlap: int = 0) -> Sequence[TextChunk]:
    """Return the text in chunks of at most `room` tokens; each repeats the last `overlap` tokens of the one before.

    The time is proportional to the text. Raises UserError for more than MOST_CHUNKS chunks.
    """
    chunks: list[TextChunk] = []
    start, done = _next_word(text, 0), 0
    while done < len(text) and start < len(text):
        end = _chunk_end(text, start, room)
        if end <= done:  # the overlap fills the whole chunk: begin without it
            start = _next_word(text, done)
            continue
        chunk, following = text[start:end].rstrip(), _next_word(text, end)
        if len(chunks) == MOST_CHUNKS:
            raise UserError(f"The text is too long: it has more than {MOST_CHUNKS:,} sections. Send a shorter text.")
        chunks.append(TextChunk(chunk, text[start + len(chunk) : following]))
        done = following
        start = _overlap_start(text, start, end, overlap) if overlap and done < len(text) else following
    return chunks


def lines(text: str, room: int) -> Sequence[TextChunk]:
    """Return each line that is not blank; one of more than `room` tokens becomes several chunks.

    Blank lines become white space after the chunk before them. Raises UserError for more than MOST_CHUNKS chunks.
    """
    chunks: list[TextChunk] = []
    for line in _LINE.finditer(text):
        if not line[0].strip() and chunks:
            chunks[-1] = TextChunk(chunks[-1].text, chunks[-1].after + line[0])
        elif line[0].strip():
            chunks += chunk_text(line[0], room)
            if len(chunks) > MOST_CHUNKS:
                raise UserError(f"The text is too long: it has more than {MOST_CHUNKS:,} lines. Send a shorter text.")
    return chunks


def _next_word(text: str, position: int) -> int:
    """Return the index of the next character that is not white space; the text's length after the last."""
    match = _WORD.search(text, position)
    return match.start() if match else len(text)


def _chunk_end(text: str, start: int, room: int) -> int:
    """Return the index after a chunk: the last end of a sentence or line that fits, else of a word, else any."""
    limit = _longest_fit(text, start, room)
    if limit == len(text):
        return limit
    before = limit + 1  # the patterns look at the character after an end
    while match := _LAST_END.match(text, start, before):
        if start < match.end() <= limit:
            return match.end()
        before = match.start("end")
    # a space in the first half would leave a chunk too short to be useful: rather cut inside a word
    half = start + (limit - start) // 2
    return text.rfind(" ", half, limit) + 1 or limit


def _longest_fit(text: str, start: int, room: int) -> int:
    """Return the end of the longest part from `start` on that weighs at most `room` tokens."""
    low, high = start + 1, min(len(text), start + 3 * room + 6)  # a longer part of any text weighs more than `room`
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if token_weight(text[start:middle]) <= room else (low, middle - 1)
    return low


def _overlap_start(text: str, start: int, end: int, most: int) -> int:
    """Return the start of a chunk's last sentences of at most `most` tokens; the word after the chunk if none fits."""
    low, high = max(start + 1, end - 3 * most - 6), end
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if token_weight(text[middle:end]) <= most else (middle + 1, high)
    position = max(start, low - _MARKS)
    while match := _NEXT_END.search(text, position, end):
        sentence = _next_word(text, match.end())
        if sentence >= low:
            return sentence
        position = max(match.end(), position + 1)
    return _next_word(text, end)
