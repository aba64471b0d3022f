"""Find the places that the asking person may not read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from bot.administration import platforms
from bot.interfaces.adapter import Adapter
from bot.interfaces.messages import Place, Request


async def closed_to(adapters: Mapping[str, Adapter], request: Request, places: Iterable[Place]) -> Collection[Place]:
    """Return the places that the asking person may not read, as the platform reports now. Raises PlatformError."""
    channels = {place for place in places if place.channel}
    if not channels or request.place.workspace == "@me":  # each direct message belongs to one person
        return ()
    adapter = adapters[request.place.platform]
    return channels - frozenset(await platforms.readable(adapter, request, channels))
