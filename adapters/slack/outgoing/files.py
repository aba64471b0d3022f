"""Files on Slack: each is uploaded to an address from Slack, then one message shows them all."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.slack.reply_target import Json
from adapters.slack.web_api import SlackApi
from bot.interfaces.replies import File

LARGEST_FILE = 1 << 30
"""The most bytes that Slack accepts."""

LONGEST_SUMMARY = 1_000

GET_ADDRESS, SHARE = "files.getUploadURLExternal", "files.completeUploadExternal"


async def share(rest: SlackApi, attached: Sequence[File], channel: str, thread: str = "") -> str:
    """Show files in a channel or thread; return their ids. Before the last call, people see nothing."""
    uploaded: list[Json] = []
    for file in attached:
        alt_text = {"alt_txt": file.summary[:LONGEST_SUMMARY]} if file.summary else {}
        upload = await rest.read(GET_ADDRESS, {"filename": file.name, "length": len(file.content), **alt_text})
        await rest.put(upload["upload_url"], file.content)
        uploaded.append({"id": upload["file_id"], "title": file.name})
    destination = {"channel_id": channel, "thread_ts": thread} if thread else {"channel_id": channel}
    await rest.write(SHARE, {"files": uploaded, **destination})
    return ",".join(str(file["id"]) for file in uploaded)
