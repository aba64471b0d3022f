"""Management of the memory for loaded models: the least recently used is unloaded first. Imports no torch."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from bot.inference.errors import InferenceError

GB = 1e9
"""Bytes of a gigabyte."""


class LoadedEntry(Protocol):
    """A model whose memory is managed."""

    def unload(self) -> None:
        """Drop the weights; called only while nothing uses them."""


class MemoryManager:
    """Loaded models by device. A model in use stays; another is unloaded if a new one needs its memory. Thread-safe.

    `limit` returns the bytes for all models on a device. `release` returns freed memory to the system.
    """

    def __init__(self, limit: Callable[[str], int], release: Callable[[], None]) -> None:
        self.limit = limit
        self._release = release
        self._changed = threading.Condition()
        self._loaded: dict[LoadedEntry, tuple[str, int]] = {}  # device and bytes, the least recently used first
        self._in_use: Counter[LoadedEntry] = Counter()
        self._claims: list[tuple[LoadedEntry, str]] = []
        self._removals: set[LoadedEntry] = set()

    def acquire(self, entry: LoadedEntry) -> bool:
        """Begin to use a model. Return False if it is not loaded.

        Waits while other models claim its device's memory: they were first.
        """
        with self._changed:
            self._changed.wait_for(lambda: entry not in self._loaded or not self._must_yield(entry))
            if entry not in self._loaded:
                return False
            self._in_use[entry] += 1
            self._loaded[entry] = self._loaded.pop(entry)
            return True

    def reserve(self, entry: LoadedEntry, device: str, need: int, report: Callable[[str], None]) -> None:
        """Wait for `need` bytes, reserve them and begin to use the model. Raises InferenceError for too many bytes."""
        limit = self.limit(device)
        if need > limit:
            sizes = f"This model needs {need / GB:.1f} GB of memory, and {limit / GB:.1f} GB are set aside for models."
            raise InferenceError("too-big", f"{sizes} Choose a smaller model, or ask the operator to raise memory_gb.")
        claim = (entry, device)
        with self._changed:
            self._claims.append(claim)
            at_once = self._make_room(claim, need, limit)
        if not at_once:
            report("Waiting until other models are free")
        with self._changed:
            self._changed.wait_for(lambda: self._make_room(claim, need, limit))
            self._claims.remove(claim)
            self._loaded[entry] = (device, need)
            self._in_use[entry] += 1
            self._changed.notify_all()

    def _make_room(self, claim: tuple[LoadedEntry, str], need: int, limit: int) -> bool:
        """Unload idle models for the oldest claim; return True if it now fits. Other claims wait for their turn."""
        if self._claims[0] != claim:
            return False
        taken = sum(size for device, size in self._loaded.values() if device == claim[1])
        for entry, (device, size) in list(self._loaded.items()):
            if taken + need > limit and device == claim[1] and not self._in_use[entry]:
                self._unload(entry)
                taken -= size
        return taken + need <= limit

    def _unload(self, entry: LoadedEntry) -> None:
        del self._loaded[entry]
        self._removals.discard(entry)
        entry.unload()
        self._release()

    def set_size(self, entry: LoadedEntry, size: int) -> None:
        """Replace the reserved bytes by the bytes that the loaded model takes."""
        with self._changed:
            self._loaded[entry] = (self._loaded[entry][0], size)

    def done(self, entry: LoadedEntry) -> None:
        """End one use of a model."""
        with self._changed:
            self._in_use[entry] -= 1
            if entry in self._removals and not self._in_use[entry]:
                self._unload(entry)
            self._changed.notify_all()

    def remove(self, entry: LoadedEntry) -> None:
        """Unload a model, as soon as nothing uses it."""
        with self._changed:
            if entry in self._loaded:
                self._removals.add(entry)
                if not self._in_use[entry]:
                    self._unload(entry)
                self._changed.notify_all()

    def must_yield(self, entry: LoadedEntry) -> bool:
        """Return True if the model must begin no new work, because another claims its memory or it is removed."""
        with self._changed:
            return self._must_yield(entry)

    def _must_yield(self, entry: LoadedEntry) -> bool:
        own_device = self._loaded.get(entry, ("", 0))[0]
        return entry in self._removals or any(device == own_device for _, device in self._claims)

    @property
    def loaded(self) -> list[LoadedEntry]:
        """Return the loaded models, the least recently used first."""
        with self._changed:
            return list(self._loaded)
