"""One answer on Slack: in a thread, streamed while Slack's rates allow it and edited where they do not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence

from adapters.drafts import CallKind
from adapters.slack.handle import Handle, Json, buttons, ts_of
from adapters.slack.rest import NOT_STREAMING, Rest, SlackRefused, budgets_of, listed
from adapters.slack.text import escaped, harmless, letters
from bot.errors import Forbidden, PlatformError
from bot.ports import DraftLog
from bot.types import Choice, Part, Request, Status

log = logging.getLogger(__name__)

LIMIT = 7_900
"""UTF-16 units of a part: with all that makes it harmless it stays below 12,000 characters."""

LONGEST_NOTICE = 700
"""Characters of a part that notifications show."""

STATUS_SECONDS = 90.0
"""How often a status is set anew; Slack drops one after two minutes."""

MOST_PAGES = 5
OPENING = -1
"""The index under which the message that opens a thread is kept with the answer's parts."""

PERHAPS_AGAIN = "_You may have seen this part already._\n\n"
EVENT_TYPE = "shoulders_part"

START, APPEND, STOP = "chat.startStream", "chat.appendStream", "chat.stopStream"
POST, UPDATE, DELETE, STATUS = "chat.postMessage", "chat.update", "chat.delete", "agents.sessions.setStatus"


def content(text: str, choices: Sequence[Choice]) -> Json:
    """A message's text and buttons. The text beside the blocks is for notifications."""
    shown = harmless(text)
    blocks: list[Json] = [{"type": "markdown", "text": shown}] if shown else []
    return {"text": escaped(shown[:LONGEST_NOTICE]), "blocks": [*blocks, *buttons(choices)]}


class Finder:
    """Finds messages of ours again by their metadata, which says what they are."""

    def __init__(self, rest: Rest, act: str) -> None:
        self._rest = rest
        self._act = act

    def metadata(self, index: int) -> Json:
        """What marks part `index`."""
        return {"event_type": EVENT_TYPE, "event_payload": {"act": self._act, "part": index}}

    async def find(self, channel: str, thread: str, since: str, part: Part) -> str:
        """A message of ours that is the part: marked so, or, being a stream that was never finished, beginning so."""
        async for message in self._mine(channel, thread, since):
            marked = message.get("metadata")
            payload = marked.get("event_payload") if isinstance(marked, dict) else None
            if isinstance(payload, dict):
                if (payload.get("act"), payload.get("part")) == (self._act, part.index):
                    return str(message["ts"])
            elif part.index != OPENING and _begins(str(message.get("text")), part.text):
                return str(message["ts"])
        return ""

    async def _mine(self, channel: str, thread: str, since: str) -> AsyncGenerator[Json, None]:
        method = "conversations.replies" if thread else "conversations.history"
        where: dict[str, str] = {"channel": channel, "oldest": since} | ({"ts": thread} if thread else {})
        async for page in self._rest.pages(method, MOST_PAGES, **where, inclusive=True, include_all_metadata=True):
            for message in page:
                if message.get("user") == self._rest.me:
                    yield message


def _begins(shown: str, text: str) -> bool:
    """Whether a stream that shows this may have been started with `text`."""
    return letters(shown).startswith(letters(harmless(text, growing=True)))


