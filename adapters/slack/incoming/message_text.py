"""The whole text of a message: its own, that of its blocks, and shared or attached ones.

The text still has Slack's control sequences, such as <@U1>; adapters.slack.outgoing.mrkdwn makes it readable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from adapters.slack.outgoing.mrkdwn import escaped, letters
from adapters.slack.payloads import SlackAttachment, SlackBlock, SlackField, SlackMessage, TextObject, plain_text

LONGEST = 40_000
"""The most characters beside a message's own text; Slack accepts no longer text."""

MOST_BLOCKS, MOST_ATTACHMENTS, MOST_ROWS = 100, 20, 200
MOST_LEVELS = 6
"""The depth to which nested blocks and attachments are read."""


def text_of(message: SlackMessage) -> str:
    """Return all text of a message."""
    return join(own_text(message), beside(message))


def own_text(message: SlackMessage) -> str:
    """Return the author's text. A message without one, and an app's, may have it in blocks."""
    text = _text(message.get("text"))
    if text and not message.get("bot_id"):
        return text
    block_text = _blocks(message.get("blocks"))
    return block_text if letters(text) in letters(block_text) else text


def beside(message: SlackMessage, *, previews: bool = True) -> str:
    """Return the text of blocks and attachments beyond the author's.

    Without `previews`, those of links are left out.
    """
    own_letters = letters(own_text(message))
    block_texts = (text for text in _each_block(message.get("blocks"), 0) if letters(text) not in own_letters)
    attached = message.get("attachments", [])[:MOST_ATTACHMENTS]
    attachment_texts = (_attachment(one, 0) for one in attached if previews or not _is_preview(one))
    return join(*_until_full(LONGEST, chain(block_texts, attachment_texts)))[:LONGEST]


def join(*texts: str) -> str:
    """Return texts with empty lines between them."""
    return "\n\n".join(text for text in texts if text.strip())


def _is_preview(attachment: SlackAttachment) -> bool:
    """Return whether an attachment is a link's preview; a shared message is not."""
    return bool(attachment.get("from_url") or attachment.get("original_url")) and not _is_message(attachment)


def _is_message(attachment: SlackAttachment) -> bool:
    return bool(attachment.get("is_share") or attachment.get("is_msg_unfurl"))


# Attachments ----------------------------------------------------------------------------------------------------------


def _attachment(attachment: SlackAttachment, depth: int) -> str:
    """Return a shared message with its author, or the text of an app or of a preview."""
    if depth >= MOST_LEVELS:
        return ""
    shared = (one.get("message", {}).get("blocks") for one in attachment.get("message_blocks", [])[:MOST_BLOCKS])
    texts = [
        _text(attachment.get("text")),
        *(_blocks(blocks, depth) for blocks in (attachment.get("blocks"), *shared)),
    ]
    author = _text(attachment.get("author_name") or attachment.get("author_subname"))
    if _is_message(attachment):
        text = join(*_without_repeats(texts)) or _text(attachment.get("fallback"))
        quoted = "\n".join(f"> {line}" for line in text.splitlines())
        return f"{author or 'Somebody'} wrote:\n{quoted}" if quoted else ""
    title = ": ".join(filter(None, (_text(attachment.get("service_name")), _text(attachment.get("title")))))
    fields = (_field(field) for field in attachment.get("fields", [])[:MOST_BLOCKS])
    nested = (_attachment(one, depth + 1) for one in attachment.get("attachments", [])[:MOST_ATTACHMENTS])
    parts = chain((_text(attachment.get("pretext")), author, title, *texts), fields, nested)
    return "\n".join(_without_repeats(parts)) or _text(attachment.get("fallback"))


def _field(field: SlackField) -> str:
    return ": ".join(filter(None, (_text(field.get("title")), _text(field.get("value")))))


