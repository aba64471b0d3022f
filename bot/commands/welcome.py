"""Said once where the bot joins: what it does and where text goes."""

from __future__ import annotations

from bot.commands.help import HOW
from bot.interfaces.command import Command
from bot.interfaces.replies import Done, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services

COMMAND = Command("welcome", "Introduce the bot", passes=True, hidden=True, unrestricted=True)


async def run(services: Services, accepted: Accepted) -> Reply:
    """Introduce the bot in one message."""
    model = services.models.available(accepted.request).default
    how = HOW.get(accepted.request.place.platform, HOW["discord"])
    keeps = services.retention.keeps(accepted.request.place)
    also = "so is what people say to each other here." if keeps else "I keep nothing else that is said here."
    yield Text(f"Hello! I am **{services.config.bot.name}**, and I answer questions with pretrained models. {how} ")
    yield Text(f"What you say to me goes to {services.backends[model].destination} and is kept on my own disk; ")
    yield Text(f"{also} `/privacy` tells more of that. Mention me without a word, and I tell what I can do.")
    yield Done()
