"""The tables of docs/verified.md: the checked facts and their sources, as the fakes and the judges declare them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.slack.manifest import EVENTS as SLACK_EVENTS
from tests.fakes.slack.rules import METHODS
from tests.specs import discord, gateway
from tests.specs.openapi import Operation
from tests.specs.slack.known import KNOWN as SLACK_KNOWN
from tests.specs.slack.types import ACKNOWLEDGEMENTS, ENVELOPES, type_of

Row = Sequence[str]

PAGES: Mapping[str, str] = {
    "get_my_application": "Application, Get Current Application",
    "list_application_commands": "Application Commands, Get Global Application Commands",
    "bulk_set_application_commands": "Application Commands, Bulk Overwrite Global Application Commands",
    "get_channel": "Channel, Get Channel",
    "update_channel": "Channel, Modify Channel",
    "list_messages": "Message, Get Channel Messages",
    "create_message": "Message, Create Message",
    "get_message": "Message, Get Channel Message",
    "update_message": "Message, Edit Message",
    "delete_message": "Message, Delete Message",
    "create_thread_from_message": "Channel, Start Thread from Message",
    "get_thread_member": "Channel, Get Thread Member",
    "trigger_typing_indicator": "Channel, Trigger Typing Indicator",
    "get_bot_gateway": "Gateway, Get Gateway Bot",
    "get_guild": "Guild, Get Guild",
    "list_guild_channels": "Guild, Get Guild Channels",
    "get_guild_member": "Guild, Get Guild Member",
    "create_interaction_response": "Interactions, Create Interaction Response",
    "get_my_oauth2_application": "OAuth2, Get Current Bot Application Information",
    "get_my_user": "User, Get Current User",
    "create_dm": "User, Create DM",
    "execute_webhook": "Interactions, Create Followup Message",
    "get_original_webhook_message": "Interactions, Get Original Interaction Response",
    "update_original_webhook_message": "Interactions, Edit Original Interaction Response",
    "delete_original_webhook_message": "Interactions, Delete Original Interaction Response",
    "get_webhook_message": "Interactions, Get Followup Message",
    "update_webhook_message": "Interactions, Edit Followup Message",
    "delete_webhook_message": "Interactions, Delete Followup Message",
}
"""The page and heading of Discord's documentation, by the operation's id in its OpenAPI document."""

ONLY_DISCORD: Mapping[str, str] = {
    "list_guild_channels": "whether channels are listed that the bot does not see",
    "create_interaction_response": 'whether an empty "data" is taken with type 6',
    "execute_webhook": "who sees a follow-up after the first answer was deleted",
    "get_message": "how long the address of an attachment is good for",
    "create_message": "how long a nonce is remembered",
    "MESSAGE_CREATE": "whether a mention of the bot's own role counts as a mention without the message-content intent",
    "INTERACTION_CREATE": "which of the documented fields are left out",
}
"""Questions that no document answers, by operation or event."""

ONLY_SLACK: Mapping[str, str] = {
    "chat.postMessage": "whether unfurl_links holds for what an edit brings",
    "chat.startStream": "what a workspace on a free plan answers; what others than the recipient see in a channel",
    "chat.appendStream": "whether white space at the beginning of a chunk gets lost",
    "chat.stopStream": "what it answers after somebody pressed Slack's own Stop",
    "chat.update": "whether an edit brings a preview back that posting left out",
    "agents.sessions.setStatus": "what a workspace on a free plan answers",
    "views.open": "how long an expired trigger is still taken",
    "files.completeUploadExternal": "when the message that shares a file is there",
    "response_url": "where a private answer to an act in a thread is shown",
    "app_mention": "whether parent_user_id is in it",
    "app_uninstalled": "whether it comes before or after tokens_revoked",
    "message": "what a file of another organisation looks like in it",
    "manifest": "how many message shortcuts are taken: Slack's own pages say five, and ten",
}
"""Questions that no document answers, by method, event or else."""

REPORTS: Mapping[str, str] = {
    "chat.startStream": "public reports: only the recipient sees it grow; it ends by itself after about 5 minutes",
    "chat.appendStream": "public reports: user_not_found and the like for people of other organisations",
    "conversations.replies": "public reports: takes the ts of a reply",
    "files.completeUploadExternal": "public programs that send the same JSON",
    "auth.test": "Slack's Python library",
    "apps.connections.open": "Slack's Python library",
}
"""Reports of others about the real platform."""

BY_HAND: Sequence[Row] = (
    ("Discord: the gateway's own frames, close codes", "Gateway", "discord.py", "how long a session can be resumed"),
    ("Discord: rate limits", "Rate Limits", "discord.py", "the limits of each route, which Discord does not publish"),
    ("Discord: an attachment's address", "Reference, Signed Attachment CDN URLs", "–", "how long it is good for"),
    ("Slack: frames of the socket", "Using Socket Mode", "slack_sdk, Bolt", "when and how often an event comes again"),
    ("Slack: calls a minute", "Rate limits; each method's page", "–", "what a burst may be"),
    ("Slack: the bytes of files", "Working with files", "–", "what mimetype a remote file has"),
    ("Slack: lengths of texts, blocks and views", "Block Kit's pages", "–", "what is counted: characters, or bytes"),
)
"""Parts without a document or types: the page that was read, the library on the other side, the open questions."""


def discord_calls() -> Sequence[Row]:
    """Return a row for every operation that the fake serves."""
    every = (operation for _, operation in discord.document().operations)
    return [
        (f"`{one.name}`", f"`{one.title}`", _judged(one), PAGES[one.title], ONLY_DISCORD.get(one.title, "–"))
        for one in sorted(every, key=lambda one: one.name.split(" ")[::-1])
    ]


def _judged(operation: Operation) -> str:
    sent = ["body"] if operation.body is not None else []
    sent += ["query"] if operation.query else []
    answered = [f"answer {status}" for status, schema in operation.answers.items() if status[0] == "2" and schema]
    return ", ".join([*sent, *answered, "errors"])


def discord_events() -> Sequence[Row]:
    """Return a row for every event that the fake may dispatch."""
    return [
        (
            f"`{name}`",
            ", ".join(f"`{schema}`" for schema in event.schemas) or "nothing; fields as documented",
            f"Gateway Events, {event.page}",
            ONLY_DISCORD.get(name, "–"),
        )
        for name, event in gateway.EVENTS.items()
    ]


def slack_methods() -> Sequence[Row]:
    """Return a row for every method that the fake knows, and for the other requests to Slack."""
    rows = [
        (
            f"`{name}`",
            f"`{type_of('call', name)}`",
            f"`{type_of('answer', name).removeprefix('Plain<').removesuffix('>')}`",
            REPORTS.get(name, "–"),
            ONLY_SLACK.get(name, "–"),
        )
        for name in METHODS
    ]
    rows.append(("a `response_url`", f"`{type_of('call', 'response_url')}`", "–", "–", ONLY_SLACK["response_url"]))
    rows += [(f"acknowledging `{name}`", f"`{type_}`", "–", "–", "–") for name, type_ in ACKNOWLEDGEMENTS.items()]
    return [*rows, ("the app's manifests", f"`{type_of('manifest', '')}`", "–", "–", ONLY_SLACK["manifest"])]


def slack_events() -> Sequence[Row]:
    """Return a row for every event that the app subscribes to, and for every envelope."""
    names = dict.fromkeys(name.split(".")[0] for name in SLACK_EVENTS)
    rows = [(f"`{name}`", f"`{type_of('event', name)}` of `T.SlackEvent`", ONLY_SLACK.get(name, "–")) for name in names]
    return [*rows, *((f"the envelope of `{name}`", f"`{type_}`", "–") for name, type_ in ENVELOPES.items())]


def differences() -> Sequence[Row]:
    """Return the differences between a platform and its own document."""
    rows = [("Discord", f"`{known.broken}`", known.reason) for known in discord.KNOWN]
    return [*rows, *(("Slack", f"{known.kind} `{known.name}`", known.reason) for known in SLACK_KNOWN)]
