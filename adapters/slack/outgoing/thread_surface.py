"""An answer on Slack: streamed in direct messages; posted and edited in channels, where everybody sees it grow."""

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
from adapters.slack.web_api import POST, UPDATE, SlackApi, objects_in, rate_limits_of
from bot.interfaces.adapter import DraftLog
from bot.interfaces.errors import Forbidden, Gone
from bot.interfaces.messages import Request
from bot.interfaces.replies import File, Part, Status

log = logging.getLogger(__name__)

LIMIT = 7_900
"""The most UTF-16 units of a part; made safe, it stays below Slack's 12,000 characters."""

REPEATED_NOTE = "_You may have seen this part already._\n\n"

START, APPEND, STOP = "chat.startStream", "chat.appendStream", "chat.stopStream"


class ThreadSurface(Surface):
    """Messages in a thread, or in the channel where the target has no thread and opens none.

    `appends` while parts are streamed. A stream that Slack ends or refuses continues as an edited message, and a
    message that accepts no edit continues as a new one. `chosen`: previews are shown; `finishing`: the answer is
    complete.
    """

    limit = LIMIT
    largest = room = files.LARGEST_FILE

    def __init__(self, rest: SlackApi, request: Request, target: SlackReplyTarget, draft_log: DraftLog) -> None:
        self.chosen = False
        self.finishing = False
        self.threaded = bool(target.thread or (target.opening and target.below))
        self.appends = self.threaded and target.channel.startswith("D") and rest.is_available(START)
        self._rest = rest
        self._target = target
        self._person = request.person.id
        self._since = ts_of(request.act.order)
        self._finder = MessageFinder(rest, request.act.id)
        self.opening = QuestionPost(rest, target, self._finder, draft_log)
        self._may_stream = self.appends
        self._streams: dict[int, str | None] = {}
        """The text of each open stream by its part's index; None where it is unknown."""
        self._posted: set[str] = set()
        self._uncertain: set[int] = set()
        self._latest = ""
        title = title_of(request) if request.place.direct and request.place.thread == request.message else ""
        self._session = TypingStatus(rest, target.channel, request.person.id, shown=draft_log.resumed, title=title)
        self._acquired = Counter[str]()
        """The number of acquired calls by method."""

    # The draft's calls -----------------------------------------------------------------------------------------------

    async def choose(self, *, stream: bool = True) -> None:
        """Wait until the rate limits allow previews with their end, and acquire the end's call.

        Without previews, the finished answer is one post, and Slack allows many more posts.
        """
        if not (stream and self._acquire_stream()):
            self._stop_streaming()
            await self._rest.limiter.acquire((UPDATE,), begins=True)
            self._acquired[UPDATE] += 1
        self.chosen = True

    def rate_limits(self, kind: CallKind) -> Sequence[str]:
        """Return the buckets of a call.

        A later part is streamed if that is possible at once; last calls acquire their own.
        """
        if kind == "upload":
            return ()
        if kind == "edit":
            return () if self.finishing else (APPEND if self._streams else UPDATE, f"draft:{self._since}")
        if not self.finishing:
            if self._acquired[START] or self._acquire_stream():
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
        """Edit a part; a stream only grows until its last edit.

        Return the id of the message that shows the part then.
        """
        self._latest = message
        acquired = index not in self._streams and not self.finishing
        if index in self._streams:
            if await self._extend_stream(index, message, text, choices, final=final):
                return message
        elif message not in self._posted:
            await self._end_stream(message)
        try:
            await self._update(index, message, text, choices, acquired=acquired)
            self._posted.add(message)
        except SlackRefused as error:
            if not final or isinstance(error, Gone):
                raise
            log.info("A message accepts no edit, and a new one shows the answer: %s", error)
            self._latest = await self._replace(index, message, text, choices)
        return self._latest

    async def find(self, part: Part, after: str, *, skip: str = "") -> str:
        """Search the thread for a part, except in the message `skip`."""
        try:
            opening = await self.opening.ts_if_posted()
            if self._target.opening and not opening:
                return ""
            channel, thread = self._target.channel, self._answer_thread(opening)
            if part.index >= FILES:
                return await self._finder.find_files(channel, thread, self._latest or self._since, part)
            return await self._finder.find(channel, thread, after or opening or thread or self._since, part, skip=skip)
        except Forbidden as error:
            log.info("A part that may have been sent cannot be looked for: %s", error)
            self._uncertain.add(part.index)
            return ""

    async def upload(self, index: int, message: str, attached: Sequence[File]) -> str:
        return await files.share(self._rest, attached, self._target.channel, await self.thread())

    async def delete(self, message: str) -> None:
        if message not in self._posted:
            await self._end_stream(message)
        await self._rest.delete(self._target.channel, message)

    async def status(self, status: Status | None) -> None:
        """Show the status until the answer is complete."""
        if status is not None and self.threaded:
            self._session.begin(self.thread)

    # For the draft ---------------------------------------------------------------------------------------------------

    async def thread(self) -> str:
        """Return the thread's ts, "" for none; post the opening first. A cancelled caller does not cancel the post."""
        return self._answer_thread(await self.opening.post()) if self._target.opening else self._target.thread

    async def pause(self) -> None:
        """Stop the status and wait for a post under way, but change nothing."""
        await self._session.pause()
        await self.opening.pause()

    async def end(self) -> None:
        """End the status, and refund unused calls."""
        self._rest.limiter.refund(list(self._acquired.elements()))
        self._acquired.clear()
        await self._session.end(self._answer_thread(self.opening.message))

    async def remove_buttons(self, message: str) -> None:
        """Remove the buttons of a message with a pressed one."""
        channel, thread = self._target.channel, self._target.thread or message
        arguments = {"channel": channel, "ts": thread, "oldest": message, "latest": message, "inclusive": True}
        page = await self._rest.read_raw("conversations.replies", arguments)
        found = next((one for one in objects_in(page.get("messages")) if one.get("ts") == message), None)
        if found is not None:
            body = without_buttons(found, links=self._rest.links_in_edits)
            await self._rest.write(UPDATE, {"channel": channel, "ts": message, "parse": "none"} | body)

    # Slack's calls ---------------------------------------------------------------------------------------------------

    def _acquire_stream(self) -> bool:
        """Acquire the calls of a stream's beginning and end, if both are possible at once; return whether they were."""
        if not (self._may_stream and self._rest.is_available(START) and self._rest.limiter.try_acquire((START, STOP))):
            return False
        self._acquired.update((START, STOP))
        return True

    def _use_acquired(self, method: str) -> bool:
        """Use one acquired call; return whether there was one."""
        acquired = self._acquired[method] > 0
        self._acquired[method] -= acquired
        return acquired

    async def _start(self, index: int, text: str, thread: str) -> str:
        """Start a stream; return "" where Slack refuses it."""
        text_shown = streamed(self._note(index) + text)
        body: Json = {"channel": self._target.channel, "thread_ts": thread}
        body |= {"recipient_user_id": self._person, "recipient_team_id": self._target.team}
        body |= {"markdown_text": text_shown} if text_shown else {}
        self._acquired[START] -= 1
        try:
            ts = str((await self._rest.write(START, body, acquired=True))["ts"])
        except SlackRefused as error:
            log.info("An answer is not streamed: %s", error)
            self._rest.mark_unavailable(START, error)
            self._stop_streaming()
            return ""
        self._streams[index] = text_shown
        self._session.shown = True
        return ts

    async def _extend_stream(
        self, index: int, message: str, text: str, choices: Sequence[Control], *, final: bool
    ) -> bool:
        """Append to a stream, or end it.

        Return False where it cannot show `text`, because it began otherwise or is over.
        """
        noted_text, text_sent = self._note(index) + text, self._streams[index]
        full_text = harmless(noted_text, links=True) if final else streamed(noted_text)
        fits = text_sent is not None and full_text.startswith(text_sent)
        added = full_text[len(text_sent) :] if text_sent is not None and fits else ""
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
            await self._rest.write(STOP if final else APPEND, body, acquired=not final or self._use_acquired(STOP))
        except SlackRefused as error:
            log.info("A stream has ended, and an edited message shows its answer: %s", error)
            del self._streams[index]
            self._stop_streaming()
            if not final:
                await self._end_stream(message)
            return False
        if not final:
            self._streams[index] = full_text
            return True
        del self._streams[index]
        self._session.shown = not self.finishing
        return fits

    async def _end_stream(self, message: str) -> None:
        """End a stream, if the message is one: a stream accepts no edit."""
        try:
            await self._rest.write(
                STOP, {"channel": self._target.channel, "ts": message}, acquired=self._use_acquired(STOP)
            )
        except SlackRefused as error:
            log.debug("There is no stream to end: %s", error)

    async def _post(self, index: int, text: str, choices: Sequence[Control], thread: str, *, links: bool) -> str:
        """Post a part, whose rate limit is acquired already.

        A part that will be edited has links only where edits have.
        """
        links = links or self._rest.links_in_edits
        body, metadata = message_body(self._note(index) + text, choices, links=links), self._finder.metadata(index)
        message = await self._rest.post(self._target.channel, body, metadata, thread)
        self._posted.add(message)
        return message

    async def _update(self, index: int, message: str, text: str, choices: Sequence[Control], *, acquired: bool) -> None:
        body = message_body(self._note(index) + text, choices, links=self._rest.links_in_edits)
        body |= {"channel": self._target.channel, "ts": message, "parse": "none"}
        acquired = acquired or (self.finishing and self._use_acquired(UPDATE))
        await self._rest.write(UPDATE, body | {"metadata": self._finder.metadata(index)}, acquired=acquired)

    async def _replace(self, index: int, message: str, text: str, choices: Sequence[Control]) -> str:
        """Post a part once in a new message, and delete the one that accepts no edit where Slack allows it."""
        found = await self.find(Part(index, text), message, skip=message)
        if not found:
            await self._rest.limiter.acquire(rate_limits_of(POST, self._target.channel), urgent=True)
            found = await self._post(index, text, choices, await self.thread(), links=True)
        try:
            await self._rest.delete(self._target.channel, message)
        except SlackRefused as error:
            log.info("A message that accepts no edit is not deleted: %s", error)
        return found

    def _answer_thread(self, opening: str) -> str:
        """Return the thread of the answer."""
        return (opening if self._target.below else "") or self._target.thread

    def _note(self, index: int) -> str:
        return REPEATED_NOTE if index in self._uncertain else ""

    def _stop_streaming(self) -> None:
        """Post and edit all further parts."""
        self._may_stream = False
        self.appends = False
