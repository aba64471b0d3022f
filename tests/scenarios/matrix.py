"""What others see of what was asked: one table, from which test_matrix.py makes its tests and documents.py a table."""

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
    "public": "a mention in a channel that everybody is in",
    "private by setting": "the same by somebody with the setting `private`: the answer is kept, the mention is seen",
    "private reply": "a reply to a public answer by somebody with that setting",
    "private by option": "`/ask` with `private`",
    "private by mention": "`@bot /ask --private` in a channel: the answer is kept, the mention is seen",
    "direct message": "a direct message to the bot",
    "private thread": "a mention in a private thread of a channel that everybody is in",
    "private channel": "a mention in a channel that others are not in",
    "group message": "a mention in a group message",
}

WAYS: Mapping[Way, str] = {
    "prompt": "the next question of somebody else where everybody is, which continues the channel's conversation",
    "reply": "somebody else's reply to the question and to its answer",
    "thread": "somebody else's question in a thread below the question",
    "retry": "`/retry` where everybody is, by whoever asked and by somebody else",
    "summary": "`/summarise` of the last messages where everybody is",
    "shortcut": "a shortcut, chosen for the answer or, where that is not seen, for another message",
    "context": "what was said before, which is read for somebody else's mention; `keep` is `everything`",
    "export": "`/export channel`, `/export everything` and `/export me` of an administrator who is not in there",
    "audit": "`/audit show` and `/audit export` of such an administrator",
    "usage": "`/usage people` and `/usage csv` of such an administrator",
    "page": "the bot's own page, of somebody else and of such an administrator",
    "completion": "what is completed while one types",
}

LACKING: Mapping[tuple[str, Asked | Way], str] = {
    ("slack", "private thread"): "Slack has no private threads: who is in a channel reads all its threads",
    ("discord", "group message"): "Discord lets no bot into group messages",
    ("discord", "page"): NO_PAGE,
    ("slack", "completion"): "Slack's commands are plain text",
}
"""What a platform does not have, and why."""

SHOWN: Mapping[tuple[str, Asked], frozenset[Way]] = {
    ("discord", "public"): frozenset(
        {"prompt", "reply", "thread", "retry", "summary", "shortcut", "context", "export"}
    ),
    ("slack", "public"): frozenset({"reply", "thread", "retry", "summary", "shortcut", "context", "export"}),
}
"""What is shown by design; all else is kept."""


def cell(asked: Asked, way: Way) -> str:
    """What the table says: where the answer is shown."""
    platforms = ("discord", "slack")
    there = [one for one in platforms if not {(one, asked), (one, way)} & LACKING.keys()]
    shown = [one for one in there if way in SHOWN.get((one, asked), frozenset())]
    if not there:
        return "–"
    if not shown:
        return "kept"
    return "**shown**" if shown == there else f"**shown** on {' and '.join(map(str.capitalize, shown))}, else kept"