class ThreadSurface:
    """Messages in a thread, or at the top of a channel when the handle names no thread.

    `appends` while parts are streamed. A stream that Slack ended goes on as an edited message.
    """

    limit = LIMIT

    def __init__(self, rest: Rest, request: Request, handle: Handle, draft_log: DraftLog) -> None:
        self.finishing = False
        self.appends = bool(handle.thread or handle.opening)
        self._rest = rest
        self._handle = handle
        self._person = request.person.id
        self._since = ts_of(request.act.order)
        self._finder = Finder(rest, request.act.id)
        self._log = draft_log
        self._may_stream = self.appends
        self._streams: dict[int, str] = {}
        self._posted: set[str] = set()
        self._unsure: set[int] = set()
        self._opening: asyncio.Task[str] | None = None
        self._working: asyncio.Task[None] | None = None
        self._at_work = draft_log.resumed
        self._paid: set[str] = set()

    # The draft's calls -----------------------------------------------------------------------------------------------

    def budgets(self, kind: CallKind) -> Sequence[str]:
        """Decides as well how a new part is sent: streamed only while a stream's start and end are free."""
        if kind == "edit":
            method = UPDATE if not self._streams else APPEND
            self._paid.add(method)
            return () if self._streams and self.finishing else (method, f"draft:{self._since}")
        streams = self._may_stream and not self.finishing
        if streams and not (self.appends and self._rest.pacer.spare((START, STOP))):
            self._stop_streaming()
            streams = False
        return () if streams else budgets_of(POST, self._handle.channel)

    async def create(self, index: int, text: str, choices: Sequence[Choice], *, final: bool) -> str:
        """Send a part."""
        thread = await self.thread()
        where: Json = {"channel": self._handle.channel}
        if thread:
            where["thread_ts"] = thread
        if self._may_stream and not self.finishing:
            return await self._start(index, text, where)
        ts = await self._post(index, content(self._perhaps(index) + text, choices) | where)
        self._posted.add(ts)
        return ts

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Choice], *, final: bool) -> None:
        """Change a part: a stream only grows until its last edit."""
        if index in self._streams:
            try:
                if await self._grow(index, message, text, choices, final=final):
                    return
            except SlackRefused as error:
                if error.code != NOT_STREAMING:
                    raise
                log.info("Slack ended a stream; it goes on as an edited message")
                del self._streams[index]
                self._stop_streaming()
        elif message not in self._posted:
            await self._end_stream(message)
        await self._update(index, message, text, choices)
        self._posted.add(message)

    async def find(self, part: Part, after: str) -> str:
        """Look through the thread for a part."""
        try:
            thread = await self._known_thread()
            if self._handle.opening and not thread:
                return ""
            return await self._finder.find(self._handle.channel, thread, after or thread or self._since, part)
        except Forbidden as error:
            log.info("Whether a part was sent cannot be seen: %s", error)
            self._unsure.add(part.index)
            return ""

    async def delete(self, message: str) -> None:
        """Remove a part."""
        if message not in self._posted:
            await self._end_stream(message)
        await self._rest.write(DELETE, {"channel": self._handle.channel, "ts": message})

    async def status(self, status: Status | None) -> None:
        """Show that the bot is at work; a place in the queue is shown as text, which a stream cannot take back."""
        if status is None:
            return
        if status.position:
            self._stop_streaming()
        if self._working is None and (self._handle.thread or self._handle.opening):
            self._working = asyncio.create_task(self._work())

    # Around the draft ------------------------------------------------------------------------------------------------

    async def thread(self) -> str:
        """The thread's ts, its opening message posted where there is one. Safe to cancel: the post goes on."""
        if not self._handle.opening:
            return self._handle.thread
        failed = self._opening is not None and self._opening.done() and self._opening.exception() is not None
        if self._opening is None or failed:
            self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def rest(self) -> None:
        """Show no longer that the bot is at work."""
        await self.pause()
        opening = next((part.message for part in self._log.parts if part.index == OPENING), "")
        thread = self._handle.thread or opening
        if self._at_work and thread:
            await self._set_status(thread, "active")
        self._at_work = False

    async def pause(self) -> None:
        """Leave everything as it is."""
        for task in (self._working, self._opening):
            if task is self._working and task is not None:
                task.cancel()
            if task is not None:
                await asyncio.wait([task])
        self._working = None

    async def take_buttons(self, message: str) -> None:
        """Remove the buttons of an older message: one was pressed."""
        channel = self._handle.channel
        read = {"channel": channel, "ts": self._handle.thread, "oldest": message, "latest": message}
        page = await self._rest.read("conversations.replies", **read, inclusive=True)
        found = next((said for said in listed(page.get("messages")) if said.get("ts") == message), None)
        if found is None:
            return
        text = str(found.get("text", ""))
        blocks = [block for block in listed(found.get("blocks")) if block.get("type") != "actions"]
        body: Json = {"blocks": blocks or [{"type": "markdown", "text": harmless(text)}], "text": text, "parse": "none"}
        await self._rest.write(UPDATE, {"channel": channel, "ts": message} | body)

    # Slack's calls ---------------------------------------------------------------------------------------------------

    async def _start(self, index: int, text: str, where: Json) -> str:
        shown = harmless(self._perhaps(index) + text, growing=True)
        body = where | ({"markdown_text": shown} if shown else {})
        if not self._handle.channel.startswith("D"):
            body |= {"recipient_user_id": self._person, "recipient_team_id": self._handle.team}
        try:
            ts = str((await self._rest.write(START, body, paced=True))["ts"])
        except SlackRefused:
            self._stop_streaming()  # it may be that this workspace has no streams
            raise
        self._streams[index] = shown
        self._at_work = True
        return ts

    async def _grow(self, index: int, message: str, text: str, choices: Sequence[Choice], *, final: bool) -> bool:
        """Append to a stream, or end it; False when that did not make it show `text`, because it began otherwise."""
        whole, sent = harmless(self._perhaps(index) + text, growing=not final), self._streams[index]
        fits = whole.startswith(sent)
        body: Json = {"channel": self._handle.channel, "ts": message}
        if fits and len(whole) > len(sent):
            body["markdown_text"] = whole[len(sent) :]
        if not final:
            if "markdown_text" in body:
                await self._rest.write(APPEND, body, paced=True)
                self._streams[index] = whole
            return True
        if blocks := buttons(choices) if fits else []:
            body["blocks"] = blocks
        body |= {
            "metadata": self._finder.metadata(index),
            "session_status": "active" if self.finishing else "processing",
        }
        await self._rest.write(STOP, body, paced=True)
        del self._streams[index]
        self._at_work = not self.finishing
        return fits

    async def _end_stream(self, message: str) -> None:
        """What an earlier run left may still be a stream, which takes no edit."""
        try:
            await self._rest.write(STOP, {"channel": self._handle.channel, "ts": message})
        except PlatformError as error:
            log.debug("Nothing to end: %s", error)

    async def _update(self, index: int, message: str, text: str, choices: Sequence[Choice]) -> None:
        body = content(self._perhaps(index) + text, choices)
        body |= {"channel": self._handle.channel, "ts": message, "parse": "none"}
        paid = UPDATE in self._paid
        self._paid.discard(UPDATE)
        await self._rest.write(UPDATE, body | {"metadata": self._finder.metadata(index)}, paced=paid)

    async def _post(self, index: int, body: Json) -> str:
        silent: Json = {"unfurl_links": False, "unfurl_media": False, "metadata": self._finder.metadata(index)}
        return str((await self._rest.write(POST, body | silent, paced=True))["ts"])

    async def _open(self) -> str:
        """Post the message that the answer's thread hangs on, once."""
        known = await self._known_thread()
        if known:
            return known
        if not any(part.index == OPENING for part in self._log.parts):
            await self._log.creating(OPENING, self._handle.opening)
        await self._rest.pacer.turn(budgets_of(POST, self._handle.channel), urgent=True)
        ts = await self._post(OPENING, content(self._handle.opening, ()) | {"channel": self._handle.channel})
        await self._log.created(OPENING, ts)
        return ts

    async def _known_thread(self) -> str:
        """The thread, if it is there; an opening message that may have been posted is looked for."""
        if not self._handle.opening:
            return self._handle.thread
        part = next((part for part in self._log.parts if part.index == OPENING), None)
        if part is None or part.message:
            return part.message if part else ""
        since = ts_of(int(self._handle.since - 60) * 1_000_000)  # our clock's time, not Slack's
        found = await self._finder.find(self._handle.channel, "", since, part)
        if found:
            await self._log.created(OPENING, found)
        return found

    async def _work(self) -> None:
        """Show the bot at work until cancelled, as far as the rates allow; the end of it is paid for first."""
        while True:
            if self._rest.pacer.spare((STATUS,) if STATUS in self._paid else (STATUS, STATUS)):
                self._paid.add(STATUS)
                try:
                    await self._set_status(await self.thread(), "processing", paid=True)
                except PlatformError as error:
                    log.info("No thread to work in: %s", error)
                self._at_work = True
            await asyncio.sleep(STATUS_SECONDS)

    async def _set_status(self, thread: str, state: str, *, paid: bool = False) -> None:
        body: Json = {"channel_id": self._handle.channel, "thread_ts": thread, "status": state}
        if state == "processing":
            body["initiator_user_id"] = self._person
        try:
            await self._rest.write(STATUS, body, paced=paid or STATUS in self._paid)
        except PlatformError as error:
            log.debug("No status: %s", error)

    def _perhaps(self, index: int) -> str:
        return PERHAPS_AGAIN if index in self._unsure else ""

    def _stop_streaming(self) -> None:
        """From here on, parts are posted and edited."""
        self._may_stream = False
        self.appends = False
