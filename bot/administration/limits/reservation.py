"""One call of a model, from the reservation of its budget until its settlement."""

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
    """The reserved answer: its `longest` in tokens, `bounded` if the model has to be asked for no more.

    `hides` marks a model with hidden reasoning; `hidden_tokens` is the most that it has used in one call so far.
    """

    longest: int
    bounded: bool
    hides: bool
    hidden_tokens: int = 0


class Reservation:
    """A call with a reserved budget. Leaving the context settles its usage, however it ended.

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
        self._reported = Usage()
        self._pieces: list[str] = []
        self._running = True

    def sampling(self, asked: Sampling) -> Sampling:
        """Return the sampling with the reserved length of the answer."""
        return replace(asked, max_tokens=self._held.longest) if self._held.bounded else asked

    def take(self, piece: Piece) -> None:
        """Count a piece of the reply: text and reasoning are both paid for."""
        match piece:
            case Text(text) | Thought(text):
                self._running = True
                self._pieces.append(text)
                self.has_text = self.has_text or (isinstance(piece, Text) and bool(text.strip()))
            case Used(usage):
                self._running = True
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
        """Count the part that is paid for of a call that broke off, failed or was stopped."""
        if not self._settled:
            self._end(self._unfinished(error), succeeded=not isinstance(error, Exception))

    def _note_usage(self, usage: Usage) -> None:
        """Note the usage that the server reports; it includes all pieces so far."""
        reported = Usage(tokens(usage.prompt_tokens), tokens(usage.completion_tokens))
        if reported.completion_tokens:
            self._pieces = []
        written = max(reported.completion_tokens, self._reported.completion_tokens)
        self._reported = Usage(reported.prompt_tokens or self._reported.prompt_tokens, written)

    def _drop_attempt(self, *, read: bool) -> None:
        """Note a failed attempt that another one follows; `read` if the server has read the prompt."""
        if read or self._has_begun:
            self._lost = _sum(self._lost, self._so_far())
        self._reported, self._pieces, self._running = Usage(), [], False

    @property
    def _has_begun(self) -> bool:
        """Return whether the model has begun to write, as far as that is visible."""
        return bool(self._pieces or self._reported.completion_tokens)

    def _so_far(self) -> Usage:
        """Return the reported usage and an estimate of the pieces since that report."""
        received = estimate("".join(self._pieces))
        bounded = min(received, self._held.longest) if self._held.bounded else received
        completion_tokens = self._reported.completion_tokens + bounded
        return Usage(self._reported.prompt_tokens or self._call.usage.prompt_tokens, completion_tokens)

    def _whole(self, usage: Usage) -> Usage:
        """Return the reported usage of a complete call, with estimates for missing numbers."""
        reported, seen = Usage(tokens(usage.prompt_tokens), tokens(usage.completion_tokens)), self._so_far()
        if self._held.hides and not self._reported.completion_tokens:
            self.hidden_tokens = max(0, reported.completion_tokens - estimate("".join(self._pieces)))
        return Usage(reported.prompt_tokens or seen.prompt_tokens, reported.completion_tokens or seen.completion_tokens)

    def _unfinished(self, error: BaseException | None) -> Usage:
        """Return the usage of a call without its end.

        A model with hidden reasoning that was stopped before its first word may have been reasoning: the whole
        reservation counts. A failure before the first word counts as its error's `paid` states.
        """
        failed = isinstance(error, Exception)
        paid = error.paid if isinstance(error, BackendError) else "nothing"
        if not self._running or (failed and paid == "nothing" and not self._has_begun):
            return Usage()
        seen, longest = self._so_far(), self._held.longest
        hidden = 0
        if self._held.hides and not self._has_begun:
            hidden = 0 if failed and paid == "prompt" else longest
        elif self._held.hides and not self._reported.completion_tokens:
            hidden = self._held.hidden_tokens
        written = seen.completion_tokens
        return Usage(seen.prompt_tokens, max(written, min(written + hidden, longest)))

    def _end(self, usage: Usage, *, succeeded: bool) -> None:
        if not self._settled:
            self._settled = True
            call = replace(self._call, usage=_sum(usage, self._lost), succeeded=succeeded)
            self.counted = call.counts
            self.warnings = self._settle(self, call)


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(one.prompt_tokens + other.prompt_tokens, one.completion_tokens + other.completion_tokens)
