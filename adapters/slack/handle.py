"""What must be known to answer a request after a restart, and what a button carries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

from bot.types import Choice

Json: TypeAlias = dict[str, object]

URL_SECONDS = 29 * 60
"""A response_url lives 30 minutes; the last one is left unused."""

LONGEST_VALUE = 2_000


@dataclass(frozen=True, slots=True)
class Handle:
    """Where an answer goes: into `thread` of `channel`, at top level when that is "".

    With an `opening`, that is posted first and the answer goes into its thread. `hidden` answers are for the asker
    alone, through `response_url` (made at `since`, seconds since 1970) where there is one. `team` is the asker's
    workspace. `pressed` is the message whose button brought the request.
    """

    channel: str
    thread: str = ""
    team: str = ""
    opening: str = ""
    response_url: str = ""
    since: float = 0.0
    hidden: bool = False
    pressed: str = ""

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Handle:
        """From JSON."""
        return cls(**json.loads(text))

    def url_lives(self, now: float) -> bool:
        """Whether the response_url can still be used at `now`."""
        return bool(self.response_url) and now < self.since + URL_SECONDS


def buttons(choices: Sequence[Choice]) -> list[Json]:
    """A block with a button for each choice, [] for none. A button carries its whole meaning and so outlives us."""
    elements: list[Json] = []
    for index, choice in enumerate(choices):
        value = json.dumps({"command": choice.command, "arguments": dict(choice.arguments)})
        assert len(value) <= LONGEST_VALUE, "too much in a button"
        label: Json = {"type": "plain_text", "text": choice.label}
        elements.append({"type": "button", "text": label, "action_id": f"{choice.command}-{index}", "value": value})
    return [{"type": "actions", "elements": elements}] if elements else []


def read_button(value: str) -> tuple[str, Mapping[str, str]]:
    """Command and arguments; "" for what is none of ours."""
    try:
        meaning: object = json.loads(value)
    except ValueError:
        return "", {}
    if not isinstance(meaning, dict) or not isinstance(meaning.get("arguments"), dict):
        return "", {}
    return str(meaning.get("command", "")), {str(key): str(said) for key, said in meaning["arguments"].items()}


def ts_of(order: int) -> str:
    """A timestamp as Slack writes it, from microseconds."""
    return f"{order // 1_000_000}.{order % 1_000_000:06d}"


def order_of(ts: str) -> int:
    """Microseconds, from a timestamp."""
    seconds, _, micros = ts.partition(".")
    return int(seconds) * 1_000_000 + int(micros.ljust(6, "0")[:6] or 0)
