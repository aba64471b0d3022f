"""Every error that Shoulders raises on purpose.

ShouldersError                what() says what happened, in words for people
├── ConfigError               the configuration or environment cannot be used: exit status 2
├── UserError                 the person asked for something that cannot be done
│   ├── Unknown               … because it names what there is not
│   └── Denied                … or that they may not do
├── BackendError              a model did not answer; `retry_after`, `temporary`
│   ├── Unavailable           not reachable, overloaded, crashed, timed out
│   ├── RateLimited           asked too often, or the account is out of credit
│   ├── Unauthorised          wrong key, or no right to this model
│   ├── ContextTooLong        more text than the model can read
│   ├── Refused               the request itself was refused
│   └── BrokenOff             the answer ended before its end
├── HubError                  the Hub did not give what was asked for
├── PlatformError             Discord or Slack did not take what was sent
│   ├── Forbidden             the bot may not write there
│   └── Gone                  the channel, message or token no longer exists
└── StoreError                the database cannot be used
    ├── SchemaTooNew          written by a newer version
    └── DatabaseBusy          another process has it
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Paid: TypeAlias = Literal["nothing", "prompt", "all"]


class ShouldersError(Exception):
    """`message` is one plain sentence or two, fit to be shown in chat or on the command line."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigError(ShouldersError):
    """The configuration or the environment cannot be used."""


class UserError(ShouldersError):
    """The person asked for something that cannot be done; the message says what to do instead."""


class Unknown(UserError):
    """There is nothing of that name; the message says what there is."""


class Denied(UserError):
    """The person may not do this; the message says whom to ask."""


class BackendError(ShouldersError):
    """A model did not answer.

    `temporary` says whether waiting helps; `retry_after` is in seconds where the backend said so. `paid` says what of
    the call is paid for beside what was heard: nothing, the prompt, or all that was held for it, as it was at work.
    """

    temporary = True
    paid: Paid = "nothing"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(BackendError):
    """Not reachable, overloaded, crashed or timed out."""


class RateLimited(BackendError):
    """Asked too often, or the account is out of credit."""


class Unauthorised(BackendError):
    """Wrong key, or no right to this model."""

    temporary = False


class ContextTooLong(BackendError):
    """More text than the model can read."""

    temporary = False


class Refused(BackendError):
    """The request itself was refused, and would be again."""

    temporary = False


class BrokenOff(BackendError):
    """The answer ended before its end: what came so far is kept."""


class HubError(ShouldersError):
    """The Hugging Face Hub did not give what was asked for."""


class PlatformError(ShouldersError):
    """Discord or Slack did not take what was sent."""


class Forbidden(PlatformError):
    """The bot may not write there."""


class Gone(PlatformError):
    """The channel, the message or the token no longer exists."""


class StoreError(ShouldersError):
    """The database cannot be used."""


class SchemaTooNew(StoreError):
    """The database was written by a newer version of this program."""


class DatabaseBusy(StoreError):
    """Another process has the database open."""
