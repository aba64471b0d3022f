"""How a reply becomes platform messages: created once, edited at the platform's pace, finished.

A platform writes a `Surface` (its calls for one answer); `PacedDraft` decides which call is made when.
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
"""Messages that an answer's text has at most; the rest of it is a file."""

MOST_PARTS = 40
"""Messages of one answer, with its notes and with those that hold its files."""

FILES = 500
"""The index in the log of an answer's files; those of a second message have the next one. No part comes near it."""

FILES_IN_A_MESSAGE, MESSAGES_WITH_FILES = 10, 5

REST_OF_IT = "answer.md"
MEBIBYTE = 1 << 20

RETRY_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts to show a finished answer while the platform fails; then the core tries again later."""


class Surface(Protocol):
    """A platform's calls for one answer. All may raise PlatformError; Forbidden and Gone are never retried."""

    limit: int
    """UTF-16 units that one part may hold."""

    appends: bool
    """Whether previews are raw prefixes of the answer (native streams) and not whole, balanced texts."""

    largest: int
    """Bytes that one file may have."""

    room: int
    """Bytes that the files of one message may have together."""

    async def create(self, index: int, text: str, choices: Sequence[Control], *, final: bool) -> str:
        """Send part `index` for the first time and return its message id."""

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Control], *, final: bool) -> str | None:
        """Make the part show `text` and `choices`. A final edit is a part's last.

        Where the message takes no edit any more and another one shows the part now, that one's id.
        """

    async def find(self, part: Part, after: str) -> str:
        """The message id of a part that may have been sent after message `after`; "" when it surely was not."""

    async def upload(self, index: int, message: str, files: Sequence[File]) -> str:
        """Show files in or after part `index`, which is `message`; the id of the message that holds them."""

    async def delete(self, message: str) -> None:
        """Remove a part that the answer no longer needs."""

    async def status(self, status: Status | None) -> None:
        """Show that the bot is at work, or, with None, that it is not."""

    def budgets(self, kind: CallKind) -> Sequence[str]:
        """The limiter's budgets that a call spends."""


@dataclass(frozen=True, slots=True)
class ShownPart:
    """What the platform shows of one part; `text` is None while that is unknown."""

    message: str
    text: str | None = None
    choices: tuple[Control, ...] = ()
    final: bool = False


