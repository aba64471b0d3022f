"""Conversion of tokens to text while they arrive, without half a character in any piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_HALF = "\ufffd"
"""The character that a tokenizer writes for bytes that are not a whole character (yet)."""

_LONGEST_CHARACTER = 8
"""More tokens than any character has: bytes that are incomplete after these are invalid."""


class Detokeniser:
    """Detokeniser of one text; `decode` returns the text of token ids.

    A token's text may depend on the tokens before it, so the texts of two runs of tokens are compared.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._returned = 0  # of `_ids`, the number whose text was returned

    def push(self, token: int) -> str:
        """Return the text that this token completes; "" in the middle of a character."""
        self._ids.append(token)
        text = self._new_text()
        incomplete = text.endswith(_HALF) and len(self._ids) - self._returned < _LONGEST_CHARACTER
        return "" if incomplete or not text else self._return(text)

    def finish(self) -> str:
        """Return the rest of the text after the last token, without half a character."""
        return self._return(self._new_text().rstrip(_HALF))

    def _new_text(self) -> str:
        return self._decode(self._ids)[len(self._decode(self._ids[: self._returned])) :]

    def _return(self, text: str) -> str:
        """Return the text, and keep only its tokens: they are the context that the next ones need."""
        self._ids = self._ids[self._returned :]
        self._returned = len(self._ids)
        return text
