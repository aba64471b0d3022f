"""/help: explain the bot, its commands and its tasks, or one command and its options."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.interfaces.command import Command, Option, by_path, usage
from bot.interfaces.errors import Unknown
from bot.interfaces.messages import Request
from bot.interfaces.replies import Done, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.tasks.engine.registry import load_tasks

COMMAND = Command(
    "help",
    "List the commands and tasks",
    (Option("command", "A command to explain", suggested=True),),
    passes=True,
    quiet=True,
    unrestricted=True,
)

USAGE_BY_PLATFORM = {
    "console": "Type a message. Ctrl-C stops an answer; Ctrl-D or `/quit` ends the chat.",
    "discord": "Mention me, reply to one of my messages, or send me a direct message.",
    "slack": "Mention me, continue in a thread where I answered, or send me a direct message. In a thread, write a "
    "command after a mention (`@me /new`); elsewhere write `/shoulders new`.",
}


async def run(services: Services, accepted: Accepted) -> Reply:
    """Explain how to ask the bot here, the destination of text and the commands; or one command."""
    if name := accepted.request.arguments.get("command", "").strip().removeprefix("/").lower():
        yield Text("\n".join(_command_lines(services, accepted.request, name)))
        yield Done()
        return
    model = services.models.available(accepted.request).default
    yield Text(f"I am **{services.config.bot.name}**, and I answer questions with pretrained models. ")
    yield Text(USAGE_BY_PLATFORM.get(accepted.request.place.platform, USAGE_BY_PLATFORM["discord"]))
    answers = (
        f"**{model}** answers by default. It runs on {services.backends[model].destination}, which receives your text."
    )
    refused = services.policy.model_refusal(accepted.request, model)
    yield Text(f"\n\n{refused.message if refused else answers}\n\n")
    tasks, central = load_tasks(), services.policy.operator_only(accepted.request)
    for command in services.commands:
        if not command.hidden and command.name not in tasks:
            subcommands = [part for part in command.subcommands if not (part.central and central)]
            parts = ", ".join(part.name for part in subcommands or command.options)
            yield Text(f"- `/{command.name}`: {command.summary}{f' ({parts})' if parts else ''}\n")
    yield Text(
        "\nTasks read the text after the command, a file, the message that you reply to, or the last messages here "
        "(`last:50`, `since:2h`). `with:chat` uses the chat model:\n\n"
    )
    for task in tasks.values():
        options = ", ".join(option.name for option in task.own)
        yield Text(f"- `/{task.name}`: {task.summary}{f' ({options})' if options else ''}\n")
    yield Text("\n`/help COMMAND` explains one command.")
    yield Done()


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """Return the names of the commands."""
    return [command.name for command in services.commands if not command.hidden]


def _command_lines(services: Services, request: Request, name: str) -> Iterator[str]:
    """Yield a command, or each permitted subcommand of a group, with its options. Raises Unknown or Denied."""
    offered = [command for command in services.commands if not command.hidden]
    paths = by_path(offered)
    chosen = [path for path in paths if path == name or path.partition(" ")[0] == name]
    if not chosen:
        raise Unknown(f"There is no command /{name[:40]}. There are: {', '.join(command.name for command in offered)}.")
    refused = services.policy.operator_only(request)
    if refused and paths[name if name in paths else chosen[0]].central:
        raise refused
    for path in chosen:
        if refused and paths[path].central:
            continue
        yield f"`{usage(path, paths[path])}`: {paths[path].summary}"
        yield from map(_option, paths[path].options)


def _option(option: Option) -> str:
    """Return the line about one option: its syntax, its summary and its possible values."""
    written = f"{option.name}:…" if option.named else option.name.upper()
    written = f"--{option.name}" if option.kind == "flag" else written
    choices = ", ".join(option.choices)
    return f"- `{written}`: {option.summary}{f' ({choices})' if choices else ''}"
