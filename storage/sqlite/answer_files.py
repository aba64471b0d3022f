"""The files of answers that are not shown yet, in a folder beside the database: they are large, and soon gone again."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from bot.interfaces.replies import Answer

log = logging.getLogger(__name__)

MOST_BYTES = 64 << 20
"""The most that all of them may take of the disk; a further answer is shown, but after a crash without its files."""

LOST = "The files of this answer were lost when I was interrupted: ask again."


class AnswerFiles:
    """The files, each named by its request's number and its own. Only their owner can read them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: Counter[int] = Counter()
        self._coming: set[int] = set()

    async def open(self, answered: Collection[int]) -> None:
        """Find the files of an earlier run, and remove those of requests other than these, which are not shown yet."""
        self._held = await asyncio.to_thread(self._found)
        await self.sweep(answered)

    async def keep(self, request: int, answer: Answer) -> Answer:
        """Keep an answer's files and return the answer for its row. Until `came` nothing sweeps them away."""
        if not answer.files:
            return answer
        self._coming.add(request)
        size = sum(len(file.content) for file in answer.files)
        if self._held.total() + size <= MOST_BYTES:
            self._held[request] += size
            try:
                await asyncio.to_thread(self._write, request, [file.content for file in answer.files])
            except FileExistsError:  # an answer that was given before stands
                self._held[request] -= size
            except OSError as error:
                log.error("The files of the answer to request %d cannot be kept: %s", request, error.strerror)
        return replace(answer, files=tuple(replace(file, content=b"") for file in answer.files))

    def came(self, request: int) -> None:
        """Let the files be swept again: from now on the row shows whether the answer stands."""
        self._coming.discard(request)

    async def restored(self, request: int, answer: Answer) -> Answer:
        """Return an answer with its files, or with a note where they are lost."""
        if not answer.files or any(file.content for file in answer.files):  # kept in the row by an earlier version
            return answer
        contents = await asyncio.to_thread(self._read, request, len(answer.files))
        if contents is None:
            return replace(answer, files=(), notes=(*answer.notes, LOST))
        files = (replace(file, content=content) for file, content in zip(answer.files, contents, strict=True))
        return replace(answer, files=tuple(files))

    async def remove(self, request: int) -> None:
        """Remove the files of a request."""
        if request in self._held:
            del self._held[request]
            await asyncio.to_thread(self._unlink, {request})

    @property
    def held(self) -> bool:
        """Return whether there is any file."""
        return bool(self._held)

    async def sweep(self, answered: Collection[int]) -> None:
        """Remove the files of all requests except for these."""
        unwanted = self._held.keys() - set(answered) - self._coming
        for request in unwanted:
            del self._held[request]
        if unwanted:
            await asyncio.to_thread(self._unlink, unwanted)

    def _path(self, request: int, number: int) -> Path:
        return self._folder / f"{request}-{number}"

    def _found(self) -> Counter[int]:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        found: Counter[int] = Counter()
        for path in self._folder.iterdir():
            request, _, number = path.name.partition("-")
            if request.isdecimal() and number.isdecimal():
                found[int(request)] += path.stat().st_size
        return found

    def _write(self, request: int, contents: Sequence[bytes]) -> None:
        for number, content in enumerate(contents):
            handle = os.open(self._path(request, number), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())

    def _read(self, request: int, count: int) -> Sequence[bytes] | None:
        try:
            return [self._path(request, number).read_bytes() for number in range(count)]
        except OSError:
            return None

    def _unlink(self, requests: Collection[int]) -> None:
        for path in self._folder.iterdir():
            name = path.name.partition("-")[0]
            if name.isdecimal() and int(name) in requests:
                path.unlink(missing_ok=True)
