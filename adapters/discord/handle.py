"""What must be known to answer a request after a restart, and what a button carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from urllib.parse import parse_qsl, urlencode

from bot.types import Choice

TOKEN_SECONDS = 14 * 60
"""An interaction's token lives 15 minutes; the last one is left unused."""

EPOCH_MS = 1_420_070_400_000
LONGEST_CUSTOM_ID = 100


@dataclass(frozen=True, slots=True)
class Handle:
    """Where an answer goes: into `channel`, as a reply to `reply`; for an interaction, with its token.

    `original` says that the interaction was deferred with a message to fill in; `hidden` that only the person sees it.
    """

    channel: str
    reply: str = ""
    interaction: str = ""
    application: str = ""
    token: str = ""
    original: bool = False
    hidden: bool = False

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Handle:
        """From JSON."""
        return cls(**json.loads(text))

    def alive(self, now: float) -> bool:
        """Whether the token can still be used at `now`, in seconds since 1970."""
        return bool(self.token) and now < made_at(self.interaction) + TOKEN_SECONDS


def made_at(snowflake: str) -> float:
    """When an id was given, in seconds since 1970."""
    return ((int(snowflake) >> 22) + EPOCH_MS) / 1000


def custom_id(choice: Choice, reply: str) -> str:
    """A button's whole meaning, so that it works after a restart; `reply` is the message that its answer replies to."""
    return f"{choice.command}?{urlencode({**choice.arguments, **({'^': reply} if reply else {})})}"


def read_custom_id(text: str) -> tuple[str, Mapping[str, str], str]:
    """Command, arguments and the message to reply to."""
    command, _, query = text.partition("?")
    arguments = dict(parse_qsl(query))
    return command, arguments, arguments.pop("^", "")
