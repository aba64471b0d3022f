"""The 👍 and 👎 under answers, where the setting `feedback` shows them."""

from __future__ import annotations

from bot.interfaces.command import Command
from bot.interfaces.errors import UserError
from bot.interfaces.replies import Done, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services

COMMAND = Command("feedback", "Say whether an answer was good", passes=True, quiet=True, hidden=True)


async def run(services: Services, accepted: Accepted) -> Reply:
    """Keep what the person thinks; it replaces what they thought before."""
    request = accepted.request
    about, good = request.arguments.get("request", ""), request.arguments.get("good") == "yes"
    asked = await services.conversations.asker(int(about)) if about.isdecimal() else None
    here = (request.place.platform, request.place.workspace, request.place.channel)
    sent = asked is not None and request.place.direct and (asked[0].platform, asked[1]) == (here[0], request.person.id)
    if asked is None or not (sent or (asked[0].platform, asked[0].workspace, asked[0].channel) == here):
        raise UserError("That answer was not given here.")
    if not await services.history.vote(int(about), request.person.id, good=good):
        raise UserError("I do not keep that answer any more.")
    yield Text(f"Thank you: {'👍' if good else '👎'} it is. Your last word counts, and `/forget me` takes it back.")
    yield Done()
