"""What a stream of chat completions says, and what its failures mean to people. Knows the format, not the SDK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import orjson

from bot.errors import (
    BackendError,
    BrokenOff,
    ContextTooLong,
    RateLimited,
    Refused,
    Unauthorised,
    Unavailable,
)
from bot.types import Usage

LONGEST_LINE = 1 << 20
LONGEST_DETAIL = 200


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong: `happened` and `advice` are sentences with {host}, {model}, {key_env} and {detail}.

    `again` says that asking again at once may work; `temporary` that waiting helps.
    """

    kind: type[BackendError]
    happened: str
    advice: str
    again: bool = False
    temporary: bool = False


SOON = "Waiting a little usually helps."
OPERATOR = "Waiting does not help; whoever runs this bot must look at "

UNREACHABLE = Failure(
    Unavailable, "{host} cannot be reached.", "Waiting a little may help.", again=True, temporary=True
)
SLOW = Failure(Unavailable, "{host} did not begin to answer in time.", SOON, temporary=True)
STALLED = Failure(Unavailable, "{host} fell silent in the middle of the answer.", SOON, temporary=True)
CUT = Failure(Unavailable, "The connection to {host} was lost.", SOON, again=True, temporary=True)
TRUNCATED = Failure(Unavailable, "{host} stopped before the end of the answer.", SOON, again=True, temporary=True)
GARBLED = Failure(Unavailable, "{host} sent something that cannot be read.", SOON, again=True, temporary=True)
TROUBLE = Failure(Unavailable, "{host} has trouble on its side.", SOON, again=True, temporary=True)
WEB_PAGE = Failure(Unavailable, "{host} sent a web page in place of an answer.", f"{OPERATOR}base_url and proxies.")
BUSY = Failure(RateLimited, "{host} gets too many requests.", SOON, again=True, temporary=True)
NO_CREDIT = Failure(RateLimited, "The account at {host} is out of credit.", f"{OPERATOR}its billing.")
WRONG_KEY = Failure(Unauthorised, "{host} does not accept the bot's key.", OPERATOR + "{key_env}.")
NO_RIGHT = Failure(Unauthorised, "{host} does not let this bot use {model}.", f"{OPERATOR}the key's rights.")
NO_KEY = Failure(Unauthorised, "There is no key for {host}.", "Set {key_env} in the environment or in .env.")
NO_MODEL = Failure(Refused, "{host} has no model {model}.", "Waiting does not help; /models lists the others.")
TOO_LONG = Failure(
    ContextTooLong, "This is more than {model} can read at once.", "Shorten it, or begin anew with /new."
)
FILTERED = Failure(
    Refused, "The content filter of {host} ended this answer.", "Other words may help; waiting does not."
)
REFUSED = Failure(Refused, "{host} refused the request: {detail}", "Waiting does not help.")

BY_CODE: Mapping[str, Failure] = {
    "insufficient_quota": NO_CREDIT,
    "billing_hard_limit_reached": NO_CREDIT,
    "402": NO_CREDIT,
    "context_length_exceeded": TOO_LONG,
    "exceed_context_size_error": TOO_LONG,
    "413": TOO_LONG,
    "model_not_found": NO_MODEL,
    "invalid_api_key": WRONG_KEY,
    "401": WRONG_KEY,
    "403": NO_RIGHT,
    "content_filter": FILTERED,
    "content_policy_violation": FILTERED,
    "rate_limit_exceeded": BUSY,
    "429": BUSY,
    "408": SLOW,
}
"""By the code or type of an error object, or by HTTP status; these come before the class of the SDK's exception."""

BY_CLASS: Mapping[str, Failure] = {
    "APITimeoutError": SLOW,
    "APIConnectionError": UNREACHABLE,
    "AuthenticationError": WRONG_KEY,
    "OAuthError": WRONG_KEY,
    "PermissionDeniedError": NO_RIGHT,
    "NotFoundError": NO_MODEL,
    "BadRequestError": REFUSED,
    "ConflictError": TROUBLE,
    "UnprocessableEntityError": REFUSED,
    "RateLimitError": BUSY,
    "InternalServerError": TROUBLE,
    "APIResponseValidationError": GARBLED,
    "APIStatusError": REFUSED,
    "APIError": TROUBLE,
    "OpenAIError": TROUBLE,
}
"""By the class of the SDK's exception; the most specific wins."""

