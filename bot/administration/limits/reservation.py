"""One call of a model, from the moment its budget is held until it is known what it used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType

from bot.interfaces.errors import BackendError
from bot.interfaces.prompts import Sampling
from bot.interfaces.replies import Done, Piece, Status, Text, Thought, Usage, Used
from bot.interfaces.usage import ModelCall
from bot.utils.token_estimate import estimate, tokens


@dataclass(frozen=True, slots=True)
class Held:
    """The amount that is held for the answer: its `longest` in tokens, and whether the model is asked to keep to that.

    Where a model `hides` what it thinks, `hidden_tokens` is the most that it was found to have written without telling.
    """

    longest: int
    bounded: bool
    hides: bool
    hidden_tokens: int = 0


class Reservation:
    """A call whose budget is held; leaving it settles what it used, however it ended.

    `shortened` names the limit that made the answer shorter, "" for none. `has_text` is true once the model wrote text;
    reasoning does not count. After settlement `warnings` has a sentence for each limit that is used up, or nearly,
    `counted` is true for a call that counts as a request, and `hidden_tokens` is the number of tokens that the model
    reported beyond those received.
    """

    def __init__(
        self, call: ModelCall, held: Held, shortened: str, settle: Callable[[Reservation, ModelCall], Sequence[str]]
    ) -> None:
        self.shortened = shortened
        self.warnings: Sequence[str] = ()
        self.counted = False
        self.has_text = False
        self.hidden_tokens = 0
        self._call = call
        self._held = held
        self._settle = settle
        self._settled = False
        self._lost = Usage()
        self._told = Usage()
        self._pieces: list[str] = []
        self._at_work = True

    def sampling(self, asked: Sampling) -> Sampling:
        """What was asked for, within the budget."""
        return replace(asked, max_tokens=self._held.longest) if self._held.bounded else asked

    def take(self, piece: Piece) -> None:
        """Take notice of what the model said or thought: both are paid for."""
        match piece:
            case Text(text) | Thought(text):
                self._at_work = True
                self._pieces.append(text)
                self.has_text = self.has_text or (isinstance(piece, Text) and bool(text.strip()))
            case Used(usage):
                self._at_work = True
                self._note_usage(usage)
            case Status(lost="read" | "unread"):
                self._drop_attempt(read=piece.lost == "read")
            case Done(usage=usage):
                self._end(self._whole(usage), succeeded=True)
            case Status():
                pass

    def __enter__(self) -> Reservation:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Count what broke off, failed or was stopped as far as it is paid for."""
        if not self._settled:
            self._end(self._unfinished(error), succeeded=not isinstance(error, Exception))

    def _note_usage(self, usage: Usage) -> None:
        """Note what the server says of the call; what was heard before is part of that."""
        told = Usage(tokens(usage.prompt_tokens), tokens(usage.completion_tokens))
        if told.completion_tokens:
            self._pieces = []
        written = max(told.completion_tokens, self._told.completion_tokens)
        self._told = Usage(told.prompt_tokens or self._told.prompt_tokens, written)

    def _drop_attempt(self, *, read: bool) -> None:
        """Note that an attempt failed and another one follows."""
        if read or self._has_begun:
            self._lost = _sum(self._lost, self._so_far())
        self._told, self._pieces, self._at_work = Usage(), [], False

    @property
    def _has_begun(self) -> bool:
        """True once the model began to write, as far as can be seen."""
        return bool(self._pieces or self._told.completion_tokens)

    def _so_far(self) -> Usage:
        """Sum up what was taken as far as it was told or, since then, heard."""
        heard = estimate("".join(self._pieces))
        said = self._told.completion_tokens + (min(heard, self._held.longest) if self._held.bounded else heard)
        return Usage(self._told.prompt_tokens or self._call.usage.prompt_tokens, said)

    def _whole(self, usage: Usage) -> Usage:
        """Count what the model says that it used, and what it does not say as it must have been."""
        told, seen = Usage(tokens(usage.prompt_tokens), tokens(usage.completion_tokens)), self._so_far()
        if self._held.hides and not self._told.completion_tokens:
            self.hidden_tokens = max(0, told.completion_tokens - estimate("".join(self._pieces)))
        return Usage(told.prompt_tokens or seen.prompt_tokens, told.completion_tokens or seen.completion_tokens)

    def _unfinished(self, error: BaseException | None) -> Usage:
        """Count what a call used that did not come to its end.

        A model that was stopped, or given up, before its first word may have been thinking all the time: then all that
        was held counts. What failed before its first word counts as far as its error says that it is paid for.
        """
        failed = isinstance(error, Exception)
        paid = error.paid if isinstance(error, BackendError) else "nothing"
        if not self._at_work or (failed and paid == "nothing" and not self._has_begun):
            return Usage()
        seen, longest = self._so_far(), self._held.longest
        unseen = 0
        if self._held.hides and not self._has_begun:
            unseen = 0 if failed and paid == "prompt" else longest
        elif self._held.hides and not self._told.completion_tokens:
            unseen = self._held.hidden_tokens
        said = seen.completion_tokens
        return Usage(seen.prompt_tokens, max(said, min(said + unseen, longest)))

    def _end(self, usage: Usage, *, succeeded: bool) -> None:
        if not self._settled:
            self._settled = True
            call = replace(self._call, usage=_sum(usage, self._lost), succeeded=succeeded)
            self.counted = call.counts
            self.warnings = self._settle(self, call)


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(one.prompt_tokens + other.prompt_tokens, one.completion_tokens + other.completion_tokens)
