"""Limits on the waiting requests of one person and of one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.administration.settings import Settings
from bot.core.delivery import Delivery
from bot.interfaces.command import Command
from bot.interfaces.messages import Request
from bot.interfaces.store import Accepted


class QueueLimits:
    """Counts waiting requests, by their commands."""

    def __init__(self, commands: Mapping[str, Command]) -> None:
        self._commands = commands

    def refusal(
        self, accepted: Accepted, active: Iterable[Delivery], waiting: Iterable[Delivery], limits: Settings
    ) -> str:
        """Return the reason why a request is one too many; "" without one."""
        request, command = accepted.request, self._commands[accepted.request.command]
        own = [delivery for delivery in active if _of_same_person(delivery.accepted.request, request)]
        if command.alone and any(self._command(delivery).alone for delivery in own):
            name = request.command.partition(" ")[0]
            return f"I am still answering your last `/{name}`. Ask again when you have its answer."
        if command.passes and not command.alone:
            return ""
        unanswered = sum(1 for delivery in own if not delivery.answered and self._is_question(delivery))
        if unanswered >= limits.queue_person:
            questions = "One of your questions is" if unanswered == 1 else f"{unanswered} of your questions are"
            return f"{questions} not answered yet. Ask again when you have an answer."
        here = sum(1 for delivery in waiting if delivery.accepted.request.place == request.place)
        if accepted.conversation and here >= limits.queue_place:
            return f"{here} questions are waiting here already. Ask again when some of them are answered."
        return ""

    def _command(self, delivery: Delivery) -> Command:
        return self._commands[delivery.accepted.request.command]

    def _is_question(self, delivery: Delivery) -> bool:
        """Return whether a request waits in a lane or runs alone, as commands that pass do not."""
        command = self._command(delivery)
        return command.alone or not command.passes


def _of_same_person(one: Request, other: Request) -> bool:
    return (one.place.platform, one.person.id) == (other.place.platform, other.person.id)
