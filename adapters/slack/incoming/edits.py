"""Edited and deleted messages."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.slack.incoming.message_text import beside, own_text, text_of
from adapters.slack.incoming.messages import SlackMessageReader, thread_of
from adapters.slack.payloads import SlackMessage
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Place

SUBTYPES = ("message_changed", "message_deleted")


@dataclass(frozen=True, slots=True)
class MessageEdit:
    """A message's new text; None for a deleted message."""

    place: Place
    message: str
    text: str | None


async def read_edit(reader: SlackMessageReader, event: SlackMessage) -> MessageEdit | None:
    """Return the edit of an event; None where only other parts changed, such as a link's preview.

    A deleted message with replies becomes a tombstone, so that its thread stays.
    """
    now, before = event.get("message", {}), event.get("previous_message", {})
    ts = event.get("deleted_ts") or now.get("ts", "")
    place = reader.place(event["channel"], thread_of(before or now))
    if event["subtype"] == "message_deleted" or now.get("subtype") == "tombstone":
        return MessageEdit(place, ts, None)
    if now.get("bot_id") or now.get("user") == reader.me:
        return None
    if (own_text(now), beside(now, previews=False)) == (own_text(before), beside(before, previews=False)):
        return None
    return MessageEdit(place, ts, await _text_of(reader, now, place.channel))


async def _text_of(reader: SlackMessageReader, message: SlackMessage, channel: str) -> str:
    """Return a message's text without its command.

    It looks up no names: the bot does not know most of the edited messages.
    """
    whole = await reader.command_text.prose(text_of(message), channel, look=False)
    try:
        _, arguments = await reader.command_text.message(own_text(message), beside(message), channel, look=False)
    except UserError:
        return whole
    return arguments.get("text", "") or whole
