"""Messages from Slack's history: before a request, around it, or referred to by it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from adapters.slack.incoming.attachments import attachments
from adapters.slack.incoming.message_text import text_of
from adapters.slack.incoming.messages import MESSAGE_SUBTYPES
from adapters.slack.outgoing.message_finder import MOST_PAGES
from adapters.slack.outgoing.mrkdwn import mentioned_ids, readable
from adapters.slack.payloads import SlackMessage
from adapters.slack.people.directory import Directory
from adapters.slack.reply_target import Json, ts_of
from adapters.slack.web_api import PAGE, SlackApi
from bot.interfaces.errors import Forbidden, Gone
from bot.interfaces.messages import Message, Request

ALL_SUBTYPES = (*MESSAGE_SUBTYPES, "bot_message", "me_message")


class SlackHistory:
    """The history of places, for the methods of HistoryAdapter."""

    def __init__(self, rest: SlackApi, directory: Directory) -> None:
        self._rest = rest
        self._directory = directory

    async def context(self, request: Request, limit: int) -> Sequence[Message]:
        """Return the last messages before the request in its thread. Slack lists a thread from its beginning."""
        place, newest = request.place, deque[SlackMessage](maxlen=limit)
        if not place.thread or place.thread == request.message:
            return ()
        where = {"channel": place.channel, "ts": place.thread, "latest": ts_of(request.act.order)}
        try:
            async for page in self._rest.pages("conversations.replies", MOST_PAGES, where):
                others = (message for message in page.get("messages", ()) if message.get("ts") != request.message)
                newest.extend(message for message in others if text_of(message))
        except (Forbidden, Gone):
            return ()
        return await self._read(list(newest), place.channel)

    async def pointed(self, request: Request) -> Message | None:
        """Return the message of a shortcut, or the first message of the request's thread."""
        place = request.place
        message = request.replies_to or ("" if place.thread == request.message else place.thread)
        if not message:
            return None
        page = await self._rest.read("conversations.replies", {"channel": place.channel, "ts": message, "limit": 1})
        found = [one for one in page.get("messages", ()) if one.get("ts") == message]
        return next(iter(await self._read(found[:1], place.channel)), None)

    async def history(self, request: Request, limit: int, since_ms: int) -> Sequence[Message]:
        """Return the last messages of people and bots.

        Slack lists channels from the end, threads from the beginning.
        """
        place, oldest, found = request.place, since_ms / 1000, dict[str, SlackMessage]()
        where: Json = {"channel": place.channel, "oldest": f"{oldest:.6f}"}
        if place.thread:
            method, where = "conversations.replies", {**where, "ts": place.thread}
        else:
            method, where = "conversations.history", {**where, "limit": min(limit, PAGE)}
        async for page in self._rest.pages(method, MOST_PAGES, where):
            written = [one for one in page.get("messages", ()) if one.get("subtype", "") in ALL_SUBTYPES]
            found |= {one["ts"]: one for one in written if float(one["ts"]) >= oldest}
            if len(found) >= limit and not place.thread:
                break
        newest = [found[ts] for ts in sorted(found, key=float)[-limit:]]
        return await self._read(newest, place.channel)

    async def _read(self, found: Sequence[SlackMessage], channel: str) -> Sequence[Message]:
        """Return messages as people see them. Authors come first where only some names can be looked up."""
        texts = [text_of(message) for message in found]
        authors = [message.get("user", "") for message in reversed(found)]
        keys = [*authors, *(key for text in reversed(texts) for key in mentioned_ids(text))]
        names = await self._directory.names(keys, channel)
        files = await attachments(self._rest, found)
        return [
            Message(
                message["ts"],
                names.get(message.get("user", "")) or message.get("username") or message.get("user") or "a bot",
                readable(text, names, self._rest.me),
                message.get("user") == self._rest.me,
                attached,
                self._link(message, channel),
            )
            for message, text, attached in zip(found, texts, files, strict=True)
        ]

    def _link(self, message: SlackMessage, channel: str) -> str:
        ts = message["ts"]
        link = f"{self._rest.site}archives/{channel}/p{ts.replace('.', '')}"
        thread = message.get("thread_ts", "").replace(ts, "")
        return f"{link}?thread_ts={thread}&cid={channel}" if thread else link
