"""Decide which conversation a request continues; the store carries the decision out."""

from __future__ import annotations

from bot.interfaces.command import Command
from bot.interfaces.messages import Place, Request
from bot.interfaces.store import Continuation, Privacy, Source


def continuation(request: Request, command: Command, within_ms: int, *, shared: bool = False) -> Continuation:
    """Return the conversation that a request continues.

    A mention outside threads continues the person's conversation in that channel (anybody's, if it is `shared`)
    within `within_ms` milliseconds of its last turn. A private request never joins a public conversation, even as a
    reply, nor the other way round. Only quiet commands, which have no turn, match both.
    """
    place = request.place
    is_private = request.private and not place.direct  # direct messages are always private
    privacy: Privacy = "private" if is_private else "public"
    button = request.arguments.get("request", "")
    if not command.converses:
        target = steering(place, "any" if command.quiet else privacy)
        return Continuation(("button",), target.privacy, button=int(button)) if button.isdecimal() else target
    if button.isdecimal():
        return Continuation(("button", "new"), privacy, button=int(button))
    if is_private:
        return Continuation(("person", "new"), privacy, within_ms=within_ms)
    reply_source: tuple[Source, ...] = ("reply",) if request.replies_to else ()
    if place.thread or place.direct:
        return Continuation((*reply_source, "place", "new"), privacy, message=request.replies_to)
    nearest: Source = "anyone" if shared else "person"
    return Continuation((*reply_source, nearest, "new"), privacy, message=request.replies_to, within_ms=within_ms)


def steering(place: Place, privacy: Privacy, *, begins: bool = False) -> Continuation:
    """Return the conversation of a command without a question: the nearest, or a new one if it `begins`."""
    if (place.thread or place.direct) and privacy == "private":
        nearest: Source = "person"
    else:
        nearest = "place" if place.thread else "direct messages" if place.direct else "channel"
    return Continuation((nearest, "new") if begins else (nearest,), privacy)
