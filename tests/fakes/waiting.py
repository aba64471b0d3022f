"""Waits for a server's state that end with an event on the server, not with time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Wait: TypeAlias = tuple[Callable[[], bool], asyncio.Future[None]]


class Waiting:
    """For servers that call `changed` whenever something happened."""

    violations: list[str]
    _waiting: list[Wait]

    def changed(self) -> None:
        """Something happened: wake the waits that it fulfils."""
        for entry in list(self._waiting):
            check, future = entry
            if not future.done() and check():
                self._waiting.remove(entry)
                future.set_result(None)

    async def wait(self, look: Callable[[], T | None], timeout: float = 10.0) -> T:  # noqa: ASYNC109 -- a test's patience
        """Return the first value of `look` that is not empty; `changed` calls it again."""
        found = look()
        if not found:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            entry = (lambda: bool(look()), future)
            self._waiting.append(entry)
            try:
                await asyncio.wait_for(future, timeout)
            except TimeoutError:
                raise AssertionError(f"waited {timeout} s in vain; violations: {self.violations}") from None
            finally:
                if entry in self._waiting:
                    self._waiting.remove(entry)
            found = look()
        assert found
        return found
