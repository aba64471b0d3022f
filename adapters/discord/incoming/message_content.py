"""The whole content of a message: text, files, forwarded messages, embeds, components, poll and stickers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from urllib.parse import unquote, urlsplit

import discord

from adapters.discord.outgoing.markdown import readable
from adapters.discord.payloads import MESSAGE, Component, DiscordEmbed, DiscordFile, DiscordMessage
from adapters.discord.people.people import attachment_of, display_name
from bot.interfaces.messages import Attachment

MOST_CHARACTERS = 20_000
"""The most characters read from a message, above Discord's limits of text, embeds and components together."""

MOST_FILES = 20
MOST_LEVELS = 6
"""The depth to which nested forwards and components are read."""

FORWARDED = "(Forwarded) "
"""The mark before a forwarded text, which would otherwise read as the sender's own."""

TEXT_DISPLAY, GALLERY, FILE = 10, 12, 13
"""The types of components with text or files."""


def text_of(
    message: DiscordMessage, names: Mapping[str, str], own: Collection[str] = (), *, marked: bool = True
) -> str:
    """Return a message's whole text, made readable; forwarded texts are `marked`."""
    mark = FORWARDED if marked else ""
    copies = filter(None, (_text(forwarded, names, own) for forwarded in _forwarded(message)))
    texts = (_text(message, names, own), *(f"{mark}{text}" for text in copies))
    return "\n".join(filter(None, texts))[:MOST_CHARACTERS].strip()


def files(message: DiscordMessage) -> tuple[Attachment, ...]:
    """Return the files of a message, of forwarded messages, and of components."""
    return tuple(islice(_files(message), MOST_FILES))


def mentioned(message: DiscordMessage) -> dict[str, str]:
    """Return the names of the people that a message, or one that it forwards, mentions, by id."""
    messages = [message, *_forwarded(message)]
    return {user["id"]: display_name(user) for one in messages for user in one.get("mentions", ())}


def replied_to(message: DiscordMessage) -> str:
    """Return the id of the message replied to; "" for a forward and for a message of another channel."""
    reference = message.get("message_reference", {})
    here = reference.get("channel_id") == message.get("channel_id")
    return reference.get("message_id", "") if here and not reference.get("type") else ""


def payload_of(message: discord.Message) -> DiscordMessage:
    """Return discord.py's message as a payload, as far as this module reads it."""
    webhook = {"webhook_id": str(message.webhook_id)} if message.webhook_id else {}
    snapshots = [{"message": _content_of(snapshot)} for snapshot in message.message_snapshots]
    payload: dict[str, object] = {"author": {"bot": message.author.bot}, "message_snapshots": snapshots, **webhook}
    if message.poll is not None:
        answers = [{"poll_media": {"text": answer.text}} for answer in message.poll.answers]
        payload["poll"] = {"question": {"text": message.poll.question}, "answers": answers}
    return MESSAGE.validate_python(payload | _content_of(message), strict=True)


def _content_of(message: discord.Message | discord.MessageSnapshot) -> dict[str, object]:
    return {
        "content": message.content,
        "attachments": [file.to_dict() for file in message.attachments],
        "embeds": [embed.to_dict() for embed in message.embeds],
        "components": [component.to_dict() for component in message.components],
        "sticker_items": [{"name": sticker.name} for sticker in message.stickers],
    }


def _text(message: DiscordMessage, names: Mapping[str, str], own: Collection[str]) -> str:
    texts = (readable(text, names, own) for text in _own_texts(message))
    return "\n".join(filter(None, texts))


def _own_texts(message: DiscordMessage) -> Iterator[str]:
    """Yield the texts of a message itself."""
    yield message.get("content", "")
    for embed in _embeds(message):
        yield from _texts(embed)
    for component in _components(message, MOST_LEVELS):
        if component.get("type") == TEXT_DISPLAY:
            yield component.get("content", "")
    poll = message.get("poll", {})
    if question := poll.get("question", {}).get("text"):
        answers = [answer.get("poll_media", {}).get("text", "") for answer in poll.get("answers", ())]
        yield "\n".join((f"Poll: {question}", *(f"- {answer}" for answer in answers if answer)))
    for sticker in message.get("sticker_items", ()):
        yield f"(Sticker: {sticker.get('name', '')})"


def _embeds(message: DiscordMessage) -> list[DiscordEmbed]:
    """Return the embeds of bots and webhooks; those of people are previews that Discord adds to links.

    A forward does not name its author, but only bots and webhooks write embeds of type "rich".
    """
    author, embeds = message.get("author", {}), message.get("embeds", [])
    if message.get("webhook_id") or author.get("bot"):
        return embeds
    return [] if author else [embed for embed in embeds if embed.get("type") == "rich"]


def _texts(embed: DiscordEmbed) -> Iterator[str]:
    yield embed.get("author", {}).get("name", "")
    yield embed.get("title", "")
    yield embed.get("description", "")
    for field in embed.get("fields", ()):
        yield f"{field.get('name', '')}: {field.get('value', '')}"
    yield embed.get("footer", {}).get("text", "")


def _components(parent: DiscordMessage | Component, depth: int) -> Iterator[Component]:
    """Yield the components of a message or component, with nested ones."""
    for component in parent.get("components", ()) if depth else ():
        yield component
        yield from _components(component, depth - 1)


def _forwarded(message: DiscordMessage, depth: int = MOST_LEVELS) -> Iterator[DiscordMessage]:
    """Yield the messages that a message forwards, with nested ones."""
    for snapshot in message.get("message_snapshots", ()) if depth else ():
        copy = snapshot.get("message", DiscordMessage())
        yield copy
        yield from _forwarded(copy, depth - 1)


def _files(message: DiscordMessage) -> Iterator[Attachment]:
    for one in (message, *_forwarded(message)):
        yield from map(attachment_of, one.get("attachments", ()))
        for component in _components(one, MOST_LEVELS):
            component_type, media_files = component.get("type"), list[DiscordFile]()
            if component_type == FILE:
                media_files = [component.get("file", DiscordFile())]
            elif component_type == GALLERY:
                media_files = [item.get("media", DiscordFile()) for item in component.get("items", ())]
            for media in media_files:
                name = unquote(urlsplit(media.get("url", "")).path.rpartition("/")[2])
                yield attachment_of({"filename": name, **media})