TOO_LONG_SAYINGS = ("context length", "context size", "context window", "prompt is too long", "too many tokens")
"""How compatible servers say it without a code."""


def failure_of(names: tuple[object, ...], message: str, fallback: Failure) -> Failure:
    """The failure that an error object describes; `names` are its code, type and status, most specific first."""
    for name in names:
        if str(name) in BY_CODE:
            return BY_CODE[str(name)]
    said = message.lower()
    return TOO_LONG if any(saying in said for saying in TOO_LONG_SAYINGS) else fallback


class FailedError(Exception):
    """A request failed. `detail` is the server's own word for it, fit for people; `retry_after` is in seconds."""

    def __init__(self, failure: Failure, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(failure.happened)
        self.failure = failure
        self.detail = " ".join(detail.split())[:LONGEST_DETAIL]
        self.retry_after = retry_after

    def explain(self, words: Mapping[str, str], *, began: bool) -> BackendError:
        """The error to raise; BrokenOff when part of the answer is there and its rest may come another time."""
        failure = self.failure
        happened = failure.happened.format(detail=self.detail, **words)
        advice = failure.advice.format(**words)
        if self.retry_after is not None and failure.temporary:
            advice = f"It asks to wait {duration(self.retry_after)}."
        kind = BrokenOff if began and failure.temporary else failure.kind
        prefix = "The answer broke off. " if began else ""
        error = kind(f"{prefix}{happened} {advice}", retry_after=self.retry_after)
        error.temporary = failure.temporary
        return error


def duration(seconds: float) -> str:
    """A length of time, rounded up, for people."""
    whole = max(1, -int(-seconds // 1))
    return f"{whole} s" if whole < 120 else f"{-(-whole // 60)} minutes"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after`, which may be a number or a date."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        return max(0.0, float(headers["retry-after"]))
    except KeyError:
        return None
    except ValueError:
        return _until(headers["retry-after"]) if "retry-after" in headers else None


def _until(date: str) -> float | None:
    try:
        return max(0.0, (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


class Events:
    """Reads a stream of chat completions from bytes, cut anywhere.

    `began` is True once the model said or thought anything; `finish` is its finish_reason, "" until the end; `done` is
    True after [DONE]. `failure` is what the stream itself reported, or was unreadable by.
    """

    def __init__(self) -> None:
        self.began = False
        self.done = False
        self.finish = ""
        self.usage = Usage()
        self.failure: FailedError | None = None
        self._rest = b""
        self._pieces: list[str] = []

    def feed(self, data: bytes) -> str:
        """Take bytes as they came; the text that they complete. What came before a failure is still text."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LONGEST_LINE:
            self.failure = FailedError(GARBLED)
        for line in lines:
            if line.startswith(b"data:") and not self.failure:
                self._take(line[5:].strip())
        text = "".join(self._pieces)
        self._pieces.clear()
        return text

    def _take(self, payload: bytes) -> None:
        if payload == b"[DONE]":
            self.done = True
            return
        try:
            content = orjson.loads(payload)
            if "error" in content:
                self._take_error(content["error"])
                return
            for choice in content.get("choices") or ():
                self._take_choice(choice)
            if usage := content.get("usage"):
                self.usage = Usage(usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0)
        except (orjson.JSONDecodeError, AttributeError, TypeError):
            self.failure = FailedError(GARBLED)

    def _take_choice(self, choice: Mapping[str, object]) -> None:
        """A delta's words; what a reasoning model thinks is no part of the answer."""
        delta = choice.get("delta")
        if isinstance(delta, dict) and delta:
            piece = delta.get("content") or delta.get("refusal")
            if piece:
                self._pieces.append(piece)
            self.began = self.began or any(value for name, value in delta.items() if name != "role")
        self.finish = str(choice.get("finish_reason") or self.finish)

    def _take_error(self, error: object) -> None:
        fields = error if isinstance(error, dict) else {"message": error}
        message = str(fields.get("message", ""))
        failure = failure_of((fields.get("code"), fields.get("type")), message, TROUBLE)
        self.failure = FailedError(failure, message)
