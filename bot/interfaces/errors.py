"""The errors that Shoulders raises on purpose.

ShouldersError                `message` is for people
├── ConfigError               the configuration or the environment cannot be used: exit status 2
├── UserError                 the bot cannot do what the person asked for
│   ├── Unknown               a name that does not exist
│   └── Denied                a missing right
├── BackendError              a model did not answer: `retry_after`, `temporary`, `paid`
│   ├── Unavailable           not reachable, overloaded, crashed or timed out
│   ├── RateLimited           too many requests, or an account without credit
│   ├── Unauthorised          a wrong key, or no right to this model
│   ├── ContextTooLong        more text than the model can read
│   ├── Refused               the server rejected the request itself
│   └── BrokenOff             the stream ended in the middle of the answer
├── HubError                  the Hugging Face Hub did not deliver a file or a description
├── PlatformError             Discord or Slack rejected a call
│   ├── Forbidden             the bot lacks a permission
│   └── Gone                  the channel, message or token no longer exists
└── StoreError                the database cannot be used
    ├── SchemaTooNew          a newer version of Shoulders wrote it
    └── DatabaseBusy          another process uses it
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Paid: TypeAlias = Literal["nothing", "prompt", "all"]
"""The part of a failed call that costs money beside the text received; "all" is the call's whole reservation."""


class ShouldersError(Exception):
    """An error for people: `message` is one or two plain sentences, for the chat or the command line."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigError(ShouldersError):
    """The configuration or the environment cannot be used."""


class UserError(ShouldersError):
    """The bot cannot do what the person asked for; the message names an alternative."""


class Unknown(UserError):
    """The name does not exist; the message lists the names that do."""


class Denied(UserError):
    """The person lacks the right; the message names the people to ask."""


class BackendError(ShouldersError):
    """A model did not answer.

    `temporary` is True if the same call may succeed later. `retry_after` is in seconds, None if the server named none.
    `paid` is the part of the call that costs money beside the text received.
    """

    temporary = True
    paid: Paid = "nothing"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(BackendError):
    """Not reachable, overloaded, crashed or timed out."""


class RateLimited(BackendError):
    """Too many requests, or an account without credit."""


class Unauthorised(BackendError):
    """A wrong key, or no right to this model."""

    temporary = False


class ContextTooLong(BackendError):
    """More text than the model can read."""

    temporary = False


class Refused(BackendError):
    """The server rejected the request itself, and would reject it again."""

    temporary = False


class BrokenOff(BackendError):
    """The stream ended in the middle of the answer; the text so far stays."""


class HubError(ShouldersError):
    """The Hugging Face Hub did not deliver a file or a description."""


class PlatformError(ShouldersError):
    """Discord or Slack rejected a call."""


class Forbidden(PlatformError):
    """The bot lacks a permission on the platform, such as to write in a channel."""


class Gone(PlatformError):
    """The channel, the message or the token no longer exists."""


class StoreError(ShouldersError):
    """The database cannot be used."""


class SchemaTooNew(StoreError):
    """A newer version of this program wrote the database."""


class DatabaseBusy(StoreError):
    """Another process uses the database."""
