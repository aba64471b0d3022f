"""Decide which conversation a request continues; the store carries the decision out."""

from __future__ import annotations

from bot.interfaces.command import Command
from bot.interfaces.messages import Place, Request
from bot.interfaces.store import Continuation, Privacy, Source


def continuation(request: Request, command: Command, within_ms: int, *, shared: bool = False) -> Continuation:
    """Return where a request belongs.

    A mention outside threads continues the person's conversation in that channel, or where it is `shared` anybody's,
    if it was active within the last `within_ms` milliseconds. A private request never joins a public conversation,
    whatever it replies to, nor the other way round; only quiet commands, which steer, mean both.
    """
    place, apart = request.place, request.private and not request.place.direct  # direct messages are private anyway
    privacy: Privacy = "private" if apart else "public"
    button = request.arguments.get("request", "")
    if not command.converses:
        steered = steering(place, "any" if command.quiet else privacy)
        return Continuation(("button",), steered.privacy, button=int(button)) if button.isdecimal() else steered
    if button.isdecimal():
        return Continuation(("button", "new"), privacy, button=int(button))
    if apart:
        return Continuation(("person", "new"), privacy, within_ms=within_ms)
    replied: tuple[Source, ...] = ("reply",) if request.replies_to else ()
    if place.thread or place.direct:
        return Continuation((*replied, "place", "new"), privacy, message=request.replies_to)
    nearest: Source = "anyone" if shared else "person"
    return Continuation((*replied, nearest, "new"), privacy, message=request.replies_to, within_ms=within_ms)


def steering(place: Place, privacy: Privacy, *, begins: bool = False) -> Continuation:
    """Return the conversation that a command without words of its own means: the nearest, or a new one if it begins."""
    if (place.thread or place.direct) and privacy == "private":
        nearest: Source = "person"
    else:
        nearest = "place" if place.thread else "direct messages" if place.direct else "channel"
    return Continuation((nearest, "new") if begins else (nearest,), privacy)
