"""The files of a message, and the hosts from which they may be downloaded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from adapters.shared.attachments import Source, origin_of
from adapters.slack.incoming.deadline import look_up_timeout
from adapters.slack.payloads import SlackFile, SlackMessage
from adapters.slack.web_api import SlackApi
from bot.interfaces.errors import ShouldersError
from bot.interfaces.messages import Attachment

log = logging.getLogger(__name__)

ORIGINS = ("https://files.slack.com", "https://files.slack-gov.com")
PATHS = ("/files-pri/", "/files-tmb/")

REFUSAL = (
    "Slack only links to the file and does not store it for this workspace. Upload the file here, or paste its text."
)

MOST_FILES = 20
"""The most files of one message; people can attach 10."""

MOST_LOOKED_UP = 10
"""The most look-ups of files for messages that are read together."""


def source(api_url: str) -> Source:
    """Return the hosts of files: Slack's file host, or the host of `api_url`; never the path of an API."""
    return Source((origin_of(api_url),) if api_url else ORIGINS, PATHS, REFUSAL)


async def attachments(rest: SlackApi, messages: Sequence[SlackMessage]) -> Sequence[tuple[Attachment, ...]]:
    """Return the files of each message, with those of messages shared in it.

    Files from other organisations need a look-up.
    """
    files_of = [_files(message)[:MOST_FILES] for message in messages]
    incomplete = [file for files in reversed(files_of) for file in files if _needs_look_up(file)][:MOST_LOOKED_UP]
    found = dict(
        zip(map(id, incomplete), await asyncio.gather(*(_look_up(rest, file) for file in incomplete)), strict=True)
    )
    return [tuple(_attachment(found.get(id(file), file)) for file in files) for files in files_of]


def _files(message: SlackMessage) -> list[SlackFile]:
    shared_messages = (one for one in message.get("attachments", ()) if one.get("is_share") or one.get("is_msg_unfurl"))
    return [*message.get("files", ()), *(file for one in shared_messages for file in one.get("files", ()))]


def _needs_look_up(file: SlackFile) -> bool:
    return file.get("file_access") == "check_file_info" and bool(file.get("id"))


async def _look_up(rest: SlackApi, file: SlackFile) -> SlackFile:
    """Return a file with the fields from files.info; without them where the look-up fails."""
    try:
        async with look_up_timeout(rest.timeouts.look_up):
            return (await rest.read("files.info", {"file": file["id"]})).get("file", file)
    except (ShouldersError, TimeoutError) as error:
        log.info("The file %s cannot be looked up: %s", file["id"], error or "timeout")
        return file


def _attachment(file: SlackFile) -> Attachment:
    """Return a file of a payload; one on another host has no address, whatever the payload contains."""
    is_external = file.get("is_external") or file.get("mode") == "external"
    return Attachment(
        file.get("name") or file.get("title") or "a file",
        file.get("mimetype", ""),
        file.get("size", 0),
        "" if is_external else file.get("url_private", ""),
    )
