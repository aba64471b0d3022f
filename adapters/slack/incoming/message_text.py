"""All that a message says: its own words, what stands in its blocks, and what was shared or attached with it.

The text still holds Slack's control sequences, such as <@U1>; adapters.slack.outgoing.mrkdwn makes it readable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from adapters.slack.outgoing.mrkdwn import escaped, letters
from adapters.slack.payloads import SlackAttachment, SlackBlock, SlackField, SlackMessage, TextObject, plain_text

LONGEST = 40_000
"""Characters of what stands beside a message's own words; Slack itself takes no longer text."""

MOST_BLOCKS, MOST_ATTACHMENTS, MOST_ROWS = 100, 20, 200
DEEPEST = 6
"""How deep blocks and attachments may lie in each other."""


def text_of(said: SlackMessage) -> str:
    """All of it."""
    return joined(words_of(said), beside(said))


def words_of(said: SlackMessage) -> str:
    """What its author wrote. What has no words of its own may have some in its blocks, as may what an app posted."""
    text = _text(said.get("text"))
    if text and not said.get("bot_id"):
        return text
    shown = _blocks(said.get("blocks"))
    return shown if letters(text) in letters(shown) else text


def beside(said: SlackMessage, *, previews: bool = True) -> str:
    """What its blocks say beyond the words, and its attachments; without `previews`, those of links are left out."""
    own = letters(words_of(said))
    kept = (text for text in _each_block(said.get("blocks"), 0) if letters(text) not in own)
    attached = said.get("attachments", [])[:MOST_ATTACHMENTS]
    texts = (_attachment(one, 0) for one in attached if previews or not _is_preview(one))
    return joined(*_up_to(LONGEST, chain(kept, texts)))[:LONGEST]


def joined(*texts: str) -> str:
    """Texts with empty lines between them."""
    return "\n\n".join(text for text in texts if text.strip())


def _is_preview(attachment: SlackAttachment) -> bool:
    """Whether Slack or an app made it of a link. A message that was shared is what somebody wanted to say."""
    return bool(attachment.get("from_url") or attachment.get("original_url")) and not _is_message(attachment)


def _is_message(attachment: SlackAttachment) -> bool:
    return bool(attachment.get("is_share") or attachment.get("is_msg_unfurl"))


# Attachments ----------------------------------------------------------------------------------------------------------


def _attachment(attachment: SlackAttachment, depth: int) -> str:
    """A message that was shared, with its author; or what an app wrote or made of a link."""
    if depth >= DEEPEST:
        return ""
    shared = (one.get("message", {}).get("blocks") for one in attachment.get("message_blocks", [])[:MOST_BLOCKS])
    held = [_text(attachment.get("text")), *(_blocks(blocks, depth) for blocks in (attachment.get("blocks"), *shared))]
    author = _text(attachment.get("author_name") or attachment.get("author_subname"))
    if _is_message(attachment):
        words = joined(*_different(held)) or _text(attachment.get("fallback"))
        quoted = "\n".join(f"> {line}" for line in words.splitlines())
        return f"{author or 'Somebody'} wrote:\n{quoted}" if quoted else ""
    title = ": ".join(filter(None, (_text(attachment.get("service_name")), _text(attachment.get("title")))))
    fields = (_field(field) for field in attachment.get("fields", [])[:MOST_BLOCKS])
    inner = (_attachment(one, depth + 1) for one in attachment.get("attachments", [])[:MOST_ATTACHMENTS])
    pieces = chain((_text(attachment.get("pretext")), author, title, *held), fields, inner)
    return "\n".join(_different(pieces)) or _text(attachment.get("fallback"))


def _field(field: SlackField) -> str:
    return ": ".join(filter(None, (_text(field.get("title")), _text(field.get("value")))))


def _different(texts: Iterable[str]) -> Iterator[str]:
    """Those that say something that none before them said."""
    seen = ""
    for text in _up_to(LONGEST, texts):
        said = letters(text)
        if said and said not in seen:
            yield text
            seen += f" {said}"


def _up_to(length: int, texts: Iterable[str]) -> Iterator[str]:
    """As many of the texts as it takes to fill a length."""
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
    """One block as text; "" for what only asks people to do something, or draws a line."""
    if depth >= DEEPEST:
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
            return "\n".join(_different([_text(block.get("title")), _picture(block)]))
        case "table":
            return "\n".join(_row(row, depth) for row in block.get("rows", [])[:MOST_ROWS])
        case "actions" | "input" | "divider":
            return ""
    fields = [_text(field) for field in block.get("fields", [])[:MOST_BLOCKS]]
    picture = _picture(block.get("accessory", {}))
    pieces = (_text(block.get("title")), _text(block.get("text")), _text(block.get("description")), *fields, picture)
    return "\n".join(filter(None, pieces))


def _picture(element: SlackBlock) -> str:
    """The description of a picture."""
    return escaped(element.get("alt_text", "")) if element.get("type") == "image" else ""


def _row(row: Sequence[SlackBlock], depth: int) -> str:
    """A table's row. A cell is a text of its own kind, or a rich text."""
    return " | ".join(_text(cell) or _block(cell, depth + 1) for cell in row[:MOST_BLOCKS])


def _rich(part: SlackBlock, depth: int) -> str:
    """A section, list, quotation or piece of code of a rich text."""
    elements, kind = part.get("elements", [])[:MOST_BLOCKS], part.get("type")
    if depth >= DEEPEST:
        return ""
    if kind == "rich_text_list":
        return "\n".join(f"• {_rich(one, depth + 1)}" for one in elements)
    text = "".join(map(_element, elements))
    if kind == "rich_text_preformatted":
        return f"```\n{text}\n```"
    return "\n".join(f"> {line}" for line in text.splitlines()) if kind == "rich_text_quote" else text


def _element(element: SlackBlock) -> str:
    """A piece of rich text as Slack writes it in a message's text."""
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
    """A text, or an object that holds one: plain text mentions nobody, whatever it looks like."""
    if isinstance(value, str):
        return value[:LONGEST]
    text = value.get("text") if value else None
    if not isinstance(text, str) or not value:
        return ""
    literal, text = value.get("type") in ("plain_text", "raw_text"), text[:LONGEST]
    return text.replace("<", "&lt;").replace(">", "&gt;") if literal else text
