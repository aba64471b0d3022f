"""welcome: introduce the bot once where it joins, with the destination of text."""

from __future__ import annotations

from bot.commands.help import USAGE_BY_PLATFORM
from bot.interfaces.command import Command
from bot.interfaces.replies import Done, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services

COMMAND = Command("welcome", "Introduce the bot", passes=True, hidden=True, unrestricted=True)


async def run(services: Services, accepted: Accepted) -> Reply:
    """Introduce the bot in one message."""
    model = services.models.available(accepted.request).default
    usage = USAGE_BY_PLATFORM.get(accepted.request.place.platform, USAGE_BY_PLATFORM["discord"])
    stores_others = services.retention.keeps(accepted.request.place)
    others = (
        "I also store messages between people here." if stores_others else "I do not store other messages from here."
    )
    yield Text(f"Hello! I am **{services.config.bot.name}**, and I answer questions with pretrained models. {usage} ")
    yield Text(f"Your messages to me go to {services.backends[model].destination}, and I store them on my own disk. ")
    yield Text(f"{others} `/privacy` explains that. Mention me without a message, and I list my commands.")
    yield Done()
