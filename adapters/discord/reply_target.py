"""The address of an answer, kept for a restart, and the data of buttons, menus and forms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from urllib.parse import parse_qsl, urlencode

from bot.interfaces.messages import Place, Request

TOKEN_SECONDS = 14 * 60
"""The seconds in which a token is used. Discord accepts it for 15 minutes."""

EPOCH_MS = 1_420_070_400_000
LONGEST_CUSTOM_ID = 100
REPLY, OPTION, NUMBER = "^", "*", "~"


@dataclass(frozen=True, slots=True)
class DiscordReplyTarget:
    """The address of an answer: `channel`, as a reply to the message `reply`, or through an interaction's token.

    `original`: the interaction was deferred with a message, which the answer fills. `hidden`: only the person sees the
    answer. `reads`: the person may read earlier messages. `largest` is the most bytes of a file there, 0 where Discord
    does not report it. With a `title`, `channel` is a thread of that name, which begins at the message `reply` in
    `parent`.
    """

    channel: str
    reply: str = ""
    interaction: str = ""
    application: str = ""
    token: str = ""
    original: bool = False
    hidden: bool = False
    parent: str = ""
    title: str = ""
    reads: bool = True
    largest: int = 0

    def dump(self) -> str:
        """Return the target as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, request: Request) -> DiscordReplyTarget:
        """Return the target of a request, also of one from the store."""
        target = request.reply_target
        return target if isinstance(target, cls) else cls(**json.loads(target.dump()))

    def is_usable(self, now: float) -> bool:
        """Return whether the token can be used at `now`, in seconds since 1970."""
        return bool(self.token) and now < created_at(self.interaction) + TOKEN_SECONDS


def created_at(snowflake: str) -> float:
    """Return the time of an id in seconds since 1970."""
    return ((int(snowflake) >> 22) + EPOCH_MS) / 1000


def with_privacy(request: Request) -> Request:
    """Return the request with the privacy in its target; a private answer opens no thread."""
    target, place = DiscordReplyTarget.of(request), request.place
    hidden = request.private and not place.direct
    if hidden and target.title:
        target = replace(target, channel=target.parent, parent="", title="")
        place = Place(place.platform, place.workspace, place.channel, name=place.name)
    return replace(request, place=place, reply_target=replace(target, hidden=hidden))


@dataclass(frozen=True, slots=True)
class ControlAction:
    """The request of a button, menu or form. `reply` is the message that its answer replies to.

    `option` is the argument with the picked value. `number` separates equal components of one message; it is "" for the
    first.
    """

    command: str
    arguments: Mapping[str, str]
    reply: str = ""
    option: str = ""
    number: str = ""

    @property
    def fits_component(self) -> bool:
        """Return whether a component can hold it."""
        return len(self._query()) <= LONGEST_CUSTOM_ID

    def custom_id(self) -> str:
        """Return all of it as a custom id, which works after a restart."""
        assert self.fits_component, f"a custom id is too long: {self._query()}"
        return self._query()

    def _query(self) -> str:
        values = {REPLY: self.reply, OPTION: self.option, NUMBER: self.number}
        marks = {mark: text for mark, text in values.items() if text}
        return f"{self.command}?{urlencode({**self.arguments, **marks}, safe=REPLY + OPTION + NUMBER + ':|@/')}"

    @classmethod
    def read(cls, text: str) -> ControlAction:
        """Parse a custom id."""
        command, _, query = text.partition("?")
        arguments = dict(parse_qsl(query, keep_blank_values=True))
        reply, option, number = (arguments.pop(mark, "") for mark in (REPLY, OPTION, NUMBER))
        return cls(command, arguments, reply, option, number)
