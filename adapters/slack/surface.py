"""One answer on Slack: in a thread, streamed while Slack's rates allow it and edited where they do not."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from adapters.drafts import FILES, CallKind, Offered
from adapters.slack import files
from adapters.slack.handle import Handle, Json, actions, ts_of
from adapters.slack.messages import Finder, content
from adapters.slack.opening import Opening
from adapters.slack.rest import NOT_STREAMING, POST, UPDATE, Rest, SlackRefused, budgets_of, listed
from adapters.slack.session import Session, title_of
from adapters.slack.text import harmless
from bot.errors import Forbidden, PlatformError
from bot.ports import DraftLog
from bot.types import File, Part, Request, Status

log = logging.getLogger(__name__)

LIMIT = 7_900
"""UTF-16 units of a part: with all that makes it harmless it stays below 12,000 characters."""

PERHAPS_AGAIN = "_You may have seen this part already._\n\n"

START, APPEND, STOP = "chat.startStream", "chat.appendStream", "chat.stopStream"


class ThreadSurface:
    """Messages in a thread, or at the top of a channel when the handle names no thread and none is begun.

    `appends` while parts are streamed. A stream that Slack ended goes on as an edited message. `chosen` says that the
    answer is drawn while it grows; `finishing` that it is whole.
    """

    limit = LIMIT
    room = files.ROOM

    def __init__(self, rest: Rest, request: Request, handle: Handle, draft_log: DraftLog) -> None:
        self.chosen = False
        self.finishing = False
        self.threaded = bool(handle.thread or (handle.opening and handle.below))
        self.appends = self.threaded
        self._rest = rest
        self._handle = handle
        self._person = request.person.id
        self._since = ts_of(request.act.order)
        self._finder = Finder(rest, request.act.id)
        self.opening = Opening(rest, handle, self._finder, draft_log)
        self._may_stream = self.appends
        self._streams: dict[int, str | None] = {}
        """What each open stream shows by its part's index; None where that is not known."""
        self._posted: set[str] = set()
        self._unsure: set[int] = set()
        self._latest = ""
        title = title_of(request) if request.place.direct and request.place.thread == request.message else ""
        self._session = Session(rest, handle.channel, request.person.id, shown=draft_log.resumed, title=title)
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
        if kind == "upload":
            return ()
        if kind == "edit":
            return () if self.finishing else (APPEND if self._streams else UPDATE, f"draft:{self._since}")
        if self._may_stream and not self.finishing:
            if START in self._paid or self._rest.pacer.spare((START, STOP)):
                self._paid.discard(START)
                return ()
            self._stop_streaming()
        return budgets_of(POST, self._handle.channel)

    async def create(self, index: int, text: str, choices: Sequence[Offered], *, final: bool) -> str:
        """Send a part."""
        thread = await self.thread()
        if self._may_stream and not self.finishing:
            if not final:
                return await self._start(index, text, thread)
            await self._rest.pacer.turn(budgets_of(POST, self._handle.channel), urgent=True)
        body, marked = content(self._perhaps(index) + text, choices), self._finder.metadata(index)
        self._latest = await self._rest.post(self._handle.channel, body, marked, thread)
        self._posted.add(self._latest)
        return self._latest

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Offered], *, final: bool) -> None:
        """Change a part: a stream only grows until its last edit."""
        self._latest = message
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
            opening = await self.opening.known()
            if self._handle.opening and not opening:
                return ""
            channel, thread = self._handle.channel, self._under(opening)
            if part.index == FILES:
                return await self._finder.find_files(channel, thread, self._latest or self._since, part)
            return await self._finder.find(channel, thread, after or opening or thread or self._since, part)
        except Forbidden as error:
            log.info("Whether a part was sent cannot be seen: %s", error)
            self._unsure.add(part.index)
            return ""

    async def upload(self, index: int, message: str, attached: Sequence[File]) -> str:
        """Show files after the last part."""
        return await files.share(self._rest, attached, self._handle.channel, await self.thread())

    async def delete(self, message: str) -> None:
        """Remove a part."""
        if message not in self._posted:
            await self._end_stream(message)
        await self._rest.delete(self._handle.channel, message)

    async def status(self, status: Status | None) -> None:
        """Show that the bot is at work, until its answer is whole."""
        if status is not None and self.threaded:
            self._session.begin(self.thread)

    # Around the draft ------------------------------------------------------------------------------------------------

    async def thread(self) -> str:
        """The thread's ts, "" for none; where there is an opening, it is posted. Safe to cancel: the post goes on."""
        return self._under(await self.opening.post()) if self._handle.opening else self._handle.thread

    async def pause(self) -> None:
        """Leave everything as it is; what is under way is waited for."""
        await self._session.pause()
        await self.opening.pause()

    async def end(self) -> None:
        """Show no longer that the bot is at work."""
        await self._session.end(self._under(self.opening.message))

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

    async def _start(self, index: int, text: str, thread: str) -> str:
        shown = harmless(self._perhaps(index) + text, growing=True)
        body: Json = {"channel": self._handle.channel, "thread_ts": thread}
        body |= {"markdown_text": shown} if shown else {}
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

    async def _grow(self, index: int, message: str, text: str, choices: Sequence[Offered], *, final: bool) -> bool:
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
        if blocks := actions(choices) if fits else []:
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

    async def _update(self, index: int, message: str, text: str, choices: Sequence[Offered], *, paid: bool) -> None:
        body = content(self._perhaps(index) + text, choices)
        body |= {"channel": self._handle.channel, "ts": message, "parse": "none"}
        if self.finishing:
            self._paid.discard(UPDATE)
        await self._rest.write(UPDATE, body | {"metadata": self._finder.metadata(index)}, paced=paid)

    def _under(self, opening: str) -> str:
        """The thread that answers go into."""
        return (opening if self._handle.below else "") or self._handle.thread

    def _perhaps(self, index: int) -> str:
        return PERHAPS_AGAIN if index in self._unsure else ""

    def _stop_streaming(self) -> None:
        """From here on, parts are posted and edited."""
        self._may_stream = False
        self.appends = False
