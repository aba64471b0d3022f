"""One answer on Slack: streamed in direct messages, posted and edited in channels, where all see it grow."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from adapters.shared.paced_draft import FILES, CallKind, Control, Surface
from adapters.slack.errors import SlackRefused
from adapters.slack.outgoing import files
from adapters.slack.outgoing.markdown import harmless, streamed
from adapters.slack.outgoing.message_finder import MessageFinder, message_body, without_buttons
from adapters.slack.outgoing.question_post import QuestionPost
from adapters.slack.outgoing.typing_status import TypingStatus, title_of
from adapters.slack.reply_target import Json, SlackReplyTarget, actions, ts_of
from adapters.slack.web_api import POST, UPDATE, SlackApi, listed, rate_limits_of
from bot.interfaces.adapter import DraftLog
from bot.interfaces.errors import Forbidden, Gone
from bot.interfaces.messages import Request
from bot.interfaces.replies import File, Part, Status

log = logging.getLogger(__name__)

LIMIT = 7_900
"""UTF-16 units of a part: with all that makes it harmless it stays below 12,000 characters."""

PERHAPS_AGAIN = "_You may have seen this part already._\n\n"

START, APPEND, STOP = "chat.startStream", "chat.appendStream", "chat.stopStream"


class ThreadSurface(Surface):
    """Messages in a thread, or at the top of a channel when the target names no thread and none is begun.

    `appends` while parts are streamed. A stream that Slack ended, or refuses, goes on as an edited message, and a
    message that takes no edit any more as a new one. `chosen` says that the answer is drawn while it grows; `finishing`
    that it is whole.
    """

    limit = LIMIT
    largest = room = files.ROOM

    def __init__(self, rest: SlackApi, request: Request, target: SlackReplyTarget, draft_log: DraftLog) -> None:
        self.chosen = False
        self.finishing = False
        self.threaded = bool(target.thread or (target.opening and target.below))
        self.appends = self.threaded and target.channel.startswith("D") and rest.serves(START)
        self._rest = rest
        self._target = target
        self._person = request.person.id
        self._since = ts_of(request.act.order)
        self._finder = MessageFinder(rest, request.act.id)
        self.opening = QuestionPost(rest, target, self._finder, draft_log)
        self._may_stream = self.appends
        self._streams: dict[int, str | None] = {}
        """What each open stream shows by its part's index; None where that is not known."""
        self._posted: set[str] = set()
        self._unsure: set[int] = set()
        self._latest = ""
        title = title_of(request) if request.place.direct and request.place.thread == request.message else ""
        self._session = TypingStatus(rest, target.channel, request.person.id, shown=draft_log.resumed, title=title)
        self._paid = Counter[str]()
        """How many calls of a method are paid for."""

    # The draft's calls -----------------------------------------------------------------------------------------------

    async def choose(self, *, stream: bool = True) -> None:
        """Wait until Slack's rates leave room to draw the answer while it grows: what it takes at its end is paid.

        Until then nothing is drawn: a finished answer is one post, of which Slack takes many more.
        """
        if not (stream and self._buy_stream()):
            self._stop_streaming()
            await self._rest.limiter.acquire((UPDATE,), begins=True)
            self._paid[UPDATE] += 1
        self.chosen = True

    def rate_limits(self, kind: CallKind) -> Sequence[str]:
        """A part beyond the first is streamed too, if that is free at once. Last calls are paid where they are made."""
        if kind == "upload":
            return ()
        if kind == "edit":
            return () if self.finishing else (APPEND if self._streams else UPDATE, f"draft:{self._since}")
        if not self.finishing:
            if self._paid[START] or self._buy_stream():
                return ()
            self._stop_streaming()
        return rate_limits_of(POST, self._target.channel)

    async def create(self, index: int, text: str, choices: Sequence[Control], *, final: bool) -> str:
        thread = await self.thread()
        if self._may_stream and not self.finishing:
            if not final and (started := await self._start(index, text, thread)):
                return started
            await self._rest.limiter.acquire(rate_limits_of(POST, self._target.channel), urgent=final, begins=True)
        self._latest = await self._post(index, text, choices, thread, links=final)
        return self._latest

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Control], *, final: bool) -> str:
        """Change a part: a stream only grows until its last edit. The message that shows it then."""
        self._latest = message
        paid = index not in self._streams and not self.finishing
        if index in self._streams:
            if await self._grow(index, message, text, choices, final=final):
                return message
        elif message not in self._posted:
            await self._end_stream(message)
        try:
            await self._update(index, message, text, choices, paid=paid)
            self._posted.add(message)
        except SlackRefused as error:
            if not final or isinstance(error, Gone):
                raise
            log.info("A message takes no edit any more, and a new one shows the answer: %s", error)
            self._latest = await self._replace(index, message, text, choices)
        return self._latest

    async def find(self, part: Part, after: str, *, but: str = "") -> str:
        """Look through the thread for a part, other than the message `but`."""
        try:
            opening = await self.opening.known()
            if self._target.opening and not opening:
                return ""
            channel, thread = self._target.channel, self._under(opening)
            if part.index >= FILES:
                return await self._finder.find_files(channel, thread, self._latest or self._since, part)
            return await self._finder.find(channel, thread, after or opening or thread or self._since, part, but=but)
        except Forbidden as error:
            log.info("Whether a part was sent cannot be seen: %s", error)
            self._unsure.add(part.index)
            return ""

    async def upload(self, index: int, message: str, attached: Sequence[File]) -> str:
        return await files.share(self._rest, attached, self._target.channel, await self.thread())

    async def delete(self, message: str) -> None:
        if message not in self._posted:
            await self._end_stream(message)
        await self._rest.delete(self._target.channel, message)

    async def status(self, status: Status | None) -> None:
        """Show that the bot is at work, until its answer is whole."""
        if status is not None and self.threaded:
            self._session.begin(self.thread)

    # Around the draft ------------------------------------------------------------------------------------------------

    async def thread(self) -> str:
        """The thread's ts, "" for none; where there is an opening, it is posted. Safe to cancel: the post goes on."""
        return self._under(await self.opening.post()) if self._target.opening else self._target.thread

    async def pause(self) -> None:
        """Leave everything as it is; what is under way is waited for."""
        await self._session.pause()
        await self.opening.pause()

    async def end(self) -> None:
        """Show no longer that the bot is at work, and give back what was not needed."""
        self._rest.limiter.refund(list(self._paid.elements()))
        self._paid.clear()
        await self._session.end(self._under(self.opening.message))

    async def take_buttons(self, message: str) -> None:
        """Remove the buttons of an older message: one was pressed."""
        channel, thread = self._target.channel, self._target.thread or message
        where = {"channel": channel, "ts": thread, "oldest": message, "latest": message, "inclusive": True}
        page = await self._rest.read_raw("conversations.replies", where)
        found = next((said for said in listed(page.get("messages")) if said.get("ts") == message), None)
        if found is not None:
            body = without_buttons(found, links=self._rest.links_in_edits)
            await self._rest.write(UPDATE, {"channel": channel, "ts": message, "parse": "none"} | body)

    # Slack's calls ---------------------------------------------------------------------------------------------------

    def _buy_stream(self) -> bool:
        """Pay for a stream and its end, if both are free at once."""
        if not (self._may_stream and self._rest.serves(START) and self._rest.limiter.try_acquire((START, STOP))):
            return False
        self._paid.update((START, STOP))
        return True

    def _is_paid(self, method: str) -> bool:
        """Spend what was paid for one call, if something was."""
        paid = self._paid[method] > 0
        self._paid[method] -= paid
        return paid

    async def _start(self, index: int, text: str, thread: str) -> str:
        """Start a stream; "" where Slack refuses it."""
        shown = streamed(self._perhaps(index) + text)
        body: Json = {"channel": self._target.channel, "thread_ts": thread}
        body |= {"recipient_user_id": self._person, "recipient_team_id": self._target.team}
        body |= {"markdown_text": shown} if shown else {}
        self._paid[START] -= 1
        try:
            ts = str((await self._rest.write(START, body, paced=True))["ts"])
        except SlackRefused as error:
            log.info("An answer is not streamed: %s", error)
            self._rest.withhold(START, error)
            self._stop_streaming()
            return ""
        self._streams[index] = shown
        self._session.shown = True
        return ts

    async def _grow(self, index: int, message: str, text: str, choices: Sequence[Control], *, final: bool) -> bool:
        """Append to a stream, or end it; False when it does not show `text` then: it began otherwise, or is over."""
        words, sent = self._perhaps(index) + text, self._streams[index]
        whole = harmless(words, links=True) if final else streamed(words)
        fits = sent is not None and whole.startswith(sent)
        added = whole[len(sent) :] if sent is not None and fits else ""
        body: Json = {"channel": self._target.channel, "ts": message}
        body |= {"markdown_text": added} if added else {}
        if final:
            body |= {"blocks": actions(choices)} if fits and choices else {}
            body |= {"metadata": self._finder.metadata(index)}
            body |= {"session_status": "active" if self.finishing else "processing"}
        elif not added:
            return True
        if not final:
            self._streams[index] = None
        try:
            await self._rest.write(STOP if final else APPEND, body, paced=not final or self._is_paid(STOP))
        except SlackRefused as error:
            log.info("A stream is over, and its answer goes on as an edited message: %s", error)
            del self._streams[index]
            self._stop_streaming()
            if not final:
                await self._end_stream(message)
            return False
        if not final:
            self._streams[index] = whole
            return True
        del self._streams[index]
        self._session.shown = not self.finishing
        return fits

    async def _end_stream(self, message: str) -> None:
        """A stream takes no edit; whether there is one may not be known."""
        try:
            await self._rest.write(STOP, {"channel": self._target.channel, "ts": message}, paced=self._is_paid(STOP))
        except SlackRefused as error:
            log.debug("Nothing to end: %s", error)

    async def _post(self, index: int, text: str, choices: Sequence[Control], thread: str, *, links: bool) -> str:
        """Post a part, whose slot is spent already. What will be edited has no links that edits do not have."""
        links = links or self._rest.links_in_edits
        body, marked = message_body(self._perhaps(index) + text, choices, links=links), self._finder.metadata(index)
        message = await self._rest.post(self._target.channel, body, marked, thread)
        self._posted.add(message)
        return message

    async def _update(self, index: int, message: str, text: str, choices: Sequence[Control], *, paid: bool) -> None:
        body = message_body(self._perhaps(index) + text, choices, links=self._rest.links_in_edits)
        body |= {"channel": self._target.channel, "ts": message, "parse": "none"}
        paid = paid or (self.finishing and self._is_paid(UPDATE))
        await self._rest.write(UPDATE, body | {"metadata": self._finder.metadata(index)}, paced=paid)

    async def _replace(self, index: int, message: str, text: str, choices: Sequence[Control]) -> str:
        """Post a part anew, once, and remove the message that took no edit, where Slack lets it."""
        found = await self.find(Part(index, text), message, but=message)
        if not found:
            await self._rest.limiter.acquire(rate_limits_of(POST, self._target.channel), urgent=True)
            found = await self._post(index, text, choices, await self.thread(), links=True)
        try:
            await self._rest.delete(self._target.channel, message)
        except SlackRefused as error:
            log.info("What takes no edit stays: %s", error)
        return found

    def _under(self, opening: str) -> str:
        """The thread that answers go into."""
        return (opening if self._target.below else "") or self._target.thread

    def _perhaps(self, index: int) -> str:
        return PERHAPS_AGAIN if index in self._unsure else ""

    def _stop_streaming(self) -> None:
        """From here on, parts are posted and edited."""
        self._may_stream = False
        self.appends = False
