"""The most requests that may wait, of one person and in one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.administration.settings import Settings
from bot.core.delivery import Delivery
from bot.interfaces.command import Command
from bot.interfaces.messages import Request
from bot.interfaces.store import Accepted


class QueueLimits:
    """Counts requests by the commands that they ask for."""

    def __init__(self, commands: Mapping[str, Command]) -> None:
        self._commands = commands

    def refusal(
        self, accepted: Accepted, active: Iterable[Delivery], waiting: Iterable[Delivery], limits: Settings
    ) -> str:
        """Return why a request is one too many; "" where there is room."""
        request, command = accepted.request, self._commands[accepted.request.command]
        own = [delivery for delivery in active if _of_same_person(delivery.accepted.request, request)]
        if command.alone and any(self._command(delivery).alone for delivery in own):
            name = request.command.partition(" ")[0]
            return f"One `/{name}` of yours is under way: ask again when you have its answer."
        if command.passes and not command.alone:
            return ""
        asked = sum(1 for delivery in own if not delivery.answered and self._asks(delivery))
        if asked >= limits.queue_person:
            what = "A question of yours is" if asked == 1 else f"{asked} questions of yours are"
            return f"{what} not answered yet: ask again when there is an answer."
        here = sum(1 for delivery in waiting if delivery.accepted.request.place == request.place)
        if accepted.conversation and here >= limits.queue_place:
            return f"{here} questions are waiting here already: ask again when some of them are answered."
        return ""

    def _command(self, delivery: Delivery) -> Command:
        return self._commands[delivery.accepted.request.command]

    def _asks(self, delivery: Delivery) -> bool:
        """Return whether it is a question, in whichever lane, and not a command that passes."""
        command = self._command(delivery)
        return command.alone or not command.passes


def _of_same_person(one: Request, other: Request) -> bool:
    return (one.place.platform, one.person.id) == (other.place.platform, other.person.id)
