"""Messages that were changed or deleted."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.slack.incoming.message_text import beside, text_of, words_of
from adapters.slack.incoming.messages import SlackMessageReader, thread_of
from adapters.slack.payloads import SlackMessage
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Place

SUBTYPES = ("message_changed", "message_deleted")


@dataclass(frozen=True, slots=True)
class MessageEdit:
    """What `message` says now; `text` is None where it is gone."""

    place: Place
    message: str
    text: str | None


async def read_edit(reader: SlackMessageReader, event: SlackMessage) -> MessageEdit | None:
    """What an event of a subtype above tells; None where nothing that was said changed, such as a link's preview.

    A deleted message that had answers becomes a tombstone, so that its thread stays.
    """
    now, before = event.get("message", {}), event.get("previous_message", {})
    ts = event.get("deleted_ts") or now.get("ts", "")
    place = reader.place(event["channel"], thread_of(before or now))
    if event["subtype"] == "message_deleted" or now.get("subtype") == "tombstone":
        return MessageEdit(place, ts, None)
    if now.get("bot_id") or now.get("user") == reader.me:
        return None
    if (words_of(now), beside(now, previews=False)) == (words_of(before), beside(before, previews=False)):
        return None
    return MessageEdit(place, ts, await _words(reader, now, place.channel))


async def _words(reader: SlackMessageReader, said: SlackMessage, channel: str) -> str:
    """What a message says to the bot, without the command that it begins with.

    Nothing is looked up: most messages that change are none that the bot knows.
    """
    whole = await reader.words.prose(text_of(said), channel, look=False)
    try:
        _, arguments = await reader.words.message(words_of(said), beside(said), channel, look=False)
    except UserError:
        return whole
    return arguments.get("text", "") or whole
