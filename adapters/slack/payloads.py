"""The payloads of Slack that the adapter reads, validated once on arrival.

A field with an undocumented type is left out, and so is such an item of a list. Code reads a field that it needs as
`payload["field"]`, which raises KeyError.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from adapters.shared.payloads import OMIT, Bool, Int, Str


class TextObject(TypedDict, total=False):
    """A text with its type, such as `plain_text` or `mrkdwn`."""

    type: Str
    text: Str


TextValue: TypeAlias = Annotated[str | TextObject, OMIT]


def plain_text(value: str | TextObject | None) -> str:
    """Return the text of a string or a text object."""
    return value if isinstance(value, str) else value.get("text", "") if value else ""


class SlackBlock(TypedDict, total=False):
    """A block of a message, an element in it, or a cell of its table."""

    type: Str
    text: TextValue
    title: TextValue
    description: TextValue
    alt_text: Str
    fallback: Str
    user_id: Str
    channel_id: Str
    usergroup_id: Str
    range: Str
    name: Str
    url: Str
    elements: Annotated[list[Annotated[SlackBlock, OMIT]], OMIT]
    rows: Annotated[list[Annotated[list[Annotated[SlackBlock, OMIT]], OMIT]], OMIT]
    fields: Annotated[list[TextValue], OMIT]
    accessory: Annotated[SlackBlock, OMIT]


class SlackFile(TypedDict, total=False):
    """A file; one with `file_access` "check_file_info" has its other fields only in files.info."""

    id: Str
    file_access: Str
    name: Str
    title: Str
    mimetype: Str
    size: Int
    url_private: Str
    is_external: Bool
    mode: Str


class SlackField(TypedDict, total=False):
    """A title and a value in an attachment."""

    title: TextValue
    value: TextValue


class MessageBlock(TypedDict, total=False):
    """The blocks of a shared message."""

    message: Annotated[SlackMessage, OMIT]


class SlackAttachment(TypedDict, total=False):
    """A shared message, the preview of a link, or an app's own attachment."""

    from_url: Str
    original_url: Str
    is_share: Bool
    is_msg_unfurl: Bool
    text: TextValue
    blocks: Annotated[list[Annotated[SlackBlock, OMIT]], OMIT]
    message_blocks: Annotated[list[Annotated[MessageBlock, OMIT]], OMIT]
    author_name: Str
    author_subname: Str
    service_name: Str
    title: TextValue
    pretext: TextValue
    fallback: TextValue
    fields: Annotated[list[Annotated[SlackField, OMIT]], OMIT]
    attachments: Annotated[list[Annotated[SlackAttachment, OMIT]], OMIT]
    files: Annotated[list[Annotated[SlackFile, OMIT]], OMIT]


class MarkedPart(TypedDict, total=False):
    """The act and the part of a message of the bot, for a later search."""

    act: Str
    part: Int


class Metadata(TypedDict, total=False):
    """A message's metadata."""

    event_payload: Annotated[MarkedPart, OMIT]


class SlackTokens(TypedDict, total=False):
    """The users whose tokens Slack revoked."""

    bot: Annotated[list[Str], OMIT]


class SlackMessage(TypedDict, total=False):
    """A message or another event; each type of event has some of the fields."""

    type: Str
    subtype: Str
    channel: Str
    ts: Str
    thread_ts: Str
    event_ts: Str
    deleted_ts: Str
    latest_reply: Str
    user: Str
    username: Str
    parent_user_id: Str
    user_team: Str
    team: Str
    bot_id: Str
    inviter: Str
    tab: Str
    hidden: Bool
    text: TextValue
    blocks: Annotated[list[Annotated[SlackBlock, OMIT]], OMIT]
    attachments: Annotated[list[Annotated[SlackAttachment, OMIT]], OMIT]
    files: Annotated[list[Annotated[SlackFile, OMIT]], OMIT]
    metadata: Annotated[Metadata, OMIT]
    message: Annotated[SlackMessage, OMIT]
    previous_message: Annotated[SlackMessage, OMIT]
    tokens: Annotated[SlackTokens, OMIT]


class SlackOption(TypedDict, total=False):
    """An entry of a menu."""

    value: Str


class Control(TypedDict, total=False):
    """A used button or menu, or an input of a sent form."""

    type: Str
    action_id: Str
    action_ts: Str
    value: Str
    selected_option: Annotated[SlackOption, OMIT]
    selected_options: Annotated[list[Annotated[SlackOption, OMIT]], OMIT]


