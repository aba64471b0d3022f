"""What a server's failures mean to people: by its error objects, its status, or the class of the SDK's exception."""

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


@dataclass(frozen=True, slots=True)
class FailureText:
    """One way to fail: `happened` and `advice` are sentences with {host}, {model}, {key_env}, {address} and {detail}.

    `again` says that asking again at once may work; `temporary` that waiting helps.
    """

    kind: type[BackendError]
    happened: str
    advice: str
    again: bool = False
    temporary: bool = False


SOON = "Waiting a little usually helps."
OPERATOR = "Waiting does not help; whoever runs this bot must look at "

UNREACHABLE = FailureText(
    Unavailable, "{host} cannot be reached.", "Waiting a little may help.", again=True, temporary=True
)
SLOW = FailureText(Unavailable, "{host} did not begin to answer in time.", SOON, temporary=True)
STALLED = FailureText(Unavailable, "{host} fell silent in the middle of the answer.", SOON, temporary=True)
CUT = FailureText(Unavailable, "The connection to {host} was lost.", SOON, again=True, temporary=True)
TRUNCATED = FailureText(Unavailable, "{host} stopped before the end of the answer.", SOON, again=True, temporary=True)
GARBLED = FailureText(Unavailable, "{host} sent something that cannot be read.", SOON, again=True, temporary=True)
TROUBLE = FailureText(Unavailable, "{host} has trouble on its side.", SOON, again=True, temporary=True)
WEB_PAGE = FailureText(Unavailable, "{host} sent a web page in place of an answer.", f"{OPERATOR}base_url and proxies.")
BUSY = FailureText(RateLimited, "{host} gets too many requests.", SOON, again=True, temporary=True)
NO_CREDIT = FailureText(RateLimited, "The account at {host} is out of credit.", f"{OPERATOR}its billing.")
WRONG_KEY = FailureText(Unauthorised, "{host} does not accept the bot's key.", OPERATOR + "{key_env}.")
NO_RIGHT = FailureText(Unauthorised, "{host} does not let this bot use {model}.", f"{OPERATOR}the key's rights.")
NO_KEY = FailureText(Unauthorised, "There is no key for {host}.", "Set {key_env} in the environment or in .env.")
NO_MODEL = FailureText(Refused, "{host} has no model {model}.", "Waiting does not help; /models lists the others.")
NO_API = FailureText(
    Refused,
    "{host} has nothing at the address that it was asked at.",
    "Waiting does not help; whoever runs this bot must {address}.",
)
CANNOT = FailureText(
    Refused, "{host} has no model {model}, or cannot use it for this.", f"{OPERATOR}the model's table in config.toml."
)
NO_STREAM = FailureText(
    Refused,
    "{host} did not send its answer as a stream.",
    "Waiting does not help; whoever runs this bot must {address}.",
)
PLAIN = FailureText(
    Unavailable,
    "{host} speaks HTTPS at that port, and not HTTP.",
    f"{OPERATOR}base_url: it has to begin with https://.",
)
LINK = FailureText(Refused, "{host} sent a link where the picture should be.", f"{OPERATOR}its settings.")
TOO_LONG = FailureText(
    ContextTooLong, "This is more than {model} can read at once.", "Shorten it, or begin anew with /new."
)
FILTERED = FailureText(
    Refused, "The content filter of {host} ended this answer.", "Other words may help; waiting does not."
)
REFUSED = FailureText(
    Refused, "{host} refused the request: {detail}", "Waiting does not help; other words or another model (/model) may."
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
"""By the code or type of an error object, or by HTTP status; these come before the class of the SDK's exception."""

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
"""By the class of the SDK's exception; the most specific wins."""

PAID: Mapping[FailureText, Paid] = {
    SLOW: "all",
    STALLED: "all",
    **dict.fromkeys((CUT, TRUNCATED, GARBLED, FILTERED), "prompt"),
}
"""The part of a call that is paid for where its server had begun: all of it where only our patience ended.

A server that says itself that it failed takes nothing for that.
"""

TOO_LONG_SAYINGS = ("context length", "context size", "context window", "prompt is too long", "too many tokens")
"""How compatible servers say it without a code."""


PLAIN_SAYINGS = ("http request to an https server", "plain http request was sent to https port")
"""How servers answer plain HTTP where they speak HTTPS, when they do not just hang up."""


def failure_of(names: tuple[object, ...], message: str, fallback: FailureText) -> FailureText:
    """The failure that an error object describes; `names` are its code, type and status, most specific first."""
    for name in names:
        if str(name) in BY_CODE:
            return BY_CODE[str(name)]
    said = message.lower()
    if any(saying in said for saying in PLAIN_SAYINGS):
        return PLAIN
    return TOO_LONG if any(saying in said for saying in TOO_LONG_SAYINGS) else fallback


def unreachable(trouble: Trouble) -> FailureText:
    """Make a failure of a connection that was not made; no word in its sentences is a placeholder."""
    happened, advice = (text.replace("{", "{{").replace("}", "}}") for text in (trouble.happened, trouble.advice))
    return FailureText(Unavailable, happened, advice, again=trouble.temporary, temporary=trouble.temporary)


class RequestFailedError(Exception):
    """A request failed. `detail` is the server's own word for it, whole; `retry_after` is in seconds.

    `paid` says what of it is paid for all the same.
    """

    def __init__(self, failure: FailureText, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(failure.happened)
        self.failure = failure
        self.detail = detail
        self.retry_after = retry_after
        self.paid: Paid = "nothing"

    def explain(self, words: Mapping[str, str], secrets: Collection[str], *, began: bool) -> BackendError:
        """The error to raise; BrokenOff when part of the answer is there and its rest may come another time.

        Secrets are blanked before the detail is cut, as nobody recognises the half of one.
        """
        failure = self.failure
        detail = _sentence(" ".join(blanked(self.detail, secrets, "[key]").split())[:LONGEST_DETAIL])
        happened = failure.happened.format(detail=detail, **words)
        advice = failure.advice.format(**words)
        if self.retry_after is not None and failure.temporary:
            advice = f"It asks to wait {duration(self.retry_after)}."
        kind = BrokenOff if began and failure.temporary else failure.kind
        prefix = "The answer broke off. " if began else ""
        error = kind(f"{prefix}{happened} {advice}".rstrip(), retry_after=self.retry_after)
        error.temporary, error.paid = failure.temporary, self.paid
        return error


def _sentence(said: str) -> str:
    """Give a server's words the full stop that many leave out."""
    return said if not said or said[-1] in ".!?…" else f"{said}."


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


def failed(error: openai.OpenAIError) -> RequestFailedError:
    """What one of the SDK's exceptions means: by the server's code if there is one, else by its class."""
    import openai

    from bot.interfaces.connector import trouble_in  # only now: with it comes aiohttp

    by_class = next(name for kind in type(error).__mro__ if (name := kind.__name__) in BY_CLASS)
    fallback = BY_CLASS[by_class]
    if trouble := trouble_in(error):
        return RequestFailedError(unreachable(trouble))
    if not isinstance(error, openai.APIError):
        return RequestFailedError(fallback)
    if isinstance(error, openai.NotFoundError) and _is_nowhere(error.body):
        return RequestFailedError(NO_API)
    detail = _said(error.body)
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    headers = error.response.headers if isinstance(error, openai.APIStatusError) else {}
    failure = failure_of((error.code, error.type, status), f"{error.message} {detail}", fallback)
    return RequestFailedError(failure, detail or "no reason given.", retry_after(headers))


def _said(body: object) -> str:
    """Find a server's own words, in an error object or plain; a page for browsers holds none fit for people."""
    if isinstance(body, dict):
        return str(body.get("message") or body.get("detail") or "")
    return body if isinstance(body, str) and not body.lstrip().startswith("<") else ""


def _is_nowhere(body: object) -> bool:
    """Tell whether a 404 is about the address: a server that knows the API says which model is missing."""
    if not isinstance(body, dict):
        return "model" not in _said(body).lower()
    return "message" not in body and body.get("detail", "Not Found") == "Not Found"


def refused_field(error: openai.OpenAIError, sent: Iterable[str]) -> str:
    """Which of the fields that were sent a server does not know, "" for none."""
    import openai

    if not isinstance(error, (openai.BadRequestError, openai.UnprocessableEntityError)):
        return ""
    complaint = f"{error.param} {error.message}"
    return next((field for field in sent if field in complaint), "")


def refuses_any(error: openai.OpenAIError) -> bool:
    """Whether the field is refused whatever its value, as reasoning models refuse every temperature."""
    return getattr(error, "code", "") in ("unsupported_value", "unsupported_parameter")
