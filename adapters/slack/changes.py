"""Messages that were changed or deleted."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.slack.handle import Json
from adapters.slack.requests import Reader, thread_of
from bot.errors import UserError
from bot.types import Place

SUBTYPES = ("message_changed", "message_deleted")


@dataclass(frozen=True, slots=True)
class Change:
    """What `message` says now; `text` is None where it is gone."""

    place: Place
    message: str
    text: str | None


async def read(reader: Reader, event: Json) -> Change | None:
    """What an event of a subtype above tells; None where nothing that was said changed, such as a link's preview.

    A deleted message that had answers becomes a tombstone, so that its thread stays.
    """
    now, before = _object(event, "message"), _object(event, "previous_message")
    ts = str(event.get("deleted_ts") or now.get("ts") or "")
    place = reader.place(str(event["channel"]), thread_of(before or now))
    if event["subtype"] == "message_deleted" or now.get("subtype") == "tombstone":
        return Change(place, ts, None)
    said = str(now.get("text", ""))
    if said == before.get("text") or now.get("bot_id") or now.get("user") == reader.me:
        return None
    return Change(place, ts, await _words(reader, said))


async def _words(reader: Reader, said: str) -> str:
    """What a message says to the bot, without the command that it begins with."""
    try:
        _, arguments = await reader.words.message(said)
    except UserError:
        return await reader.words.prose(said)
    return arguments.get("text", "") or await reader.words.prose(said)


def _object(event: Json, key: str) -> Json:
    found = event.get(key)
    return found if isinstance(found, dict) else {}
