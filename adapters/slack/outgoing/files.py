"""Files on Slack: asked for a place to put each, put there, and shared all together in one message."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.slack.reply_target import Json
from adapters.slack.web_api import SlackApi
from bot.interfaces.replies import File

ROOM = 1 << 30
"""Bytes that Slack takes."""

LONGEST_SUMMARY = 1_000

PLACE, SHARE = "files.getUploadURLExternal", "files.completeUploadExternal"


async def share(rest: SlackApi, attached: Sequence[File], channel: str, thread: str = "") -> str:
    """Show files in a channel or thread; their ids. What breaks before the end leaves nothing that anybody sees."""
    held: list[Json] = []
    for file in attached:
        described = {"alt_txt": file.summary[:LONGEST_SUMMARY]} if file.summary else {}
        place = await rest.read(PLACE, {"filename": file.name, "length": len(file.content), **described})
        await rest.put(place["upload_url"], file.content)
        held.append({"id": place["file_id"], "title": file.name})
    where = {"channel_id": channel, "thread_ts": thread} if thread else {"channel_id": channel}
    await rest.write(SHARE, {"files": held, **where})
    return ",".join(str(file["id"]) for file in held)
