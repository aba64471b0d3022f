"""How many tokens a text takes where nobody can count them: never fewer than it has."""

from __future__ import annotations

CHEAP_BYTES = b"abcdefghijklmnopqrstuvwxyz "

MOST_TOKENS = 10**9
"""Tokens of one call; a larger figure is a fault of who states it."""


def tokens(figure: object) -> int:
    """A number of tokens as a server states it; 0, as where nothing is stated, for what is none."""
    return figure if type(figure) is int and 0 <= figure <= MOST_TOKENS else 0


def estimate(text: str) -> int:
    """At least as many tokens as OpenAI's encodings make of it; for prose and code mostly two or three times as many.

    A token is at least one byte, so nothing exceeds the number of bytes. Small Latin letters and spaces, a word's own
    space included, make tokens of two or more: even random letters take about 0.54 tokens each, so they count 3/5.
    Everything else (capitals, digits, punctuation, other scripts byte by byte) counts as a token each, and the
    end of a line as two, since a single letter may follow it. Compared with cl100k_base and o200k_base on hundreds of
    files of code and prose, long words of eight languages, base64, hexadecimal and emoji: never less.
    """
    data = text.encode(errors="replace")
    others = len(data.translate(None, CHEAP_BYTES))
    return min(len(data), others + data.count(b"\n") + (3 * (len(data) - others) + 4) // 5)
