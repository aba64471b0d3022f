"""feedback: store a rating, from the 👍 and 👎 that the setting `feedback` shows under answers."""

from __future__ import annotations

from bot.interfaces.command import Command
from bot.interfaces.errors import UserError
from bot.interfaces.replies import Done, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services

COMMAND = Command("feedback", "Rate an answer", passes=True, quiet=True, hidden=True)


async def run(services: Services, accepted: Accepted) -> Reply:
    """Store the person's rating in place of an earlier one."""
    request = accepted.request
    about, good = request.arguments.get("request", ""), request.arguments.get("good") == "yes"
    asked = await services.conversations.asker(int(about)) if about.isdecimal() else None
    here = (request.place.platform, request.place.workspace, request.place.channel)
    sent = asked is not None and request.place.direct and (asked[0].platform, asked[1]) == (here[0], request.person.id)
    if asked is None or not (sent or (asked[0].platform, asked[0].workspace, asked[0].channel) == here):
        raise UserError("That answer does not belong to this channel. Rate it in its own channel.")
    if not await services.history.vote(int(about), request.person.id, good=good):
        raise UserError("I no longer store that answer, so you cannot rate it. Rate a newer one.")
    yield Text(
        f"Thank you for your rating: {'👍' if good else '👎'}. Your last rating counts; `/forget me` deletes all of "
        "yours."
    )
    yield Done()
