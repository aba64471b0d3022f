"""What must be known to answer a request after a restart, and what buttons, menus and forms carry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from urllib.parse import parse_qsl, urlencode

from bot.interfaces.messages import Place, Request

TOKEN_SECONDS = 14 * 60
"""An interaction's token lives 15 minutes; the last one is left unused."""

EPOCH_MS = 1_420_070_400_000
LONGEST_CUSTOM_ID = 100
REPLY, OPTION, NUMBER = "^", "*", "~"


@dataclass(frozen=True, slots=True)
class DiscordReplyTarget:
    """Where an answer goes: into `channel`, as a reply to `reply`; for an interaction, with its token.

    `original` says that the interaction was deferred with a message to fill in; `hidden` that only the person sees it;
    `reads` that the person may read what was said there before. `largest` is how many bytes a file may have there, 0
    where Discord did not say. With a `title`, the channel is a thread of that name, which grows out of the message
    `reply` in `parent`.
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
        """Return it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, request: Request) -> DiscordReplyTarget:
        """Return the target of a request, also of one that the store gave back."""
        target = request.reply_target
        return target if isinstance(target, cls) else cls(**json.loads(target.dump()))

    def alive(self, now: float) -> bool:
        """Whether the token can still be used at `now`, in seconds since 1970."""
        return bool(self.token) and now < made_at(self.interaction) + TOKEN_SECONDS


def made_at(snowflake: str) -> float:
    """When an id was given, in seconds since 1970."""
    return ((int(snowflake) >> 22) + EPOCH_MS) / 1000


def with_privacy(request: Request) -> Request:
    """The request with a target that knows whether it is private; what only one person sees makes no thread."""
    target, place = DiscordReplyTarget.of(request), request.place
    hidden = request.private and not place.direct
    if hidden and target.title:
        target = replace(target, channel=target.parent, parent="", title="")
        place = Place(place.platform, place.workspace, place.channel, name=place.name)
    return replace(request, place=place, reply_target=replace(target, hidden=hidden))


@dataclass(frozen=True, slots=True)
class ControlAction:
    """What pressing, picking or sending asks for. `reply` is the message that its answer replies to.

    `option` is the argument that takes what was picked. `number` tells components of one message apart that ask for the
    same; it is "" for the first.
    """

    command: str
    arguments: Mapping[str, str]
    reply: str = ""
    option: str = ""
    number: str = ""

    @property
    def fits(self) -> bool:
        """Whether a component can carry it."""
        return len(self._written()) <= LONGEST_CUSTOM_ID

    def custom_id(self) -> str:
        """The whole meaning, so that it works after a restart."""
        assert self.fits, f"too much in a component: {self._written()}"
        return self._written()

    def _written(self) -> str:
        said = {REPLY: self.reply, OPTION: self.option, NUMBER: self.number}
        marks = {mark: text for mark, text in said.items() if text}
        return f"{self.command}?{urlencode({**self.arguments, **marks}, safe=REPLY + OPTION + NUMBER + ':|@/')}"

    @classmethod
    def read(cls, text: str) -> ControlAction:
        """From a custom id."""
        command, _, query = text.partition("?")
        arguments = dict(parse_qsl(query, keep_blank_values=True))
        reply, option, number = (arguments.pop(mark, "") for mark in (REPLY, OPTION, NUMBER))
        return cls(command, arguments, reply, option, number)
