"""Drafts as platform messages: created once, edited within the platform's rate limits, finished.

A platform implements `Surface`, its calls for one answer. `PacedDraft` decides which call is made at which moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias

from adapters.shared.message_split import balance, hold_back, open_fence, split_off
from adapters.shared.rate_limiter import RateLimiter
from bot.interfaces.adapter import Draft, DraftLog
from bot.interfaces.errors import Forbidden, Gone, PlatformError, StoreError
from bot.interfaces.replies import Answer, Choice, Choices, Chunk, File, Menu, Note, Part, Status, Text

log = logging.getLogger(__name__)

CallKind = Literal["create", "edit", "upload"]
Control: TypeAlias = Choice | Menu

TEXT_PARTS = 24
"""The most messages for the text of an answer; a file holds the rest."""

MOST_PARTS = 40
"""The most messages of an answer, with its notes and files."""

FILES = 500
"""The index of an answer's first message with files in the log, far above every index of a text."""

FILES_IN_A_MESSAGE, MESSAGES_WITH_FILES = 10, 5

REST_FILE = "answer.md"
MEBIBYTE = 1 << 20

RETRY_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts to show a finished answer while the platform fails; after them the core tries again."""


class Surface(Protocol):
    """A platform's calls for one answer. All may raise PlatformError; Forbidden and Gone are not retried."""

    limit: int
    """The most UTF-16 units of a part."""

    appends: bool
    """True where previews are raw beginnings of the answer (native streams), False where they are balanced texts."""

    largest: int
    """The most bytes of a file."""

    room: int
    """The most bytes of all files of a message."""

    async def create(self, index: int, text: str, choices: Sequence[Control], *, final: bool) -> str:
        """Send part `index` for the first time; return its message id."""

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Control], *, final: bool) -> str | None:
        """Make a part show `text` and `choices`; a `final` edit is the last one.

        Return another message's id where the old message takes no edit and the other one shows the part now.
        """

    async def find(self, part: Part, after: str) -> str:
        """Return the id of a part that may have been sent after message `after`; "" where it was certainly not sent."""

    async def upload(self, index: int, message: str, files: Sequence[File]) -> str:
        """Show files in or after part `index`, which is `message`; return the id of the message with the files."""

    async def delete(self, message: str) -> None:
        """Delete a part that the answer no longer has."""

    async def status(self, status: Status | None) -> None:
        """Show that the bot is working; with None, end that."""

    def rate_limits(self, kind: CallKind) -> Sequence[str]:
        """Return the names of the rate limits that a call counts against."""


@dataclass(frozen=True, slots=True)
class ShownPart:
    """A part as the platform shows it; `text` is None while that is unknown."""

    message: str
    text: str | None = None
    choices: tuple[Control, ...] = ()
    final: bool = False


