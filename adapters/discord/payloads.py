"""The payloads of Discord that the adapter reads, validated once on arrival.

A field with an undocumented type is left out, and so is such an item of a list. Code reads a field that it needs as
`payload["field"]`, which raises KeyError.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from adapters.shared.payloads import OMIT, Bool, Int, Str


class User(TypedDict, total=False):
    """A person or a bot."""

    id: Str
    username: Str
    global_name: Str
    bot: Bool


class Member(TypedDict, total=False):
    """A person in a guild, with the ids of their roles."""

    nick: Str
    roles: Annotated[list[Str], OMIT]


class Role(TypedDict, total=False):
    """A role; its permissions are a decimal number."""

    id: Str
    name: Str
    permissions: Str


class Guild(TypedDict, total=False):
    """A Discord server."""

    id: Str
    owner_id: Str
    roles: Annotated[list[Annotated[Role, OMIT]], OMIT]


class Overwrite(TypedDict, total=False):
    """A channel's exception for a role or a person; its rights are decimal numbers."""

    id: Str
    allow: Str
    deny: Str


class Channel(TypedDict, total=False):
    """A channel or a thread."""

    id: Str
    type: Int
    name: Str
    parent_id: Str
    permission_overwrites: Annotated[list[Annotated[Overwrite, OMIT]], OMIT]


class DiscordFile(TypedDict, total=False):
    """An attachment, or the media of a component."""

    filename: Str
    content_type: Str
    size: Int
    url: Str


class EmbedField(TypedDict, total=False):
    """A name and a value in an embed."""

    name: Str
    value: Str


class Named(TypedDict, total=False):
    """A part of a message with a name or a text."""

    name: Str
    text: Str


class DiscordEmbed(TypedDict, total=False):
    """A card in a message: the preview of a link, or the text of a bot or webhook."""

    type: Str
    title: Str
    description: Str
    author: Annotated[Named, OMIT]
    footer: Annotated[Named, OMIT]
    fields: Annotated[list[Annotated[EmbedField, OMIT]], OMIT]


class GalleryItem(TypedDict, total=False):
    """An image in a gallery."""

    media: Annotated[DiscordFile, OMIT]


class Component(TypedDict, total=False):
    """A component of a message or form, with its value in a sent form."""

    type: Int
    custom_id: Str
    content: Str
    value: Str
    values: Annotated[list[Str], OMIT]
    file: Annotated[DiscordFile, OMIT]
    items: Annotated[list[Annotated[GalleryItem, OMIT]], OMIT]
    component: Annotated[Component, OMIT]
    components: Annotated[list[Annotated[Component, OMIT]], OMIT]


class PollAnswer(TypedDict, total=False):
    """An answer of a poll."""

    poll_media: Annotated[Named, OMIT]


class Poll(TypedDict, total=False):
    """A question with answers for a vote."""

    question: Annotated[Named, OMIT]
    answers: Annotated[list[Annotated[PollAnswer, OMIT]], OMIT]


class Reference(TypedDict, total=False):
    """The message that another one replies to (type 0) or forwards (type 1)."""

    type: Int
    message_id: Str
    channel_id: Str


class Snapshot(TypedDict, total=False):
    """The copy of a forwarded message."""

    message: Annotated[DiscordMessage, OMIT]


class DiscordMessage(TypedDict, total=False):
    """A message in a channel, a thread or a direct message."""

    id: Str
    type: Int
    channel_id: Str
    author: Annotated[User, OMIT]
    webhook_id: Str
    content: Str
    nonce: Str
    flags: Int
    mentions: Annotated[list[Annotated[User, OMIT]], OMIT]
    attachments: Annotated[list[Annotated[DiscordFile, OMIT]], OMIT]
    embeds: Annotated[list[Annotated[DiscordEmbed, OMIT]], OMIT]
    components: Annotated[list[Annotated[Component, OMIT]], OMIT]
    sticker_items: Annotated[list[Annotated[Named, OMIT]], OMIT]
    poll: Annotated[Poll, OMIT]
    message_reference: Annotated[Reference, OMIT]
    referenced_message: Annotated[DiscordMessage, OMIT]
    message_snapshots: Annotated[list[Annotated[Snapshot, OMIT]], OMIT]
    interaction_metadata: Annotated[User, OMIT]


class DiscordOption(TypedDict, total=False):
    """An option of a slash command with its value, or a subcommand."""

    name: Str
    type: Int
    value: Annotated[str | int | float | bool, OMIT]
    focused: Bool
    options: Annotated[list[Annotated[DiscordOption, OMIT]], OMIT]


class Resolved(TypedDict, total=False):
    """The objects that an interaction refers to, by id."""

    messages: Annotated[dict[str, Annotated[DiscordMessage, OMIT]], OMIT]
    attachments: Annotated[dict[str, Annotated[DiscordFile, OMIT]], OMIT]
    roles: Annotated[dict[str, Annotated[Role, OMIT]], OMIT]
    channels: Annotated[dict[str, Annotated[Channel, OMIT]], OMIT]
    users: Annotated[dict[str, Annotated[User, OMIT]], OMIT]
    members: Annotated[dict[str, Annotated[Member, OMIT]], OMIT]


class InteractionData(TypedDict, total=False):
    """The data of a command, a used component or a sent form."""

    name: Str
    type: Int
    target_id: Str
    custom_id: Str
    values: Annotated[list[Str], OMIT]
    options: Annotated[list[Annotated[DiscordOption, OMIT]], OMIT]
    components: Annotated[list[Annotated[Component, OMIT]], OMIT]
    resolved: Annotated[Resolved, OMIT]


class StartLimit(TypedDict):
    """The number of connections left, and the milliseconds until the number is reset."""

    remaining: int
    reset_after: int


class Gateway(TypedDict):
    """The answer of GET /gateway/bot."""

    url: str
    shards: int
    session_start_limit: StartLimit


MESSAGE, MESSAGES = TypeAdapter(DiscordMessage), TypeAdapter(list[Annotated[DiscordMessage, OMIT]])
CHANNEL, CHANNELS = TypeAdapter(Channel), TypeAdapter(list[Annotated[Channel, OMIT]])
GUILD, MEMBER, GATEWAY = TypeAdapter(Guild), TypeAdapter(Member), TypeAdapter(Gateway)
INTERACTION = TypeAdapter(InteractionData)
