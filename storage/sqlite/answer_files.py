"""Files of answers that are not shown yet, in a folder beside the database, since they are large and short-lived."""

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
"""The most bytes of all files together; another answer is shown, but without its files after a crash."""

LOST = "The files of this answer were lost when I was interrupted. Ask again."


class AnswerFiles:
    """The files, named by their request's number and their own. Only the owner of the process can read them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sizes: Counter[int] = Counter()
        self._unconfirmed: set[int] = set()

    async def open(self, answered: Collection[int]) -> None:
        """Find the files of an earlier run, and remove those of requests other than these, which are not shown yet."""
        self._sizes = await asyncio.to_thread(self._found)
        await self.sweep(answered)

    async def keep(self, request: int, answer: Answer) -> Answer:
        """Store an answer's files and return the answer for its row. They stay at least until `confirm`."""
        if not answer.files:
            return answer
        self._unconfirmed.add(request)
        size = sum(len(file.content) for file in answer.files)
        if self._sizes.total() + size <= MOST_BYTES:
            self._sizes[request] += size
            try:
                await asyncio.to_thread(self._write, request, [file.content for file in answer.files])
            except FileExistsError:  # the first answer is the valid one
                self._sizes[request] -= size
            except OSError as error:
                log.error("The files of the answer to request %d could not be stored: %s", request, error.strerror)
        return replace(answer, files=tuple(replace(file, content=b"") for file in answer.files))

    def confirm(self, request: int) -> None:
        """Let `sweep` remove the files: from now on the row shows whether they are needed."""
        self._unconfirmed.discard(request)

    async def load(self, request: int, answer: Answer) -> Answer:
        """Return an answer with its files, or with a note where they are lost."""
        if not answer.files or any(
            file.content for file in answer.files
        ):  # an earlier version stored contents in the row
            return answer
        contents = await asyncio.to_thread(self._read, request, len(answer.files))
        if contents is None:
            return replace(answer, files=(), notes=(*answer.notes, LOST))
        files = (replace(file, content=content) for file, content in zip(answer.files, contents, strict=True))
        return replace(answer, files=tuple(files))

    async def remove(self, request: int) -> None:
        """Remove the files of a request."""
        if request in self._sizes:
            del self._sizes[request]
            await asyncio.to_thread(self._unlink, {request})

    @property
    def has_any(self) -> bool:
        """Return whether there is any file."""
        return bool(self._sizes)

    async def sweep(self, answered: Collection[int]) -> None:
        """Remove the files of all requests except for these."""
        unneeded = self._sizes.keys() - set(answered) - self._unconfirmed
        for request in unneeded:
            del self._sizes[request]
        if unneeded:
            await asyncio.to_thread(self._unlink, unneeded)

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
