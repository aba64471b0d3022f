"""Calls of an adapter's optional protocols, each with one answer for adapters without the protocol."""

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
    """Return the asking person with their present rights. Raises PlatformError, also where they are unknown."""
    if not isinstance(adapter, PeopleAdapter):
        raise PlatformError("I can't check your rights, because this platform does not report them.")
    return await adapter.whois(request)


async def readable(adapter: Adapter, request: Request, places: Collection[Place]) -> Collection[Place]:
    """Return those of the places that the asking person may read; none where that is unknown."""
    return await adapter.readable(request, places) if isinstance(adapter, PeopleAdapter) else ()


async def audience(adapter: Adapter, place: Place) -> Audience:
    """Return the audience of a channel; "none" where it is unknown."""
    return await adapter.audience(place) if isinstance(adapter, PeopleAdapter) else "none"


async def post(adapter: Adapter, place: Place, text: str, key: str) -> None:
    """Post a message of the bot's own. Raises PlatformError, also where the adapter cannot post."""
    if not isinstance(adapter, PostAdapter):
        raise Forbidden("I can only answer here; I can't post messages of my own.")
    await adapter.post(place, text, key)
