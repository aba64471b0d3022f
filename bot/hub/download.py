"""Download of one file from the Hub, which resumes after an interruption and checks the file's hash.

huggingface_hub's own download starts over after an interruption and compares only sizes.
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
"""Seconds before each retry. The series begins again after an attempt that brought bytes."""

LONGEST_RETRY_AFTER = 60.0
"""Longest Retry-After, in seconds, that the download waits for; a longer one ends it."""

_CHUNK = 1 << 18
"""Bytes that are hashed at a time."""


class WrongBytesError(Exception):
    """A file does not match its hash, or its path leads out of the folder; the message is the path."""


class BusyError(Exception):
    """The server asks for a retry later; `after` is in seconds, None if it does not state a time."""

    def __init__(self, after: float | None) -> None:
        super().__init__("the server asks for a retry later")
        self.after = after


class FileResponse(Protocol):
    """A response with the bytes of a file, from an offset to the end."""

    @property
    def offset(self) -> int:
        """The index of the first byte of the response in the file; -1 for a requested offset beyond the end."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes as they arrive. Raises httpx2.HTTPError for a connection that breaks off."""


Open = Callable[[str, int], AbstractContextManager[FileResponse]]
"""Requests a file's bytes from an offset on; a server that ignores ranges answers from 0 on.

Raises BusyError or httpx2.TransportError for a failure that a retry may cure; any other error is final.
"""


class Download:
    """A download of one file to `target`. `on_bytes` gets the bytes added, or a negative number for bytes removed."""

    def __init__(self, file: RemoteFile, target: Path, open_file: Open, on_bytes: Callable[[int], None]) -> None:
        self._file = file
        self._target = target
        self._part = target.with_name(f"{target.name}.part")
        self._open = open_file
        self._on_bytes = on_bytes
        self._have = 0

    def run(self) -> None:
        """Download until the file is complete and its hash is right.

        Raises WrongBytesError, or the last error of the connection after all retries.
        """
        if self._target.exists():
            self._on_bytes(self._file.size)
            return
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._have = self._part.stat().st_size if self._part.exists() else 0
        self._on_bytes(self._have)
        resumed = bool(self._have)
        self._fill()
        if resumed and not self._is_right():  # the part of an earlier attempt may be wrong: try once without it
            self._start_over()
            self._fill()
        if not self._is_right():
            self._start_over()
            raise WrongBytesError(self._file.path)
        self._part.rename(self._target)

    def _fill(self) -> None:
        """Request the missing bytes, with retries. Raises the error of the last retry."""
        failures = 0
        self._part.touch()
        while self._have < self._file.size:
            before = self._have
            try:
                self._request()
            except (httpx2.TransportError, BusyError) as error:
                failures = 0 if self._have > before else failures
                pause = self._pause(error, failures)
                if pause is None:
                    raise
                time.sleep(pause)
                failures += 1

    def _pause(self, error: Exception, failures: int) -> float | None:
        """Return the seconds to wait after a failure; None to give up."""
        if failures >= len(PAUSES):
            return None
        if isinstance(error, BusyError) and error.after is not None:
            return error.after if error.after <= LONGEST_RETRY_AFTER else None
        return PAUSES[failures]

    def _request(self) -> None:
        """Append the bytes of one response to the part. Raises httpx2.RemoteProtocolError for a response too short."""
        with self._open(self._file.path, self._have) as response:
            if response.offset != self._have:
                self._start_over()
            # without a buffer: this process may be killed at any moment, and the next one resumes from the part
            with self._part.open("ab", buffering=0) as part:
                for chunk in response.chunks():
                    part.write(chunk)
                    self._count(len(chunk))
                    if self._have > self._file.size:
                        return
        if self._have < self._file.size:
            raise httpx2.RemoteProtocolError("The response is shorter than the file.")

    def _start_over(self) -> None:
        self._part.write_bytes(b"")
        self._count(-self._have)

    def _count(self, more: int) -> None:
        self._have += more
        self._on_bytes(more)

    def _is_right(self) -> bool:
        """Return True if the part has the file's size and hash."""
        kind, _, expected = self._file.hash.partition(":")
        digest = hashlib.sha256() if kind == "sha256" else hashlib.sha1(usedforsecurity=False)
        if kind == "git":  # git hashes a header before the content
            digest.update(f"blob {self._file.size}\0".encode())
        with self._part.open("rb") as part:
            while chunk := part.read(_CHUNK):
                digest.update(chunk)
        return self._have == self._file.size and digest.hexdigest() == expected