class PacedDraft(Draft):
    """A draft on a Surface: one call at a time, the newest text first; outdated edits are skipped."""

    def __init__(
        self,
        surface: Surface,
        draft_log: DraftLog,
        limiter: RateLimiter,
        retries: Sequence[float] = RETRY_DELAYS,
    ) -> None:
        self._surface = surface
        self._log = draft_log
        self._limiter = limiter
        self._retries = retries
        self._texts: list[str] = []
        self._notes: list[str] = []
        self._choices: tuple[Control, ...] = ()
        self._status: Status | None = None
        self._shown_status: Status | None = None
        self._sent = {part.index: part for part in draft_log.parts}
        self._shown_parts = {part.index: ShownPart(part.message) for part in draft_log.parts if part.message}
        self._changed = asyncio.Event()
        self._preview_task: asyncio.Task[None] | None = None
        self._call: asyncio.Task[None] | None = None

    def write(self, chunk: Chunk) -> None:
        match chunk:
            case Text(text):
                self._texts.append(text)
            case Note(text):
                self._notes.append(text)
            case Choices(choices):
                self._choices = choices
            case Status():
                self._status = chunk
            case _:
                return
        self._changed.set()
        if self._preview_task is None:
            self._preview_task = asyncio.create_task(self._show_previews())

    async def finish(self, answer: Answer) -> None:
        """Make the platform show exactly `answer`. Raises PlatformError or StoreError after the last retry."""
        await self.abandon()
        answer = self._within_limits(answer)
        for delay in (*self._retries, None):
            try:
                await self._set_status(None)
                await self._show(answer)
                return
            except (Forbidden, Gone):
                raise
            except (PlatformError, StoreError) as error:
                if delay is None:
                    raise
                log.warning("An answer cannot be shown (%s); the next attempt is in %.1f s", error, delay)
                await asyncio.sleep(delay)

    async def abandon(self) -> None:
        """Stop the previews and wait for a call that is under way, so that its outcome is known."""
        if self._preview_task is not None:
            self._preview_task.cancel()
            await asyncio.wait([self._preview_task])
            self._preview_task = None
        if self._call is not None:
            await asyncio.wait([self._call])

    async def _show(self, answer: Answer) -> None:
        """Make all calls that show `answer`; files that the platform refuses become a note."""
        while await self._step(answer, final=True):
            pass
        parts = len(self._parts(answer, final=True))
        await self._delete_surplus(parts)
        try:
            await self._show_files(answer.files, parts - 1)
        except (Forbidden, Gone) as error:
            note = f"{', '.join(file.name for file in answer.files)} can't be shown: {error.message}"
            await self._show(replace(answer, files=(), notes=(*answer.notes, note)))

    async def _show_previews(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._set_status(None if self._texts else self._status)
                while await self._step(self._preview(), final=False):
                    pass
            except (Forbidden, Gone) as error:
                log.warning("Previews of an answer stop: %s", error)  # finish() reports the error
                return
            except (PlatformError, StoreError) as error:
                log.info("A preview of an answer is skipped: %s", error)

    def _preview(self) -> Answer:
        """Return the answer so far. Before the first text, it is the status of a queue or of a long wait."""
        text, status = "".join(self._texts), self._status
        if not text and not self._notes and status and not self._surface.appends:
            first = self._shown_parts.get(0)
            if status.position or status.long or (first and first.text is not None):
                text = f"_{status.text}_"
        if not text:
            return Answer("", tuple(self._notes), self._choices if self._notes else ())
        return Answer(text, tuple(self._notes), self._choices)

    def _parts(self, answer: Answer, *, final: bool) -> list[str]:
        """Return the text of each message.

        Files that do not fit into the last message get further ones with their names.
        """
        limit = self._surface.limit
        if not final and self._surface.appends:
            return split_off(answer.text, limit, TEXT_PARTS, balanced=False)[0]
        text = answer.text if final else hold_back(answer.text[: self._fitting_length(answer.text)])
        named = ["\n".join(file.name for file in group) for group in self._file_groups(answer.files)]
        if not text.strip() and not answer.notes:
            text = "".join(named[:1])
        notes = "\n\n".join("\n".join(f"> {line}" for line in note.splitlines()) for note in answer.notes)
        whole = "\n\n".join(filter(None, (balance(text), notes)))
        return split_off(whole, limit, MOST_PARTS - MESSAGES_WITH_FILES)[0] + named[1:]

    async def _step(self, answer: Answer, *, final: bool) -> bool:
        """Make the most urgent call; return False when the platform shows `answer` already.

        A preview is computed again after the wait for the rate limit, so that the newest text is sent.
        """
        index = self._next(answer, final=final)
        if index is None:
            return False
        kind: CallKind = "edit" if index in self._shown_parts else "create"
        await self._limiter.acquire(self._surface.rate_limits(kind), urgent=final, begins=kind == "create")
        newest = answer if final else self._preview()
        parts = self._parts(newest, final=final)
        if index >= len(parts):
            return True
        choices = newest.choices if index == len(parts) - 1 else ()
        is_final = final or index < len(parts) - 1
        self._call = asyncio.create_task(self._send(index, parts[index], choices, is_final))
        await asyncio.shield(self._call)  # a cancelled preview does not cancel its call
        return True

    def _next(self, answer: Answer, *, final: bool) -> int | None:
        """Return the index of the first part that differs from the answer; None where no part does."""
        parts = self._parts(answer, final=final)
        for index, text in enumerate(parts):
            last = index == len(parts) - 1
            shown_part = self._shown_parts.get(index)
            if shown_part is None or (shown_part.text, shown_part.choices) != (text, answer.choices if last else ()):
                return index
            if final and not shown_part.final:
                return index
        return None

    async def _send(self, index: int, text: str, choices: tuple[Control, ...], final: bool) -> None:
        if index not in self._shown_parts and index in self._sent:
            await self._find_sent(index)
        shown_part = self._shown_parts.get(index)
        if shown_part is not None:
            message = (
                await self._surface.edit(index, shown_part.message, text, choices, final=final) or shown_part.message
            )
            if message != shown_part.message:
                await self._log.created(index, message)
        else:
            if index not in self._sent:
                await self._log.creating(index, text)
                self._sent[index] = Part(index, text)
            message = await self._surface.create(index, text, choices, final=final)
            await self._log.created(index, message)
        self._shown_parts[index] = ShownPart(message, text, choices, final)

    def _fitting_length(self, text: str) -> int:
        """Return the number of characters of an answer's text that its messages hold."""
        if len(text) <= self._surface.limit * TEXT_PARTS // 5:  # a part holds at least a fifth of its limit
            return len(text)
        return len(text) - len(split_off(text, self._surface.limit, TEXT_PARTS)[1])

    def _within_limits(self, answer: Answer) -> Answer:
        """Return `answer` within the platform's limits, with a note for each text or file that is moved or left out."""
        largest, kept, notes = self._surface.largest, list[File](), list(answer.notes)
        end = self._fitting_length(answer.text)
        text, rest = answer.text[:end], answer.text[end:]
        files = answer.files
        if rest.strip():
            fence = open_fence(text)
            rest = f"{fence.line}\n{rest}" if fence else rest
            files = (File(REST_FILE, rest.encode(errors="replace"), "The rest of the answer"), *files)
            notes.append(f"The answer is longer than {TEXT_PARTS} messages. The rest is in {REST_FILE}.")
        for file in files:
            size = len(file.content) / MEBIBYTE
            if len(file.content) > largest:
                notes.append(f"{file.name} has {size:.1f} MiB and is not shown: the limit is {largest >> 20} MiB.")
            elif len(self._file_groups((*kept, file))) > MESSAGES_WITH_FILES:
                notes.append(f"{file.name} is not shown: the answer has too many files. Ask for fewer at a time.")
            else:
                kept.append(file)
        return replace(answer, text=text, files=tuple(kept), notes=tuple(notes))

    def _file_groups(self, files: Sequence[File]) -> list[tuple[File, ...]]:
        """Return the files of each message."""
        groups: list[tuple[File, ...]] = []
        for file in files:
            used = sum(len(one.content) for one in groups[-1]) if groups else 0
            if not groups or used + len(file.content) > self._surface.room or len(groups[-1]) == FILES_IN_A_MESSAGE:
                groups.append(())
            groups[-1] = (*groups[-1], file)
        return groups

    async def _show_files(self, files: Sequence[File], last: int) -> None:
        """Send the files once: look for a message that may have been sent."""
        groups = self._file_groups(files)
        for number, group in enumerate(groups):
            await self._show_group(FILES + number, group, last + 1 - len(groups) + number)

    async def _show_group(self, key: int, files: Sequence[File], part: int) -> None:
        if key in self._sent and key not in self._shown_parts:
            await self._find_sent(key)
        if key in self._shown_parts:
            return
        await self._limiter.acquire(self._surface.rate_limits("upload"), urgent=True)
        if key not in self._sent:
            names = "\n".join(file.name for file in files)
            await self._log.creating(key, names)
            self._sent[key] = Part(key, names)
        message = await self._surface.upload(part, self._shown_parts[part].message, files)
        await self._log.created(key, message)
        self._shown_parts[key] = ShownPart(message)

    async def _find_sent(self, index: int) -> None:
        """Find out whether a part arrived whose sending was interrupted, before it is sent again."""
        before = self._shown_parts.get(index - 1)
        message = await self._surface.find(self._sent[index], before.message if before else "")
        if message:
            await self._log.created(index, message)
            self._shown_parts[index] = ShownPart(message)

    async def _delete_surplus(self, count: int) -> None:
        for index in sorted(self._sent):
            if index < count or index >= FILES:
                continue
            if index not in self._shown_parts:
                await self._find_sent(index)
            shown_part = self._shown_parts.pop(index, None)
            if shown_part is not None:
                await self._surface.delete(shown_part.message)

    async def _set_status(self, status: Status | None) -> None:
        if status != self._shown_status:
            self._shown_status = status
            await self._surface.status(status)