def _without_repeats(texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts that add something to those before them."""
    seen = ""
    for text in _until_full(LONGEST, texts):
        new = letters(text)
        if new and new not in seen:
            yield text
            seen += f" {new}"


def _until_full(length: int, texts: Iterable[str]) -> Iterator[str]:
    """Yield texts until they fill a length."""
    for text in texts:
        yield text
        length -= len(text)
        if length <= 0:
            return


# Blocks ---------------------------------------------------------------------------------------------------------------


def _blocks(blocks: Sequence[SlackBlock] | None, depth: int = 0) -> str:
    return "\n".join(_each_block(blocks, depth))[:LONGEST]


def _each_block(blocks: Sequence[SlackBlock] | None, depth: int) -> Iterator[str]:
    return filter(None, (_block(block, depth + 1) for block in (blocks or ())[:MOST_BLOCKS]))


def _block(block: SlackBlock, depth: int) -> str:
    """Return the text of a block; "" for buttons, inputs and lines."""
    if depth >= MOST_LEVELS:
        return ""
    match block.get("type"):
        case "rich_text":
            return "\n".join(_rich(part, depth + 1) for part in block.get("elements", [])[:MOST_BLOCKS])
        case "markdown":
            return escaped(_text(block.get("text")))
        case "context":
            elements = block.get("elements", [])[:MOST_BLOCKS]
            return " ".join(filter(None, (_picture(one) or _text(one) for one in elements)))
        case "image":
            return "\n".join(_without_repeats([_text(block.get("title")), _picture(block)]))
        case "table":
            return "\n".join(_row(row, depth) for row in block.get("rows", [])[:MOST_ROWS])
        case "actions" | "input" | "divider":
            return ""
    fields = [_text(field) for field in block.get("fields", [])[:MOST_BLOCKS]]
    picture = _picture(block.get("accessory", {}))
    parts = (_text(block.get("title")), _text(block.get("text")), _text(block.get("description")), *fields, picture)
    return "\n".join(filter(None, parts))


def _picture(element: SlackBlock) -> str:
    """Return the description of an image."""
    return escaped(element.get("alt_text", "")) if element.get("type") == "image" else ""


def _row(row: Sequence[SlackBlock], depth: int) -> str:
    """Return a table's row, whose cells are texts or rich texts."""
    return " | ".join(_text(cell) or _block(cell, depth + 1) for cell in row[:MOST_BLOCKS])


def _rich(part: SlackBlock, depth: int) -> str:
    """Return a section, list, quotation or code block of a rich text."""
    elements, kind = part.get("elements", [])[:MOST_BLOCKS], part.get("type")
    if depth >= MOST_LEVELS:
        return ""
    if kind == "rich_text_list":
        return "\n".join(f"• {_rich(one, depth + 1)}" for one in elements)
    text = "".join(map(_element, elements))
    if kind == "rich_text_preformatted":
        return f"```\n{text}\n```"
    return "\n".join(f"> {line}" for line in text.splitlines()) if kind == "rich_text_quote" else text


def _element(element: SlackBlock) -> str:
    """Return an element of rich text in the form of a message's text."""
    match element.get("type"):
        case "user":
            return f"<@{element.get('user_id')}>"
        case "channel":
            return f"<#{element.get('channel_id')}>"
        case "usergroup":
            return f"<!subteam^{element.get('usergroup_id')}>"
        case "broadcast":
            return f"<!{element.get('range')}>"
        case "emoji":
            return f":{element.get('name')}:"
        case "link":
            url, label = escaped(element.get("url", "")), escaped(plain_text(element.get("text")))
            return f"<{url}|{label}>" if label else f"<{url}>"
    return escaped(plain_text(element.get("text")) or element.get("fallback", ""))


def _text(value: str | TextObject | SlackBlock | None) -> str:
    """Return a text or the text of an object; plain text mentions nobody, so its brackets are escaped."""
    if isinstance(value, str):
        return value[:LONGEST]
    text = value.get("text") if value else None
    if not isinstance(text, str) or not value:
        return ""
    literal, text = value.get("type") in ("plain_text", "raw_text"), text[:LONGEST]
    return text.replace("<", "&lt;").replace(">", "&gt;") if literal else text
