"""Which models are loaded: within a budget of memory, and the least recently used goes first. No torch here."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from bot.inference.errors import InferenceError

GB = 1e9


class LoadedEntry(Protocol):
    """What stands on the shelf."""

    def unload(self) -> None:
        """Forget everything; it is in nobody's hands."""


class MemoryManager:
    """Books in use stay; the others are taken down where one that is wanted needs their room. Thread-safe.

    `limit` says how many bytes they may take on a device; `release` gives memory back that was freed.
    """

    def __init__(self, limit: Callable[[str], int], release: Callable[[], None]) -> None:
        self.limit = limit
        self._release = release
        self._changed = threading.Condition()
        self._standing: dict[LoadedEntry, tuple[str, int]] = {}  # the least recently used first
        self._in_use: Counter[LoadedEntry] = Counter()
        self._claims: list[tuple[LoadedEntry, str]] = []
        self._doomed: set[LoadedEntry] = set()

    def hold(self, book: LoadedEntry) -> bool:
        """Begin to use a book, unless it must be fetched first. Others who wait for its room go before."""
        with self._changed:
            self._changed.wait_for(lambda: book not in self._standing or not self._wanted(book))
            if book not in self._standing:
                return False
            self._in_use[book] += 1
            self._standing[book] = self._standing.pop(book)
            return True

    def make_room(self, book: LoadedEntry, device: str, need: int, tell: Callable[[str], None]) -> None:
        """Reserve `need` bytes for a book that is used from now on, as soon as there is room. Raises Failure."""
        limit = self.limit(device)
        if need > limit:
            words = f"This model needs {need / GB:.1f} GB of memory, and {limit / GB:.1f} GB are set aside for models."
            raise InferenceError("too-big", f"{words} Choose a smaller one or raise memory_gb.")
        claim = (book, device)
        with self._changed:
            self._claims.append(claim)
            at_once = self._may_have(claim, need, limit)
        if not at_once:
            tell("Waiting until other models are free")
        with self._changed:
            self._changed.wait_for(lambda: self._may_have(claim, need, limit))
            self._claims.remove(claim)
            self._standing[book] = (device, need)
            self._in_use[book] += 1
            self._changed.notify_all()

    def _may_have(self, claim: tuple[LoadedEntry, str], need: int, limit: int) -> bool:
        """Whether it is this claim's turn and there is room, which is made."""
        if self._claims[0] != claim:
            return False
        sizes = [size for where, size in self._standing.values() if where == claim[1]]
        taken = sum(sizes)
        for book, (where, size) in list(self._standing.items()):
            if taken + need > limit and where == claim[1] and not self._in_use[book]:
                self._take_down(book)
                taken -= size
        return taken + need <= limit

    def _take_down(self, book: LoadedEntry) -> None:
        del self._standing[book]
        self._doomed.discard(book)
        book.unload()
        self._release()

    def measured(self, book: LoadedEntry, size: int) -> None:
        """It takes so much in fact."""
        with self._changed:
            self._standing[book] = (self._standing[book][0], size)

    def let_go(self, book: LoadedEntry) -> None:
        """A user of the book is done with it."""
        with self._changed:
            self._in_use[book] -= 1
            if book in self._doomed and not self._in_use[book]:
                self._take_down(book)
            self._changed.notify_all()

    def remove(self, book: LoadedEntry) -> None:
        """Take a book down, once nobody uses it."""
        with self._changed:
            if book in self._standing:
                self._doomed.add(book)
                if not self._in_use[book]:
                    self._take_down(book)
                self._changed.notify_all()

    def wanted(self, book: LoadedEntry) -> bool:
        """Whether somebody waits for this book's room, or it is to go: then no new work is begun with it."""
        with self._changed:
            return self._wanted(book)

    def _wanted(self, book: LoadedEntry) -> bool:
        device = self._standing.get(book, ("", 0))[0]
        return book in self._doomed or any(where == device for _, where in self._claims)

    @property
    def order(self) -> list[LoadedEntry]:
        """What stands there, the least recently used first."""
        with self._changed:
            return list(self._standing)
