"""Tokens to text while they arrive, without ever showing half a character."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_HALF = "\ufffd"
"""What a tokenizer shows for bytes that are no whole character (yet)."""

_PATIENCE = 8
"""Tokens to wait for the rest of a character; more than any needs, so what is broken then is broken for good."""


class Detokeniser:
    """`decode` turns token ids into text. A token's text may depend on those before it, so runs are compared."""

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._shown = 0

    def push(self, token: int) -> str:
        """The text that this token completes, often "" in the middle of a character."""
        self._ids.append(token)
        text = self._new()
        waiting = text.endswith(_HALF) and len(self._ids) - self._shown < _PATIENCE
        return "" if waiting or not text else self._show(text)

    def finish(self) -> str:
        """What is left when no more tokens come; half a character is dropped."""
        return self._show(self._new().rstrip(_HALF))

    def _new(self) -> str:
        return self._decode(self._ids)[len(self._decode(self._ids[: self._shown])) :]

    def _show(self, text: str) -> str:
        """Forget all but the tokens just shown: they are the context that the next ones need."""
        self._ids = self._ids[self._shown :]
        self._shown = len(self._ids)
        return text
