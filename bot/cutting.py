"""Cutting a long text into pieces that a model can read at once: at paragraphs, else sentences, else words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_SENTENCE = re.compile(r"\S(?:.*?(?:(?<![.!?…])[.!?…]++[\"'’”»)\]]*+(?=\s)|[。！？]|$))", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, and the white space that stood after it."""

    text: str
    after: str = ""


def weight(text: str) -> int:
    """About how many tokens a text takes, rather too many: three letters of ASCII, or two bytes of anything else."""
    size = len(text.encode(errors="replace"))
    plain = len(text.encode("ascii", errors="ignore"))
    return plain // 3 + (size - plain) // 2 + 1


def cut(text: str, room: int, *, overlap: int = 0) -> Sequence[Piece]:
    """The text in pieces of at most `room` tokens; each begins with the last `overlap` tokens of the one before."""
    pieces: list[Piece] = []
    held: list[Piece] = []
    for sentence in _sentences(text, room):
        if held and sum(weight(one.text) for one in held) + weight(sentence.text) > room:
            pieces.append(_joined(held))
            held = _last(held, min(overlap, room - weight(sentence.text)))
        held.append(sentence)
    return [*pieces, _joined(held)] if held else pieces


def lines(text: str, room: int) -> Sequence[Piece]:
    """Each line for itself, and what is too long of it in several pieces."""
    found: list[Piece] = []
    for line in re.finditer(r"\S[^\n]*|\n\s*", text):
        if not line[0].strip() and found:
            found[-1] = Piece(found[-1].text, found[-1].after + line[0])
        elif line[0].strip():
            found += cut(line[0], room)
    return found


def _sentences(text: str, room: int) -> Iterator[Piece]:
    """Sentences and ends of lines; what is longer than `room` is cut at words, or anywhere."""
    found = list(_SENTENCE.finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)][: len(found)]
    for match, end in zip(found, ends, strict=True):
        whole, begins, enough = match[0].rstrip(), 0, 3 * room + 6  # so many characters of any text weigh more
        while (size := weight(rest := whole[begins : begins + enough])) > room:
            most = max(1, len(rest) * room // size * 3 // 4)
            at = rest.rfind(" ", most // 2, most) + 1 or most
            yield Piece(rest[:at].rstrip(), rest[:at][len(rest[:at].rstrip()) :])
            begins += at
        yield Piece(whole[begins:], text[match.start() + len(match[0].rstrip()) : end])


def _joined(sentences: Sequence[Piece]) -> Piece:
    return Piece("".join(one.text + one.after for one in sentences[:-1]) + sentences[-1].text, sentences[-1].after)


def _last(sentences: Sequence[Piece], most: int) -> list[Piece]:
    """As many of the last sentences as fit."""
    kept: list[Piece] = []
    for one in reversed(sentences):
        if sum(weight(other.text) for other in [*kept, one]) > most:
            break
        kept.insert(0, one)
    return kept
