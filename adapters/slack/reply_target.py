"""What must be known to answer a request after a restart, and what a button carries."""

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
"""A response_url lives 30 minutes; the last one is left unused."""

LONGEST_VALUE, LONGEST_ID, LONGEST_ENTRY = 2_000, 255, 150
"""Characters of what a button, a menu and an entry of a menu carry unseen."""


@dataclass(frozen=True, slots=True)
class SlackReplyTarget:
    """Where an answer goes: into `thread` of `channel`, at top level when that is "".

    With an `opening`, that is posted first and the answer goes into its thread, or just follows where it is not
    `below`. `hidden` answers are for the asker alone, through `response_url` (made at `since`, seconds since 1970)
    where there is one. `team` is the asker's workspace. `pressed` is the message whose button brought the request;
    `home` says that it came from the bot's own page, which is shown anew then.
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
        """Return it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, request: Request) -> SlackReplyTarget:
        """Return the target of a request, also of one that the store gave back."""
        target = request.reply_target
        return target if isinstance(target, cls) else cls(**json.loads(target.dump()))

    def privately(self, message: str) -> SlackReplyTarget:
        """The same for the asker alone, who wrote `message`: a thread that it only begins shows nothing ephemeral."""
        thread = "" if self.thread == message else self.thread
        return replace(self, hidden=True, opening="", pressed="", thread=thread)

    def url_lives(self, now: float) -> bool:
        """Whether the response_url can still be used at `now`."""
        return bool(self.response_url) and now < self.since + URL_SECONDS


def actions(choices: Sequence[Choice | Menu]) -> list[Json]:
    """A block with a button or a menu for each choice, [] for none. Each carries its whole meaning: it outlives us."""
    made = [_button(index, one) if isinstance(one, Choice) else _menu(index, one) for index, one in enumerate(choices)]
    return [{"type": "actions", "elements": made}] if made else []


def plain(text: str) -> Json:
    """A text that is shown as it is written."""
    return {"type": "plain_text", "text": text}


def entry(item: Item) -> Json:
    """An entry of a menu."""
    assert len(item.value) <= LONGEST_ENTRY, "too much in an entry of a menu"
    summary: Json = {"description": plain(item.summary)} if item.summary else {}
    return {"text": plain(item.label), "value": item.value} | summary


def _button(index: int, choice: Choice) -> Json:
    value = json.dumps({"command": choice.command, "arguments": dict(choice.arguments)})
    assert len(value) <= LONGEST_VALUE, "too much in a button"
    return {"type": "button", "text": plain(choice.label), "action_id": f"{choice.command}-{index}", "value": value}


def _menu(index: int, menu: Menu) -> Json:
    meaning = {"command": menu.command, "option": menu.option, "arguments": dict(menu.arguments), "index": index}
    key = json.dumps(meaning, ensure_ascii=False)
    assert len(key) <= LONGEST_ID, "too much in a menu"
    items = [entry(item) for item in menu.items]
    return {"type": "static_select", "placeholder": plain(menu.label), "action_id": key, "options": items}


def read_action(action: Control) -> tuple[str, Mapping[str, str]]:
    """Command and arguments of what was pressed or picked; "" for what is none of ours."""
    picked = action.get("selected_option")
    if picked is None:
        command, _, arguments = _meaning(action.get("value", ""))
        return command, arguments
    command, option, arguments = _meaning(action.get("action_id", ""))
    return command, {**arguments, option: picked.get("value", "")}


def _meaning(text: str) -> tuple[str, str, Mapping[str, str]]:
    try:
        meaning: object = json.loads(text)
    except ValueError:
        return "", "", {}
    if not isinstance(meaning, dict) or not isinstance(meaning.get("arguments"), dict):
        return "", "", {}
    arguments = {str(key): str(said) for key, said in meaning["arguments"].items()}
    return str(meaning.get("command", "")), str(meaning.get("option", "")), arguments


def ts_of(order: int) -> str:
    """A timestamp as Slack writes it, from microseconds."""
    return f"{order // 1_000_000}.{order % 1_000_000:06d}"


def order_of(ts: str) -> int:
    """Microseconds, from a timestamp."""
    seconds, _, micros = ts.partition(".")
    return int(seconds) * 1_000_000 + int(micros.ljust(6, "0")[:6] or 0)
