"""Messages read back from Slack: before a request, around it, or pointed at."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from adapters.slack.incoming.attachments import attachments
from adapters.slack.incoming.message_text import text_of
from adapters.slack.incoming.messages import SAID
from adapters.slack.outgoing.message_finder import MOST_PAGES
from adapters.slack.outgoing.mrkdwn import mentioned_ids, readable
from adapters.slack.payloads import SlackMessage
from adapters.slack.people.directory import Directory
from adapters.slack.reply_target import Json, ts_of
from adapters.slack.web_api import PAGE, SlackApi
from bot.interfaces.errors import Forbidden, Gone
from bot.interfaces.messages import Message, Request

SAID_BY_ALL = (*SAID, "bot_message", "me_message")


class SlackHistory:
    """See bot.interfaces.adapter.Adapter for each."""

    def __init__(self, rest: SlackApi, directory: Directory) -> None:
        self._rest = rest
        self._directory = directory

    async def context(self, request: Request, limit: int) -> Sequence[Message]:
        """What was said before in the thread. Slack lists a thread from its beginning, so the last are kept."""
        place, newest = request.place, deque[SlackMessage](maxlen=limit)
        if not place.thread or place.thread == request.message:
            return ()
        where = {"channel": place.channel, "ts": place.thread, "latest": ts_of(request.act.order)}
        try:
            async for page in self._rest.pages("conversations.replies", MOST_PAGES, where):
                others = (said for said in page.get("messages", ()) if said.get("ts") != request.message)
                newest.extend(said for said in others if text_of(said))
        except (Forbidden, Gone):
            return ()
        return await self._read(list(newest), place.channel)

    async def pointed(self, request: Request) -> Message | None:
        """The message that a shortcut was chosen for, or the one that the request's thread began with."""
        place = request.place
        message = request.replies_to or ("" if place.thread == request.message else place.thread)
        if not message:
            return None
        page = await self._rest.read("conversations.replies", {"channel": place.channel, "ts": message, "limit": 1})
        found = [said for said in page.get("messages", ()) if said.get("ts") == message]
        return next(iter(await self._read(found[:1], place.channel)), None)

    async def history(self, request: Request, limit: int, since_ms: int) -> Sequence[Message]:
        """The last messages that people and bots wrote: channels are listed from their end, threads from the root."""
        place, oldest, found = request.place, since_ms / 1000, dict[str, SlackMessage]()
        where: Json = {"channel": place.channel, "oldest": f"{oldest:.6f}"}
        if place.thread:
            method, where = "conversations.replies", {**where, "ts": place.thread}
        else:
            method, where = "conversations.history", {**where, "limit": min(limit, PAGE)}
        async for page in self._rest.pages(method, MOST_PAGES, where):
            said = [one for one in page.get("messages", ()) if one.get("subtype", "") in SAID_BY_ALL]
            found |= {one["ts"]: one for one in said if float(one["ts"]) >= oldest}
            if len(found) >= limit and not place.thread:
                break
        newest = [found[ts] for ts in sorted(found, key=float)[-limit:]]
        return await self._read(newest, place.channel)

    async def _read(self, found: Sequence[SlackMessage], channel: str) -> Sequence[Message]:
        """As people see them. Who wrote comes first where only some names can be looked up."""
        texts = [text_of(said) for said in found]
        authors = [said.get("user", "") for said in reversed(found)]
        keys = [*authors, *(key for text in reversed(texts) for key in mentioned_ids(text))]
        names = await self._directory.names(keys, channel)
        files = await attachments(self._rest, found)
        return [
            Message(
                said["ts"],
                names.get(said.get("user", "")) or said.get("username") or said.get("user") or "a bot",
                readable(text, names, self._rest.me),
                said.get("user") == self._rest.me,
                held,
                self._link(said, channel),
            )
            for said, text, held in zip(found, texts, files, strict=True)
        ]

    def _link(self, said: SlackMessage, channel: str) -> str:
        ts = said["ts"]
        link = f"{self._rest.site}archives/{channel}/p{ts.replace('.', '')}"
        thread = said.get("thread_ts", "").replace(ts, "")
        return f"{link}?thread_ts={thread}&cid={channel}" if thread else link
