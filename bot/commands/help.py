"""/help: what the bot does and how to ask it."""

from __future__ import annotations

from bot.ports import Accepted
from bot.services import Services
from bot.types import Command, Done, Reply, Text

COMMAND = Command("help", "What the bot can do", passes=True, quiet=True, unrestricted=True)

HOW = {
    "console": "Just write. Ctrl-C stops an answer; Ctrl-D or `/quit` leaves.",
    "discord": "Mention me, reply to one of my messages, or write me a direct message.",
    "slack": "Mention me, go on in a thread where I answered, or write me a direct message. In a thread, a command is "
    "written as a mention (`@me /new`), elsewhere as `/shoulders new`.",
}


async def run(services: Services, accepted: Accepted) -> Reply:
    """How to talk here, where text goes, and the commands."""
    model = services.default_model(accepted.request)
    yield Text(f"I am **{services.config.bot.name}**, and I answer questions with pretrained models. ")
    yield Text(HOW.get(accepted.request.place.platform, HOW["discord"]))
    yield Text(f"\n\n**{model}** answers by default, and text goes to {services.backends[model].destination}.\n\n")
    for command in services.commands:
        if not command.hidden:
            parts = ", ".join(part.name for part in command.subcommands or command.options)
            yield Text(f"- `/{command.name}`: {command.summary}{f' ({parts})' if parts else ''}\n")
    yield Done()