class PacedDraft(Draft):
    """A draft on a Surface: one call at a time, newest text wins, stale edits are skipped."""

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
        self._pieces: list[str] = []
        self._notes: list[str] = []
        self._choices: tuple[Control, ...] = ()
        self._status: Status | None = None
        self._shown_status: Status | None = None
        self._sent = {part.index: part for part in draft_log.parts}
        self._shown = {part.index: ShownPart(part.message) for part in draft_log.parts if part.message}
        self._changed = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._call: asyncio.Task[None] | None = None

    def write(self, chunk: Chunk) -> None:
        match chunk:
            case Text(text):
                self._pieces.append(text)
            case Note(text):
                self._notes.append(text)
            case Choices(choices):
                self._choices = choices
            case Status():
                self._status = chunk
            case _:
                return
        self._changed.set()
        if self._pump is None:
            self._pump = asyncio.create_task(self._draw_previews())

    async def finish(self, answer: Answer) -> None:
        """Make the platform show exactly `answer`. Raises PlatformError or StoreError when that fails for long."""
        await self.abandon()
        answer = self._fitting(answer)
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
                log.warning("An answer could not be shown (%s); trying again in %.1f s", error, delay)
                await asyncio.sleep(delay)

    async def abandon(self) -> None:
        """Stop drawing. A call that is under way is waited for, so that its outcome is known."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
            self._pump = None
        if self._call is not None:
            await asyncio.wait([self._call])

    async def _show(self, answer: Answer) -> None:
        """All calls that it takes to show `answer`; files that the platform refuses become a note."""
        while await self._step(answer, final=True):
            pass
        parts = len(self._parts(answer, final=True))
        await self._delete_surplus(parts)
        try:
            await self._show_files(answer.files, parts - 1)
        except (Forbidden, Gone) as error:
            note = f"{', '.join(file.name for file in answer.files)} cannot be shown: {error.message}"
            await self._show(replace(answer, files=(), notes=(*answer.notes, note)))

    async def _draw_previews(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._set_status(None if self._pieces else self._status)
                while await self._step(self._preview(), final=False):
                    pass
            except (Forbidden, Gone) as error:
                log.warning("Previews stop: %s", error)  # finish() will report it
                return
            except (PlatformError, StoreError) as error:
                log.info("A preview is skipped: %s", error)

    def _preview(self) -> Answer:
        """The answer so far; until there is text, the words for a queue or a long wait are, and what follows them."""
        text, status = "".join(self._pieces), self._status
        if not text and not self._notes and status and not self._surface.appends:
            drawn = self._shown.get(0)
            if status.position or status.long or (drawn and drawn.text is not None):
                text = f"_{status.text}_"
        if not text:
            return Answer("", tuple(self._notes), self._choices if self._notes else ())
        return Answer(text, tuple(self._notes), self._choices)

    def _parts(self, answer: Answer, *, final: bool) -> list[str]:
        """The texts of the messages; files that do not fit into the last one come in further ones, which name them."""
        limit = self._surface.limit
        if not final and self._surface.appends:
            return split_off(answer.text, limit, TEXT_PARTS, balanced=False)[0]
        text = answer.text if final else hold_back(answer.text[: self._fits(answer.text)])
        named = ["\n".join(file.name for file in group) for group in self._grouped(answer.files)]
        if not text.strip() and not answer.notes:
            text = "".join(named[:1])
        notes = "\n\n".join("\n".join(f"> {line}" for line in note.splitlines()) for note in answer.notes)
        whole = "\n\n".join(filter(None, (balance(text), notes)))
        return split_off(whole, limit, MOST_PARTS - MESSAGES_WITH_FILES)[0] + named[1:]

    async def _step(self, answer: Answer, *, final: bool) -> bool:
        """Make the one call that the platform needs most; False when it shows `answer` already.

        While previewing, the text is read again after the wait for a slot, so that the newest is sent.
        """
        index = self._next(answer, final=final)
        if index is None:
            return False
        kind: CallKind = "edit" if index in self._shown else "create"
        await self._limiter.turn(self._surface.budgets(kind), urgent=final, begins=kind == "create")
        newest = answer if final else self._preview()
        parts = self._parts(newest, final=final)
        if index >= len(parts):
            return True
        choices = newest.choices if index == len(parts) - 1 else ()
        wanted = (parts[index], choices, final or index < len(parts) - 1)
        self._call = asyncio.create_task(self._send(index, *wanted))
        await asyncio.shield(self._call)  # cancelled or not, the call's outcome is kept
        return True

    def _next(self, answer: Answer, *, final: bool) -> int | None:
        """The first part that the platform does not show as it should."""
        parts = self._parts(answer, final=final)
        for index, text in enumerate(parts):
            last = index == len(parts) - 1
            shown = self._shown.get(index)
            if shown is None or (shown.text, shown.choices) != (text, answer.choices if last else ()):
                return index
            if final and not shown.final:
                return index
        return None

    async def _send(self, index: int, text: str, choices: tuple[Control, ...], final: bool) -> None:
        if index not in self._shown and index in self._sent:
            await self._look_for(index)
        shown = self._shown.get(index)
        if shown is not None:
            message = await self._surface.edit(index, shown.message, text, choices, final=final) or shown.message
            if message != shown.message:
                await self._log.created(index, message)
        else:
            if index not in self._sent:
                await self._log.creating(index, text)
                self._sent[index] = Part(index, text)
            message = await self._surface.create(index, text, choices, final=final)
            await self._log.created(index, message)
        self._shown[index] = ShownPart(message, text, choices, final)

    def _fits(self, text: str) -> int:
        """How many characters of the text of an answer are shown as messages."""
        if len(text) <= self._surface.limit * TEXT_PARTS // 5:  # no part holds less, whatever its characters are
            return len(text)
        return len(text) - len(split_off(text, self._surface.limit, TEXT_PARTS)[1])

    def _fitting(self, answer: Answer) -> Answer:
        """`answer` as the platform takes it, with a note about what is a file instead, or not shown."""
        largest, fitting, notes = self._surface.largest, list[File](), list(answer.notes)
        end = self._fits(answer.text)
        text, rest = answer.text[:end], answer.text[end:]
        files = answer.files
        if rest.strip():
            fence = open_fence(text)
            rest = f"{fence.line}\n{rest}" if fence else rest
            files = (File(REST_OF_IT, rest.encode(errors="replace"), "The rest of the answer"), *files)
            notes.append(f"The answer is longer than {TEXT_PARTS} messages: the rest of it is in {REST_OF_IT}.")
        for file in files:
            size = len(file.content) / MEBIBYTE
            if len(file.content) > largest:
                notes.append(f"{file.name} has {size:.1f} MiB and is not shown: a file may have {largest >> 20} MiB.")
            elif len(self._grouped((*fitting, file))) > MESSAGES_WITH_FILES:
                notes.append(f"{file.name} is not shown: there are too many files.")
            else:
                fitting.append(file)
        return replace(answer, text=text, files=tuple(fitting), notes=tuple(notes))

    def _grouped(self, files: Sequence[File]) -> list[tuple[File, ...]]:
        """The files that go into one message, and those that go into further ones."""
        groups: list[tuple[File, ...]] = []
        for file in files:
            held = sum(len(one.content) for one in groups[-1]) if groups else 0
            if not groups or held + len(file.content) > self._surface.room or len(groups[-1]) == FILES_IN_A_MESSAGE:
                groups.append(())
            groups[-1] = (*groups[-1], file)
        return groups

    async def _show_files(self, files: Sequence[File], last: int) -> None:
        """Send the files once; what may have been sent is looked for."""
        groups = self._grouped(files)
        for number, group in enumerate(groups):
            await self._show_group(FILES + number, group, last + 1 - len(groups) + number)

    async def _show_group(self, key: int, files: Sequence[File], part: int) -> None:
        if key in self._sent and key not in self._shown:
            await self._look_for(key)
        if key in self._shown:
            return
        await self._limiter.turn(self._surface.budgets("upload"), urgent=True)
        if key not in self._sent:
            names = "\n".join(file.name for file in files)
            await self._log.creating(key, names)
            self._sent[key] = Part(key, names)
        message = await self._surface.upload(part, self._shown[part].message, files)
        await self._log.created(key, message)
        self._shown[key] = ShownPart(message)

    async def _look_for(self, index: int) -> None:
        """A part was about to be sent when something broke: find out whether it arrived before sending it again."""
        before = self._shown.get(index - 1)
        message = await self._surface.find(self._sent[index], before.message if before else "")
        if message:
            await self._log.created(index, message)
            self._shown[index] = ShownPart(message)

    async def _delete_surplus(self, count: int) -> None:
        for index in sorted(self._sent):
            if index < count or index >= FILES:
                continue
            if index not in self._shown:
                await self._look_for(index)
            shown = self._shown.pop(index, None)
            if shown is not None:
                await self._surface.delete(shown.message)

    async def _set_status(self, status: Status | None) -> None:
        if status != self._shown_status:
            self._shown_status = status
            await self._surface.status(status)
