"""One answer on Slack: in a thread, streamed while Slack's rates allow it and edited where they do not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from adapters.drafts import CallKind
from adapters.slack.handle import Handle, Json, buttons, ts_of
from adapters.slack.messages import OPENING, Finder, content
from adapters.slack.rest import NOT_STREAMING, Rest, SlackRefused, budgets_of, listed
from adapters.slack.session import Session
from adapters.slack.text import harmless
from bot.errors import Forbidden, PlatformError
from bot.ports import DraftLog
from bot.types import Choice, Part, Request, Status

log = logging.getLogger(__name__)

LIMIT = 7_900
"""UTF-16 units of a part: with all that makes it harmless it stays below 12,000 characters."""

PERHAPS_AGAIN = "_You may have seen this part already._\n\n"

START, APPEND, STOP = "chat.startStream", "chat.appendStream", "chat.stopStream"
POST, UPDATE, DELETE = "chat.postMessage", "chat.update", "chat.delete"


class ThreadSurface:
    """Messages in a thread, or at the top of a channel when the handle names no thread.

    `appends` while parts are streamed. A stream that Slack ended goes on as an edited message. `chosen` says that the
    answer is drawn while it grows; `finishing` that it is whole.
    """

    limit = LIMIT

    def __init__(self, rest: Rest, request: Request, handle: Handle, draft_log: DraftLog) -> None:
        self.chosen = False
        self.finishing = False
        self.appends = bool(handle.thread or handle.opening)
        self._rest = rest
        self._handle = handle
        self._person = request.person.id
        self._since = ts_of(request.act.order)
        self._finder = Finder(rest, request.act.id)
        self._log = draft_log
        self._may_stream = self.appends
        self._streams: dict[int, str | None] = {}
        """What each open stream shows by its part's index; None where that is not known."""
        self._posted: set[str] = set()
        self._unsure: set[int] = set()
        self._opening: asyncio.Task[str] | None = None
        self._session = Session(rest, handle.channel, request.person.id, shown=draft_log.resumed)
        self._paid: set[str] = set()
        """Methods of which one call is paid for."""

    # The draft's calls -----------------------------------------------------------------------------------------------

    def choose(self, *, stream: bool = True) -> bool:
        """Choose how to draw the answer while it grows, if Slack's rates leave room: what it takes at its end is paid.

        Under load nothing is drawn before the end: a finished answer is one post, of which Slack takes many more.
        """
        if stream and self._may_stream and self._rest.pacer.spare((START, STOP)):
            self._paid.add(START)
        elif self._rest.pacer.spare((UPDATE,)):
            self._paid.add(UPDATE)
            self._stop_streaming()
        else:
            return False
        self.chosen = True
        return True

    def budgets(self, kind: CallKind) -> Sequence[str]:
        """A part beyond the first is streamed too, if that is free at once. Last calls are paid where they are made."""
        if kind == "edit":
            return () if self.finishing else (APPEND if self._streams else UPDATE, f"draft:{self._since}")
        if self._may_stream and not self.finishing:
            if START in self._paid or self._rest.pacer.spare((START, STOP)):
                self._paid.discard(START)
                return ()
            self._stop_streaming()
        return budgets_of(POST, self._handle.channel)

    async def create(self, index: int, text: str, choices: Sequence[Choice], *, final: bool) -> str:
        """Send a part."""
        thread = await self.thread()
        where: Json = {"channel": self._handle.channel}
        if thread:
            where["thread_ts"] = thread
        if self._may_stream and not self.finishing:
            if not final:
                return await self._start(index, text, where)
            await self._rest.pacer.turn(budgets_of(POST, self._handle.channel), urgent=True)
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
            await self._update(index, message, text, choices, paid=False)
        else:
            if message not in self._posted:
                await self._end_stream(message)
            await self._update(index, message, text, choices, paid=not self.finishing or UPDATE in self._paid)
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
        """Show that the bot is at work, until its answer is whole."""
        if status is not None and (self._handle.thread or self._handle.opening):
            self._session.begin(self.thread)

    # Around the draft ------------------------------------------------------------------------------------------------

    async def thread(self) -> str:
        """The thread's ts, its opening message posted where there is one. Safe to cancel: the post goes on."""
        if not self._handle.opening:
            return self._handle.thread
        failed = self._opening is not None and self._opening.done() and self._opening.exception() is not None
        if self._opening is None or failed:
            self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def pause(self) -> None:
        """Leave everything as it is; what is under way is waited for."""
        await self._session.pause()
        if self._opening is not None:
            await asyncio.wait([self._opening])

    async def end(self) -> None:
        """Show no longer that the bot is at work."""
        opening = next((part.message for part in self._log.parts if part.index == OPENING), "")
        await self._session.end(self._handle.thread or opening)

    async def take_buttons(self, message: str) -> None:
        """Remove the buttons of an older message: one was pressed."""
        channel = self._handle.channel
        where = {"channel": channel, "ts": self._handle.thread, "oldest": message, "latest": message, "inclusive": True}
        page = await self._rest.read("conversations.replies", where)
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
        self._session.shown = True
        return ts

    async def _grow(self, index: int, message: str, text: str, choices: Sequence[Choice], *, final: bool) -> bool:
        """Append to a stream, or end it; False when that did not make it show `text`, because it began otherwise."""
        whole, sent = harmless(self._perhaps(index) + text, growing=not final), self._streams[index]
        fits = sent is not None and whole.startswith(sent)
        body: Json = {"channel": self._handle.channel, "ts": message}
        if sent is not None and fits and len(whole) > len(sent):
            body["markdown_text"] = whole[len(sent) :]
        if not final:
            if "markdown_text" in body:
                self._streams[index] = None
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
        self._session.shown = not self.finishing
        return fits

    async def _end_stream(self, message: str) -> None:
        """What an earlier run left may still be a stream, which takes no edit."""
        try:
            await self._rest.write(STOP, {"channel": self._handle.channel, "ts": message})
        except PlatformError as error:
            log.debug("Nothing to end: %s", error)

    async def _update(self, index: int, message: str, text: str, choices: Sequence[Choice], *, paid: bool) -> None:
        body = content(self._perhaps(index) + text, choices)
        body |= {"channel": self._handle.channel, "ts": message, "parse": "none"}
        if self.finishing:
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

    def _perhaps(self, index: int) -> str:
        return PERHAPS_AGAIN if index in self._unsure else ""

    def _stop_streaming(self) -> None:
        """From here on, parts are posted and edited."""
        self._may_stream = False
        self.appends = False
