"""The bodies of the bot's messages, and the search for them after a crash."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from adapters.shared.paced_draft import Control
from adapters.slack.outgoing.markdown import harmless, streamed
from adapters.slack.outgoing.mrkdwn import escaped, letters
from adapters.slack.payloads import SlackMessage, plain_text
from adapters.slack.reply_target import Json, actions
from adapters.slack.web_api import SlackApi, objects_in
from bot.interfaces.replies import Part

LONGEST_NOTICE = 700
"""The most characters of a part in a notification."""

MOST_PAGES = 5
OPENING = -1
"""The index in the log of the message that opens a thread."""

EVENT_TYPE = "shoulders_part"


def message_body(text: str, choices: Sequence[Control], *, links: bool) -> Json:
    """Return a message's text, buttons and menus; with `links`, links work where Slack loads no previews.

    The text beside the blocks is for notifications.
    """
    safe_text = harmless(text, links=links)
    blocks: list[Json] = [{"type": "markdown", "text": safe_text}] if safe_text else []
    notice = escaped(harmless(text[:LONGEST_NOTICE], links=links))
    return {"text": notice, "blocks": [*blocks, *actions(choices)]}


def without_buttons(message: Json, *, links: bool) -> Json:
    """Return a message of the bot without buttons and menus; only with `links` do its links work."""
    text, blocks = str(message.get("text", "")), objects_in(message.get("blocks"))
    kept = [_block_for_edit(block, links=links) for block in blocks if block.get("type") != "actions"]
    safe_text: Json = {"type": "markdown", "text": harmless(text, links=links)}
    return {"blocks": kept or [safe_text], "text": harmless(text[:LONGEST_NOTICE], links=links)}


def _block_for_edit(block: Json, *, links: bool) -> Json:
    """Return a block for an edit."""
    if block.get("type") == "markdown":
        return block | {"text": harmless(str(block.get("text", "")), links=links)}
    edited: object = block if links else _unlinked(block)
    return edited if isinstance(edited, dict) else {}


def _unlinked(value: object) -> object:
    """Return a value with links of rich text replaced by their texts."""
    if isinstance(value, list):
        return [_unlinked(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "link":
        label, url = str(value.get("text") or ""), str(value.get("url", ""))
        text = f"{label} ({url})" if label and label not in url else url
        return {"type": "text", "text": text, "style": {"code": True}}
    return {key: _unlinked(item) for key, item in value.items()}


class MessageFinder:
    """A search for the bot's messages by their metadata."""

    def __init__(self, rest: SlackApi, act: str) -> None:
        self._rest = rest
        self._act = act

    def metadata(self, index: int) -> Json:
        """Return the metadata of part `index`."""
        return {"event_type": EVENT_TYPE, "event_payload": {"act": self._act, "part": index}}

    async def find(self, channel: str, thread: str, since: str, part: Part, *, skip: str = "") -> str:
        """Return the ts of the bot's message with a part's metadata, or of an unfinished stream of its text.

        `skip` is the ts of a message to skip.
        """
        async for message in self._own_messages(channel, thread, since):
            if message["ts"] == skip:
                continue
            payload = message.get("metadata", {}).get("event_payload")
            if payload is not None:
                if (payload.get("act"), payload.get("part")) == (self._act, part.index):
                    return message["ts"]
            elif (
                part.index != OPENING
                and not message.get("files")
                and _may_begin_with(plain_text(message.get("text")), part.text)
            ):
                return message["ts"]
        return ""

    async def find_files(self, channel: str, thread: str, since: str, part: Part) -> str:
        """Return the ids of a part's files, where a message of the bot has exactly these."""
        async for message in self._own_messages(channel, thread, since):
            files = message.get("files", [])
            if files and "\n".join(file.get("name", "") for file in files) == part.text:
                return ",".join(file["id"] for file in files)
        return ""

    async def _own_messages(self, channel: str, thread: str, since: str) -> AsyncGenerator[SlackMessage, None]:
        method = "conversations.replies" if thread else "conversations.history"
        arguments = {"channel": channel, "oldest": since, "inclusive": True, "include_all_metadata": True}
        async for page in self._rest.pages(method, MOST_PAGES, {**arguments, **({"ts": thread} if thread else {})}):
            for message in page.get("messages", ()):
                if message.get("user") == self._rest.me:
                    yield message


def _may_begin_with(safe_text: str, text: str) -> bool:
    """Return whether a stream with the text `safe_text` may have begun with `text`."""
    beginning, visible = letters(streamed(text)), letters(safe_text)
    return visible.startswith(beginning) if beginning else not visible
