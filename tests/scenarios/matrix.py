"""The table of privacy: test_matrix.py makes its tests from it, tests/documents.py its document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from tests.scenarios.permissions import NO_PAGE

Asked = Literal[
    "public",
    "private by setting",
    "private reply",
    "private by option",
    "private by mention",
    "direct message",
    "private thread",
    "private channel",
    "group message",
]

Way = Literal[
    "prompt",
    "reply",
    "thread",
    "retry",
    "summary",
    "shortcut",
    "context",
    "export",
    "audit",
    "usage",
    "page",
    "completion",
]

ASKED: Mapping[Asked, str] = {
    "public": "a mention in a channel with everybody",
    "private by setting": "the same by a person with the setting `private`: the answer is private, the mention is not",
    "private reply": "a reply to a public answer by a person with that setting",
    "private by option": "`/ask` with `private`",
    "private by mention": "`@bot /ask --private` in a channel: the answer is private, the mention is not",
    "direct message": "a direct message to the bot",
    "private thread": "a mention in a private thread of a channel with everybody",
    "private channel": "a mention in a channel without the others",
    "group message": "a mention in a group message",
}

WAYS: Mapping[Way, str] = {
    "prompt": "another person's next question in the channel, which continues the channel's conversation",
    "reply": "another person's reply to the question and to its answer",
    "thread": "another person's question in a thread below the question",
    "retry": "`/retry` in the channel with everybody, by the same person and by another one",
    "summary": "`/summarise` of the last messages in the channel with everybody",
    "shortcut": "a shortcut on the answer or, if the answer is not visible, on another message",
    "context": "the earlier messages that the bot reads for another person's mention; `keep` is `everything`",
    "export": "`/export channel`, `/export everything` and `/export me` of an administrator who is not in the channel",
    "audit": "`/audit show` and `/audit export` of such an administrator",
    "usage": "`/usage people` and `/usage csv` of such an administrator",
    "page": "the bot's own page, of another person and of such an administrator",
    "completion": "the completion of arguments",
}

LACKING: Mapping[tuple[str, Asked | Way], str] = {
    ("slack", "private thread"): "Slack does not have private threads: everybody in a channel reads all its threads",
    ("discord", "group message"): "Discord does not let bots into group messages",
    ("discord", "page"): NO_PAGE,
    ("slack", "completion"): "Slack's commands are plain text",
}
"""The cells that a platform does not have, and the reasons."""

SHOWN: Mapping[tuple[str, Asked], frozenset[Way]] = {
    ("discord", "public"): frozenset(
        {"prompt", "reply", "thread", "retry", "summary", "shortcut", "context", "export"}
    ),
    ("slack", "public"): frozenset({"reply", "thread", "retry", "summary", "shortcut", "context", "export"}),
}
"""The ways by which an answer is visible to others by design; all other ways are private."""


def cell(asked: Asked, way: Way) -> str:
    """Return the cell of the table: the platforms on which the answer is visible."""
    platforms = ("discord", "slack")
    present = [platform for platform in platforms if not {(platform, asked), (platform, way)} & LACKING.keys()]
    visible = [platform for platform in present if way in SHOWN.get((platform, asked), frozenset())]
    if not present:
        return "–"
    if not visible:
        return "private"
    return (
        "**visible**"
        if visible == present
        else f"**visible** on {' and '.join(map(str.capitalize, visible))}, else private"
    )
