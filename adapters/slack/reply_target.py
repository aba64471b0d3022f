"""The address of an answer, kept for a restart, and the data of buttons and menus."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TypeAlias

from adapters.slack.payloads import Control
from bot.interfaces.messages import Request
from bot.interfaces.replies import Choice, Item, Menu

Json: TypeAlias = dict[str, object]

URL_SECONDS = 29 * 60
"""The seconds in which a response_url is used. Slack accepts it for 30 minutes."""

LONGEST_VALUE, LONGEST_ID, LONGEST_ENTRY = 2_000, 255, 150
"""The most characters of a button's value, a menu's id and a menu entry's value."""


@dataclass(frozen=True, slots=True)
class SlackReplyTarget:
    """The address of an answer: `thread` of `channel`, or the channel itself when `thread` is "".

    An `opening` is posted first; the answer goes into its thread or, without `below`, follows it. Only the asker sees a
    `hidden` answer, through `response_url` (received at `since`, seconds since 1970) where there is one. `team` is the
    asker's workspace. `pressed` is the message with the pressed button. `home`: the request comes from the Home tab,
    which is published again after the answer.
    """

    channel: str
    thread: str = ""
    team: str = ""
    opening: str = ""
    response_url: str = ""
    since: float = 0.0
    hidden: bool = False
    pressed: str = ""
    below: bool = True
    home: bool = False

    def dump(self) -> str:
        """Return the target as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, request: Request) -> SlackReplyTarget:
        """Return the target of a request, also of one from the store."""
        target = request.reply_target
        return target if isinstance(target, cls) else cls(**json.loads(target.dump()))

    def made_private(self, message: str) -> SlackReplyTarget:
        """Return the target of a hidden answer to the author of `message`.

        Slack shows no ephemeral message in a thread without replies, so a thread of `message` itself is left out.
        """
        thread = "" if self.thread == message else self.thread
        return replace(self, hidden=True, opening="", pressed="", thread=thread)

    def url_is_usable(self, now: float) -> bool:
        """Return whether the response_url can be used at `now`."""
        return bool(self.response_url) and now < self.since + URL_SECONDS


def actions(choices: Sequence[Choice | Menu]) -> list[Json]:
    """Return a block with a button or menu for each choice, [] for none. They hold all data, also for a restart."""
    elements = [
        _button(index, one) if isinstance(one, Choice) else _menu(index, one) for index, one in enumerate(choices)
    ]
    return [{"type": "actions", "elements": elements}] if elements else []


def plain(text: str) -> Json:
    """Return a text without mark-up."""
    return {"type": "plain_text", "text": text}


def entry(item: Item) -> Json:
    """Return an entry of a menu."""
    assert len(item.value) <= LONGEST_ENTRY, "a menu entry's value is too long"
    summary: Json = {"description": plain(item.summary)} if item.summary else {}
    return {"text": plain(item.label), "value": item.value} | summary


def _button(index: int, choice: Choice) -> Json:
    value = json.dumps({"command": choice.command, "arguments": dict(choice.arguments)})
    assert len(value) <= LONGEST_VALUE, "a button's value is too long"
    return {"type": "button", "text": plain(choice.label), "action_id": f"{choice.command}-{index}", "value": value}


def _menu(index: int, menu: Menu) -> Json:
    data = {"command": menu.command, "option": menu.option, "arguments": dict(menu.arguments), "index": index}
    key = json.dumps(data, ensure_ascii=False)
    assert len(key) <= LONGEST_ID, "a menu's id is too long"
    items = [entry(item) for item in menu.items]
    return {"type": "static_select", "placeholder": plain(menu.label), "action_id": key, "options": items}


def read_action(action: Control) -> tuple[str, Mapping[str, str]]:
    """Return command and arguments of a pressed button or picked entry; "" for those of other apps."""
    selected = action.get("selected_option")
    if selected is None:
        command, _, arguments = _parse_data(action.get("value", ""))
        return command, arguments
    command, option, arguments = _parse_data(action.get("action_id", ""))
    return command, {**arguments, option: selected.get("value", "")}


def _parse_data(text: str) -> tuple[str, str, Mapping[str, str]]:
    try:
        data: object = json.loads(text)
    except ValueError:
        return "", "", {}
    if not isinstance(data, dict) or not isinstance(data.get("arguments"), dict):
        return "", "", {}
    arguments = {str(key): str(value) for key, value in data["arguments"].items()}
    return str(data.get("command", "")), str(data.get("option", "")), arguments


def ts_of(order: int) -> str:
    """Return a Slack timestamp from microseconds."""
    return f"{order // 1_000_000}.{order % 1_000_000:06d}"


def order_of(ts: str) -> int:
    """Return the microseconds of a Slack timestamp."""
    seconds, _, micros = ts.partition(".")
    return int(seconds) * 1_000_000 + int(micros.ljust(6, "0")[:6] or 0)