class ViewState(TypedDict, total=False):
    """The inputs of a form, by block and action."""

    values: Annotated[dict[str, Annotated[dict[str, Annotated[Control, OMIT]], OMIT]], OMIT]


class View(TypedDict, total=False):
    """A form, or the bot's Home tab."""

    callback_id: Str
    private_metadata: Str
    app_installed_team_id: Str
    state: Annotated[ViewState, OMIT]


class Ref(TypedDict, total=False):
    """A channel, a workspace or a person in an interaction."""

    id: Str
    team_id: Str


class Container(TypedDict, total=False):
    """The place of a button."""

    thread_ts: Str
    message_ts: Str
    is_ephemeral: Bool


class Installation(TypedDict, total=False):
    """An installation of the app that may see an event; form data have its flag as text."""

    team_id: Str
    enterprise_id: Str
    is_enterprise_install: Annotated[bool | str, OMIT]


class Envelope(Installation, total=False):
    """An event, a slash command or an interaction on arrival; each has some of the fields."""

    type: Str
    api_app_id: Str
    context_team_id: Str
    authorizations: Annotated[list[Annotated[Installation, OMIT]], OMIT]
    event: Annotated[SlackMessage, OMIT]
    command: Str
    text: Str
    channel_id: Str
    user_id: Str
    trigger_id: Str
    response_url: Str
    callback_id: Str
    action_ts: Str
    channel: Annotated[Ref, OMIT]
    team: Annotated[Ref, OMIT]
    user: Annotated[Ref, OMIT]
    container: Annotated[Container, OMIT]
    view: Annotated[View, OMIT]
    message: Annotated[SlackMessage, OMIT]
    actions: Annotated[list[Annotated[Control, OMIT]], OMIT]


class Profile(TypedDict, total=False):
    """The names that a person chose."""

    display_name: Str


class Organisation(TypedDict, total=False):
    """The workspaces of a person in an organisation."""

    teams: Annotated[list[Str], OMIT]


class Entry(TypedDict, total=False):
    """A person, a channel or a user group."""

    id: Str
    name: Str
    real_name: Str
    handle: Str
    team_id: Str
    profile: Annotated[Profile, OMIT]
    enterprise_user: Annotated[Organisation, OMIT]
    users: Annotated[list[Str], OMIT]
    deleted: Bool
    is_admin: Bool
    is_owner: Bool
    is_primary_owner: Bool
    is_restricted: Bool
    is_ultra_restricted: Bool
    is_stranger: Bool
    is_bot: Bool
    is_private: Bool
    is_im: Bool
    is_mpim: Bool


class PersonChange(TypedDict, total=False):
    """The event `user_change`, with the user as an object."""

    user: Annotated[Entry, OMIT]


class PersonChanged(TypedDict, total=False):
    """The envelope of the event `user_change`."""

    event: Annotated[PersonChange, OMIT]


class NextPage(TypedDict, total=False):
    """The cursor of the next page, "" for none."""

    next_cursor: Str


class SlackAnswer(TypedDict, total=False):
    """The response of a reading call; each method returns some of the fields."""

    messages: Annotated[list[Annotated[SlackMessage, OMIT]], OMIT]
    channels: Annotated[list[Annotated[Entry, OMIT]], OMIT]
    usergroups: Annotated[list[Annotated[Entry, OMIT]], OMIT]
    user: Annotated[Entry, OMIT]
    channel: Annotated[Entry, OMIT]
    file: Annotated[SlackFile, OMIT]
    upload_url: Str
    file_id: Str
    response_metadata: Annotated[NextPage, OMIT]


_ENVELOPE, _CHANGED, _ANSWER = TypeAdapter(Envelope), TypeAdapter(PersonChanged), TypeAdapter(SlackAnswer)
_MESSAGE = TypeAdapter(SlackMessage)


def read_envelope(body: object) -> Envelope:
    """Return an envelope with its documented fields."""
    return _ENVELOPE.validate_python(body, strict=True)


def read_person_change(body: object) -> Entry:
    """Return the person of a `user_change`; empty where the envelope has none."""
    return _CHANGED.validate_python(body, strict=True).get("event", {}).get("user", {})


def read_answer(answer: object) -> SlackAnswer:
    """Return the response of a reading call with its documented fields."""
    return _ANSWER.validate_python(answer, strict=True)


def read_message(payload: object) -> SlackMessage:
    """Return a message with its documented fields."""
    return _MESSAGE.validate_python(payload, strict=True)
