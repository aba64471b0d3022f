"""/help: what the bot does and how to ask it."""

from __future__ import annotations

from bot.ports import Accepted
from bot.services import Services
from bot.task import load_tasks
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
    answers = f"**{model}** answers by default, and text goes to {services.backends[model].destination}."
    refused = services.policy.model_refusal(accepted.request, model)
    yield Text(f"\n\n{refused.message if refused else answers}\n\n")
    tasks = load_tasks()
    for command in services.commands:
        if not command.hidden and command.name not in tasks:
            parts = ", ".join(part.name for part in command.subcommands or command.options)
            yield Text(f"- `/{command.name}`: {command.summary}{f' ({parts})' if parts else ''}\n")
    yield Text(
        "\nTasks, on the text after the command, a file, the message replied to, or the last messages here "
        "(`last:50`, `since:2h`); `with:chat` has a model that converses do it:\n\n"
    )
    for task in tasks.values():
        own = ", ".join(option.name for option in task.own)
        yield Text(f"- `/{task.name}`: {task.summary}{f' ({own})' if own else ''}\n")
    yield Done()
