"""All that a message says and holds: its text and files, what it forwards, embeds, components, a poll and stickers."""

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
"""Of one message: more than Discord's own limits for its text, embeds and components together."""

MOST_FILES = 20
DEEPEST = 6
"""Forwards in forwards, and components in components, that are looked into."""

FORWARDED = "(Forwarded) "
"""Stands before what somebody passed on, where it would read as their own words."""

TEXT_DISPLAY, GALLERY, FILE = 10, 12, 13
"""Types of components that say or show something."""


def words(message: DiscordMessage, names: Mapping[str, str], own: Collection[str] = (), *, marked: bool = True) -> str:
    """Everything that a message says, made readable as `readable` does; forwards are `marked` as such."""
    mark = FORWARDED if marked else ""
    copies = filter(None, (_text(forwarded, names, own) for forwarded in _forwarded(message)))
    said = (_text(message, names, own), *(f"{mark}{text}" for text in copies))
    return "\n".join(filter(None, said))[:MOST_CHARACTERS].strip()


def files(message: DiscordMessage) -> tuple[Attachment, ...]:
    """The files of a message, of what it forwards, and of its components."""
    return tuple(islice(_files(message), MOST_FILES))


def mentioned(message: DiscordMessage) -> dict[str, str]:
    """The names of the people whom a message, or what it forwards, mentions, by id."""
    every = [message, *_forwarded(message)]
    return {user["id"]: display_name(user) for one in every for user in one.get("mentions", ())}


def replied_to(message: DiscordMessage) -> str:
    """The message that a message replies to, "" for none: neither a forward nor a message of another channel is one."""
    reference = message.get("message_reference", {})
    here = reference.get("channel_id") == message.get("channel_id")
    return reference.get("message_id", "") if here and not reference.get("type") else ""


def payload_of(message: discord.Message) -> DiscordMessage:
    """Return a message of discord.py's as Discord's own, as far as it is read here."""
    webhook = {"webhook_id": str(message.webhook_id)} if message.webhook_id else {}
    snapshots = [{"message": _held(snapshot)} for snapshot in message.message_snapshots]
    said: dict[str, object] = {"author": {"bot": message.author.bot}, "message_snapshots": snapshots, **webhook}
    if message.poll is not None:
        answers = [{"poll_media": {"text": answer.text}} for answer in message.poll.answers]
        said["poll"] = {"question": {"text": message.poll.question}, "answers": answers}
    return MESSAGE.validate_python(said | _held(message), strict=True)


def _held(message: discord.Message | discord.MessageSnapshot) -> dict[str, object]:
    return {
        "content": message.content,
        "attachments": [file.to_dict() for file in message.attachments],
        "embeds": [embed.to_dict() for embed in message.embeds],
        "components": [component.to_dict() for component in message.components],
        "sticker_items": [{"name": sticker.name} for sticker in message.stickers],
    }


def _text(message: DiscordMessage, names: Mapping[str, str], own: Collection[str]) -> str:
    pieces = (readable(piece, names, own) for piece in _said(message))
    return "\n".join(filter(None, pieces))


def _said(message: DiscordMessage) -> Iterator[str]:
    """The pieces of text in a message itself."""
    yield message.get("content", "")
    for embed in _embeds(message):
        yield from _texts(embed)
    for component in _components(message, DEEPEST):
        if component.get("type") == TEXT_DISPLAY:
            yield component.get("content", "")
    poll = message.get("poll", {})
    if question := poll.get("question", {}).get("text"):
        answers = [answer.get("poll_media", {}).get("text", "") for answer in poll.get("answers", ())]
        yield "\n".join((f"Poll: {question}", *(f"- {answer}" for answer in answers if answer)))
    for sticker in message.get("sticker_items", ()):
        yield f"(Sticker: {sticker.get('name', '')})"


def _embeds(message: DiscordMessage) -> list[DiscordEmbed]:
    """What bots and webhooks wrote as embeds; what Discord adds to the links of people is not what they said.

    A forward does not tell whose message it holds, but only bots and webhooks write rich ones.
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
    """The components in a message or a component, and those in them."""
    for component in parent.get("components", ()) if depth else ():
        yield component
        yield from _components(component, depth - 1)


def _forwarded(message: DiscordMessage, depth: int = DEEPEST) -> Iterator[DiscordMessage]:
    """The messages that a message forwards, as copies, and those that they forward."""
    for snapshot in message.get("message_snapshots", ()) if depth else ():
        copy = snapshot.get("message", DiscordMessage())
        yield copy
        yield from _forwarded(copy, depth - 1)


def _files(message: DiscordMessage) -> Iterator[Attachment]:
    for one in (message, *_forwarded(message)):
        yield from map(attachment_of, one.get("attachments", ()))
        for component in _components(one, DEEPEST):
            kind, shown = component.get("type"), list[DiscordFile]()
            if kind == FILE:
                shown = [component.get("file", DiscordFile())]
            elif kind == GALLERY:
                shown = [item.get("media", DiscordFile()) for item in component.get("items", ())]
            for media in shown:
                name = unquote(urlsplit(media.get("url", "")).path.rpartition("/")[2])
                yield attachment_of({"filename": name, **media})
