"""Ask an adapter for what not every platform has; each question has one answer where that is missing."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bot.interfaces.adapter import Adapter, Audience, HistoryAdapter, PeopleAdapter, PostAdapter
from bot.interfaces.errors import Forbidden, PlatformError
from bot.interfaces.messages import Message, Person, Place, Request

NO_HISTORY = "There is no message history here. Write the text, or name a file with `--file notes.txt`."


async def context(adapter: Adapter | None, request: Request, limit: int) -> Sequence[Message]:
    """Return the messages around a request; none without a history."""
    return await adapter.context(request, limit) if isinstance(adapter, HistoryAdapter) else ()


async def pointed(adapter: Adapter, request: Request) -> Message | None:
    """Return the message that a request points at; None without a history."""
    return await adapter.pointed(request) if isinstance(adapter, HistoryAdapter) else None


async def history(adapter: Adapter, request: Request, limit: int, since_ms: int) -> Sequence[Message]:
    """Return the last messages of a place. Raises PlatformError, also without a history."""
    if not isinstance(adapter, HistoryAdapter):
        raise Forbidden(NO_HISTORY)
    return await adapter.history(request, limit, since_ms)


async def person_now(adapter: Adapter, request: Request) -> Person:
    """Return the asking person with their rights of this moment. Raises PlatformError, also where nobody knows them."""
    if not isinstance(adapter, PeopleAdapter):
        raise PlatformError("This platform does not say which rights you have.")
    return await adapter.whois(request)


async def readable(adapter: Adapter, request: Request, places: Collection[Place]) -> Collection[Place]:
    """Return those of the places that the asking person may read; none where nobody knows that."""
    return await adapter.readable(request, places) if isinstance(adapter, PeopleAdapter) else ()


async def audience(adapter: Adapter, place: Place) -> Audience:
    """Return who reads a channel; nobody where that is not known."""
    return await adapter.audience(place) if isinstance(adapter, PeopleAdapter) else "none"


async def post(adapter: Adapter, place: Place, text: str, key: str) -> None:
    """Say something of the bot's own accord. Raises PlatformError, also where the adapter cannot."""
    if not isinstance(adapter, PostAdapter):
        raise Forbidden("I can only answer here, not post.")
    await adapter.post(place, text, key)
