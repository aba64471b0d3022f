"""Failures of a server and their messages, found by error object, HTTP status or class of the SDK's exception."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from bot.interfaces.errors import (
    BackendError,
    BrokenOff,
    ContextTooLong,
    Paid,
    RateLimited,
    Refused,
    Unauthorised,
    Unavailable,
)
from bot.interfaces.network import Trouble
from bot.utils.secrets import blanked

if TYPE_CHECKING:
    import openai

LONGEST_DETAIL = 200
"""Most characters of a server's own message that people see."""


@dataclass(frozen=True, slots=True)
class FailureText:
    """A kind of failure: `happened` and `advice` are sentences with {host}, {model}, {key_env}, {address}, {detail}.

    `again`: a retry at once may succeed. `temporary`: waiting helps.
    """

    kind: type[BackendError]
    happened: str
    advice: str
    again: bool = False
    temporary: bool = False


SOON = "Waiting a little usually helps."
OPERATOR = "Waiting does not help; the operator of this bot must check "
ADDRESS = "Waiting does not help; the operator of this bot must {address}."

UNREACHABLE = FailureText(
    Unavailable, "{host} cannot be reached.", "Waiting a little may help.", again=True, temporary=True
)
SLOW = FailureText(Unavailable, "{host} did not begin to answer in time.", SOON, temporary=True)
STALLED = FailureText(Unavailable, "{host} fell silent in the middle of the answer.", SOON, temporary=True)
CUT = FailureText(Unavailable, "The connection to {host} was lost.", SOON, again=True, temporary=True)
TRUNCATED = FailureText(Unavailable, "{host} stopped before the end of the answer.", SOON, again=True, temporary=True)
GARBLED = FailureText(Unavailable, "{host} sent data that cannot be read.", SOON, again=True, temporary=True)
TROUBLE = FailureText(Unavailable, "{host} has trouble on its side.", SOON, again=True, temporary=True)
WEB_PAGE = FailureText(Unavailable, "{host} sent a web page in place of an answer.", f"{OPERATOR}base_url and proxies.")
BUSY = FailureText(RateLimited, "{host} gets too many requests.", SOON, again=True, temporary=True)
NO_CREDIT = FailureText(RateLimited, "The account at {host} is out of credit.", f"{OPERATOR}its billing.")
WRONG_KEY = FailureText(Unauthorised, "{host} does not accept the bot's key.", OPERATOR + "{key_env}.")
NO_RIGHT = FailureText(Unauthorised, "{host} does not let this bot use {model}.", f"{OPERATOR}the key's rights.")
NO_KEY = FailureText(Unauthorised, "There is no key for {host}.", "Set {key_env} in the environment or in .env.")
NO_MODEL = FailureText(Refused, "{host} has no model {model}.", "Waiting does not help; /models lists the others.")
NO_API = FailureText(Refused, "{host} has no API at the bot's address for it.", ADDRESS)
CANNOT = FailureText(
    Refused, "{host} has no model {model}, or cannot use it for this.", f"{OPERATOR}the model's table in config.toml."
)
NO_STREAM = FailureText(Refused, "{host} did not send its answer as a stream.", ADDRESS)
PLAIN = FailureText(
    Unavailable,
    "{host} expects HTTPS at that port, not HTTP.",
    f"{OPERATOR}base_url: it has to begin with https://.",
)
LINK = FailureText(Refused, "{host} sent a link in place of the picture.", f"{OPERATOR}its settings.")
TOO_LONG = FailureText(
    ContextTooLong, "This is more than {model} can read at once.", "Shorten it, or start a new conversation with /new."
)
FILTERED = FailureText(
    Refused, "The content filter of {host} ended this answer.", "Rephrase the question; waiting does not help."
)
REFUSED = FailureText(
    Refused,
    "{host} refused the request: {detail}",
    "Waiting does not help; rephrase it or choose another model with /model.",
)

BY_CODE: Mapping[str, FailureText] = {
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
    "405": CANNOT,
    "501": CANNOT,
}
"""Failures by the code or type of an error object, or by HTTP status. They take precedence over BY_CLASS."""

