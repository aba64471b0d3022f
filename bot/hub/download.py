"""One file from the Hub: what is there already is kept, what breaks off goes on, and every byte is checked.

huggingface_hub's own download begins anew after an interruption and compares sizes alone, hence this one.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import httpx2

from bot.hub.protocol import RemoteFile

PAUSES = (0.0, 0.5, 2.0, 4.0, 8.0)
"""Seconds before each new attempt, counted from the last byte that came."""

PATIENCE = 60.0
"""The longest Retry-After that is waited for, in seconds."""

_CHUNK = 1 << 18


class WrongBytesError(Exception):
    """A file is not what its repository says."""


class BusyError(Exception):
    """The server asks to come back later; `after` is in seconds, None where it does not say."""

    def __init__(self, after: float | None) -> None:
        super().__init__("asked to come back later")
        self.after = after


class FileResponse(Protocol):
    """The beginning of a file's bytes, or of what is left of them."""

    @property
    def offset(self) -> int:
        """Where they begin."""

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they come. Raises httpx2.HTTPError where they break off."""


Open = Callable[[str, int], AbstractContextManager[FileResponse]]
"""Asks for a file's bytes from an offset on; the answer may begin at 0 all the same.

Raises BusyError, httpx2.TransportError, or what no further attempt would change.
"""


class Download:
    """Fetches one file to `target`. `grown` is told how many bytes more, or fewer, there are."""

    def __init__(self, file: RemoteFile, target: Path, open_file: Open, grown: Callable[[int], None]) -> None:
        self._file = file
        self._target = target
        self._part = target.with_name(f"{target.name}.part")
        self._open = open_file
        self._grown = grown
        self._have = 0

    def run(self) -> None:
        """Until every byte is there and right."""
        if self._target.exists():
            self._grown(self._file.size)
            return
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._have = self._part.stat().st_size if self._part.exists() else 0
        self._grown(self._have)
        resumed = bool(self._have)
        self._fill()
        if resumed and not self._is_right():  # it may be the old half that is wrong
            self._begin_anew()
            self._fill()
        if not self._is_right():
            self._begin_anew()
            raise WrongBytesError(self._file.path)
        self._part.rename(self._target)

    def _fill(self) -> None:
        """Ask again and again for what is missing, while that brings anything."""
        failures = 0
        self._part.touch()
        while self._have < self._file.size:
            before = self._have
            try:
                self._ask()
            except (httpx2.TransportError, BusyError) as error:
                failures = 0 if self._have > before else failures
                pause = self._pause(error, failures)
                if pause is None:
                    raise
                time.sleep(pause)
                failures += 1

    def _pause(self, error: Exception, failures: int) -> float | None:
        """How long to wait after a failure; None to give up."""
        if failures >= len(PAUSES):
            return None
        if isinstance(error, BusyError) and error.after is not None:
            return error.after if error.after <= PATIENCE else None
        return PAUSES[failures]

    def _ask(self) -> None:
        with self._open(self._file.path, self._have) as answer:
            if answer.offset != self._have:
                self._begin_anew()
            with self._part.open("ab", buffering=0) as part:  # this process may be ended at any moment
                for chunk in answer.chunks():
                    part.write(chunk)
                    self._count(len(chunk))
                    if self._have > self._file.size:
                        return
        if self._have < self._file.size:
            raise httpx2.RemoteProtocolError("The file ended before its end.")

    def _begin_anew(self) -> None:
        self._part.write_bytes(b"")
        self._count(-self._have)

    def _count(self, more: int) -> None:
        self._have += more
        self._grown(more)

    def _is_right(self) -> bool:
        """Whether the bytes come to the file's hash."""
        kind, _, wanted = self._file.hash.partition(":")
        digest = hashlib.sha256() if kind == "sha256" else hashlib.sha1(usedforsecurity=False)
        if kind == "git":
            digest.update(f"blob {self._file.size}\0".encode())
        with self._part.open("rb") as part:
            while chunk := part.read(_CHUNK):
                digest.update(chunk)
        return self._have == self._file.size and digest.hexdigest() == wanted
