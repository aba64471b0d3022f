"""What a message of ours holds, and how it is found again after a crash."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from adapters.shared.paced_draft import Control
from adapters.slack.outgoing.markdown import harmless, streamed
from adapters.slack.outgoing.mrkdwn import escaped, letters
from adapters.slack.payloads import SlackMessage, plain_text
from adapters.slack.reply_target import Json, actions
from adapters.slack.web_api import SlackApi, listed
from bot.interfaces.replies import Part

LONGEST_NOTICE = 700
"""Characters of a part that notifications show."""

MOST_PAGES = 5
OPENING = -1
"""The index under which the message that opens a thread is kept with the answer's parts."""

EVENT_TYPE = "shoulders_part"


def message_body(text: str, choices: Sequence[Control], *, links: bool) -> Json:
    """A message's text, buttons and menus; with `links` that can be clicked, where Slack fetches none of them.

    The text beside the blocks is for notifications.
    """
    shown = harmless(text, links=links)
    blocks: list[Json] = [{"type": "markdown", "text": shown}] if shown else []
    notice = escaped(harmless(text[:LONGEST_NOTICE], links=links))
    return {"text": notice, "blocks": [*blocks, *actions(choices)]}


def without_buttons(message: Json, *, links: bool) -> Json:
    """What a message of ours holds, but for buttons and menus; its links can be clicked only with `links`."""
    text, blocks = str(message.get("text", "")), listed(message.get("blocks"))
    kept = [_quiet(block, links=links) for block in blocks if block.get("type") != "actions"]
    shown: Json = {"type": "markdown", "text": harmless(text, links=links)}
    return {"blocks": kept or [shown], "text": harmless(text[:LONGEST_NOTICE], links=links)}


def _quiet(block: Json, *, links: bool) -> Json:
    """A block as an edit may show it."""
    if block.get("type") == "markdown":
        return block | {"text": harmless(str(block.get("text", "")), links=links)}
    quiet: object = block if links else _unlinked(block)
    return quiet if isinstance(quiet, dict) else {}


def _unlinked(value: object) -> object:
    """The same with the text of each link of rich text in its place."""
    if isinstance(value, list):
        return [_unlinked(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "link":
        label, url = str(value.get("text") or ""), str(value.get("url", ""))
        written = f"{label} ({url})" if label and label not in url else url
        return {"type": "text", "text": written, "style": {"code": True}}
    return {key: _unlinked(item) for key, item in value.items()}


class MessageFinder:
    """Finds messages of ours again by their metadata, which says what they are."""

    def __init__(self, rest: SlackApi, act: str) -> None:
        self._rest = rest
        self._act = act

    def metadata(self, index: int) -> Json:
        """What marks part `index`."""
        return {"event_type": EVENT_TYPE, "event_payload": {"act": self._act, "part": index}}

    async def find(self, channel: str, thread: str, since: str, part: Part, *, but: str = "") -> str:
        """A message of ours that is the part: marked so, or, being a stream that was never finished, beginning so.

        It is never the message `but`.
        """
        async for message in self._mine(channel, thread, since):
            if message["ts"] == but:
                continue
            payload = message.get("metadata", {}).get("event_payload")
            if payload is not None:
                if (payload.get("act"), payload.get("part")) == (self._act, part.index):
                    return message["ts"]
            elif (
                part.index != OPENING
                and not message.get("files")
                and _begins(plain_text(message.get("text")), part.text)
            ):
                return message["ts"]
        return ""

    async def find_files(self, channel: str, thread: str, since: str, part: Part) -> str:
        """The files that the part names, where a message of ours has just these."""
        async for message in self._mine(channel, thread, since):
            held = message.get("files", [])
            if held and "\n".join(file.get("name", "") for file in held) == part.text:
                return ",".join(file["id"] for file in held)
        return ""

    async def _mine(self, channel: str, thread: str, since: str) -> AsyncGenerator[SlackMessage, None]:
        method = "conversations.replies" if thread else "conversations.history"
        where = {"channel": channel, "oldest": since, "inclusive": True, "include_all_metadata": True}
        async for page in self._rest.pages(method, MOST_PAGES, {**where, **({"ts": thread} if thread else {})}):
            for message in page.get("messages", ()):
                if message.get("user") == self._rest.me:
                    yield message


def _begins(shown: str, text: str) -> bool:
    """Whether a stream that shows this may have been started with `text`."""
    begun, now = letters(streamed(text)), letters(shown)
    return now.startswith(begun) if begun else not now
