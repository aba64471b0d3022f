"""Find the places that the asking person may not read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from bot.administration import platforms
from bot.interfaces.adapter import Adapter
from bot.interfaces.messages import Place, Request


async def closed_to(adapters: Mapping[str, Adapter], request: Request, places: Iterable[Place]) -> Collection[Place]:
    """Those of the places that the asking person may not read, as the platform says now. Raises PlatformError."""
    asked = {place for place in places if place.channel}
    if not asked or request.place.workspace == "@me":  # there are direct messages only, and each is one person's
        return ()
    adapter = adapters[request.place.platform]
    return asked - frozenset(await platforms.readable(adapter, request, asked))
