"""/stop, and the button Stop: end the running answer; the text so far stays."""

from __future__ import annotations

from bot.interfaces.command import Command
from bot.interfaces.errors import UserError
from bot.interfaces.replies import Done, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services

COMMAND = Command("stop", "Stop the running answer", passes=True, quiet=True, unrestricted=True)

NOTHING = "There is no running answer here."


async def run(services: Services, accepted: Accepted) -> Reply:
    """Stop the button's answer, or the running one of this conversation; only the command confirms it in words."""
    request = accepted.request
    button = request.arguments.get("request", "")
    running = int(button) if button.isdecimal() else services.running(accepted.conversation)
    asked = await services.conversations.asker(running) if running else None
    if running is None or asked is None:
        raise UserError(NOTHING)
    place, person = asked
    await services.rights.check_steering(request, person, place)
    if not services.stop(running):
        raise UserError(NOTHING)
    if not button:
        conversation = await services.conversations.conversation(accepted.conversation)
        yield Text(f"Stopped: {conversation.label}.")
    yield Done()
