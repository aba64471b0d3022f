"""One call of a model, from the moment its budget is held until it is known what it used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType

from bot.books import Call
from bot.estimate import estimate
from bot.types import Done, Sampling, Status, Text, Thought, Usage


class Spending:
    """A call whose budget is held; leaving it settles what it used, however it ended.

    `shortened` says which limit made the answer shorter than it might have been, "" for none. Once the call is settled,
    `crossed` says which limits it used up, or nearly, and `counted` whether it was a request.
    """

    def __init__(self, call: Call, longest: int, shortened: str, settle: Callable[[Call], Sequence[str]]) -> None:
        self.shortened = shortened
        self.crossed: Sequence[str] = ()
        self.counted = False
        self._call = call
        self._longest = longest
        self._settle = settle
        self._settled = False
        self._pieces: list[Text | Thought] = []

    @property
    def said(self) -> bool:
        """Whether the model said anything; to think is not to say."""
        return any(piece.text.strip() for piece in self._pieces if isinstance(piece, Text))

    def sampling(self, asked: Sampling) -> Sampling:
        """What was asked for, within the budget."""
        return replace(asked, max_tokens=self._longest) if self._longest else asked

    def take(self, piece: Text | Thought | Status | Done) -> None:
        """Take notice of what the model said or thought: both are paid for."""
        if isinstance(piece, Text | Thought):
            self._pieces.append(piece)
        elif isinstance(piece, Done):
            self._end(self._counted(piece.usage), succeeded=True)

    def __enter__(self) -> Spending:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """What broke off or was stopped is counted by what was heard; what failed before its first word is not."""
        failed = isinstance(error, Exception)
        self._end(Usage() if failed and not self._pieces else self._counted(Usage()), succeeded=not failed)

    def _counted(self, usage: Usage) -> Usage:
        """What the model says that it used, or else what it must have."""
        if usage != Usage():
            return usage
        said = estimate("".join(piece.text for piece in self._pieces))
        return Usage(self._call.usage.prompt_tokens, min(said, self._longest or said))

    def _end(self, usage: Usage, *, succeeded: bool) -> None:
        if not self._settled:
            self._settled = True
            call = replace(self._call, usage=usage, succeeded=succeeded)
            self.counted = call.counts
            self.crossed = self._settle(call)