BY_CLASS: Mapping[str, FailureText] = {
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
"""Failures by the name of the SDK's exception class; the most specific class counts."""

PAID: Mapping[FailureText, Paid] = {
    SLOW: "all",
    STALLED: "all",
    **dict.fromkeys((CUT, TRUNCATED, GARBLED, FILTERED), "prompt"),
}
"""The part of an accepted request that counts as paid: all of it after a timeout, because the server went on working.

A server that reports its own failure charges nothing, so other failures are missing here.
"""

TOO_LONG_PHRASES = ("context length", "context size", "context window", "prompt is too long", "too many tokens")
"""Phrases for TOO_LONG in the messages of servers that send no code."""

PLAIN_PHRASES = ("http request to an https server", "plain http request was sent to https port")
"""Phrases of HTTPS servers in their answers to plain HTTP; others only close the connection."""


def failure_of(names: tuple[object, ...], message: str, fallback: FailureText) -> FailureText:
    """Return the failure that an error object means; `names` are its code, type and status, most specific first."""
    for name in names:
        if str(name) in BY_CODE:
            return BY_CODE[str(name)]
    lower = message.lower()
    if any(phrase in lower for phrase in PLAIN_PHRASES):
        return PLAIN
    return TOO_LONG if any(phrase in lower for phrase in TOO_LONG_PHRASES) else fallback


def unreachable(trouble: Trouble) -> FailureText:
    """Return the failure for a connection that could not be made. Braces in its sentences are not placeholders."""
    happened, advice = (text.replace("{", "{{").replace("}", "}}") for text in (trouble.happened, trouble.advice))
    return FailureText(Unavailable, happened, advice, again=trouble.temporary, temporary=trouble.temporary)


class RequestFailedError(Exception):
    """A request failed. `detail` is the server's message, uncut; `retry_after` is in seconds.

    `paid` is the part of the request that must be paid all the same.
    """

    def __init__(self, failure: FailureText, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(failure.happened)
        self.failure = failure
        self.detail = detail
        self.retry_after = retry_after
        self.paid: Paid = "nothing"

    def explain(self, placeholders: Mapping[str, str], secrets: Collection[str], *, began: bool) -> BackendError:
        """Return the error for people: BrokenOff for a temporary failure after the answer `began`.

        Secrets are blanked before the detail is cut, because half of a secret cannot be recognised.
        """
        failure = self.failure
        detail = _sentence(" ".join(blanked(self.detail, secrets, "[key]").split())[:LONGEST_DETAIL])
        happened = failure.happened.format(detail=detail, **placeholders)
        advice = failure.advice.format(**placeholders)
        if self.retry_after is not None and failure.temporary:
            advice = f"The server asks to wait {duration(self.retry_after)}."
        kind = BrokenOff if began and failure.temporary else failure.kind
        prefix = "The answer broke off. " if began else ""
        error = kind(f"{prefix}{happened} {advice}".rstrip(), retry_after=self.retry_after)
        error.temporary, error.paid = failure.temporary, self.paid
        return error


def _sentence(text: str) -> str:
    """Add the full stop that many servers leave out."""
    return text if not text or text[-1] in ".!?…" else f"{text}."


def duration(seconds: float) -> str:
    """Return a duration as text, rounded up to seconds or minutes."""
    whole = max(1, -int(-seconds // 1))
    return f"{whole} s" if whole < 120 else f"{-(-whole // 60)} minutes"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait from `retry-after-ms` or `retry-after`, a number or a date; None without either."""
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


def failed(error: openai.OpenAIError) -> RequestFailedError:
    """Return the failure that an exception of the SDK means: by the server's code, else by the exception's class."""
    import openai

    from bot.interfaces.connector import trouble_in  # only now, because it imports aiohttp

    by_class = next(name for kind in type(error).__mro__ if (name := kind.__name__) in BY_CLASS)
    fallback = BY_CLASS[by_class]
    if trouble := trouble_in(error):
        return RequestFailedError(unreachable(trouble))
    if not isinstance(error, openai.APIError):
        return RequestFailedError(fallback)
    if isinstance(error, openai.NotFoundError) and _is_wrong_address(error.body):
        return RequestFailedError(NO_API)
    detail = _message(error.body)
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    headers = error.response.headers if isinstance(error, openai.APIStatusError) else {}
    failure = failure_of((error.code, error.type, status), f"{error.message} {detail}", fallback)
    return RequestFailedError(failure, detail or "no details.", retry_after(headers))


def _message(body: object) -> str:
    """Return the server's message from an error object or a plain text; "" for an HTML page."""
    if isinstance(body, dict):
        return str(body.get("message") or body.get("detail") or "")
    return body if isinstance(body, str) and not body.lstrip().startswith("<") else ""


def _is_wrong_address(body: object) -> bool:
    """Return True for a 404 that is about the address: servers with the API name the missing model instead."""
    if not isinstance(body, dict):
        return "model" not in _message(body).lower()
    return "message" not in body and body.get("detail", "Not Found") == "Not Found"


def refused_field(error: openai.OpenAIError, sent: Iterable[str]) -> str:
    """Return the first of the `sent` fields that the error names; "" for none and for errors of other kinds."""
    import openai

    if not isinstance(error, (openai.BadRequestError, openai.UnprocessableEntityError)):
        return ""
    text = f"{error.param} {error.message}"
    return next((field for field in sent if field in text), "")


def refuses_any(error: openai.OpenAIError) -> bool:
    """Return True for a field that is refused with every value: reasoning models refuse any temperature."""
    return getattr(error, "code", "") in ("unsupported_value", "unsupported_parameter")
