"""The files of a message: what Slack says of them, and from where they may be read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from adapters.shared.attachments import Source, origin_of
from adapters.slack.incoming.deadline import patience
from adapters.slack.payloads import SlackFile, SlackMessage
from adapters.slack.web_api import SlackApi
from bot.interfaces.errors import ShouldersError
from bot.interfaces.messages import Attachment

log = logging.getLogger(__name__)

ORIGINS = ("https://files.slack.com", "https://files.slack-gov.com")
PATHS = ("/files-pri/", "/files-tmb/")

REFUSAL = (
    "Slack only links to it and does not hold it for this workspace. Upload the file itself here, or paste its text."
)

MOST = 20
"""Files of one message; people can attach 10."""

MOST_LOOKED_UP = 10
"""Files of all messages that are read together that Slack is asked about."""


def source(api_url: str) -> Source:
    """From where files are read: Slack's own host for them, or where `api_url` points the bot; never an API's path."""
    return Source((origin_of(api_url),) if api_url else ORIGINS, PATHS, REFUSAL)


async def attachments(rest: SlackApi, messages: Sequence[SlackMessage]) -> Sequence[tuple[Attachment, ...]]:
    """The files of each message, also those of a message that was shared in it.

    Of files that come from other organisations Slack says nothing before it is asked.
    """
    held = [_files(said)[:MOST] for said in messages]
    unsaid = [file for files in reversed(held) for file in files if _must_be_asked(file)][:MOST_LOOKED_UP]
    found = dict(zip(map(id, unsaid), await asyncio.gather(*(_ask(rest, file) for file in unsaid)), strict=True))
    return [tuple(_attachment(found.get(id(file), file)) for file in files) for files in held]


def _files(said: SlackMessage) -> list[SlackFile]:
    shared = (one for one in said.get("attachments", ()) if one.get("is_share") or one.get("is_msg_unfurl"))
    return [*said.get("files", ()), *(file for one in shared for file in one.get("files", ()))]


def _must_be_asked(file: SlackFile) -> bool:
    return file.get("file_access") == "check_file_info" and bool(file.get("id"))


async def _ask(rest: SlackApi, file: SlackFile) -> SlackFile:
    """What Slack says of a file when asked; what it said before where that takes too long."""
    try:
        async with patience(rest.timeouts.look_up):
            return (await rest.read("files.info", {"file": file["id"]})).get("file", file)
    except (ShouldersError, TimeoutError) as error:
        log.info("Slack does not say what the file %s is: %s", file["id"], error or "too slow")
        return file


def _attachment(file: SlackFile) -> Attachment:
    """A file as Slack's JSON says it; one that lies elsewhere has no address, whatever is said of that."""
    elsewhere = file.get("is_external") or file.get("mode") == "external"
    return Attachment(
        file.get("name") or file.get("title") or "a file",
        file.get("mimetype", ""),
        file.get("size", 0),
        "" if elsewhere else file.get("url_private", ""),
    )
