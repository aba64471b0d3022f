"""/help: what the bot does and how to ask it; of one command, how it is written."""

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
    "What the bot can do",
    (Option("command", "How one command is written", suggested=True),),
    passes=True,
    quiet=True,
    unrestricted=True,
)

HOW = {
    "console": "Just write. Ctrl-C stops an answer; Ctrl-D or `/quit` leaves.",
    "discord": "Mention me, reply to one of my messages, or write me a direct message.",
    "slack": "Mention me, go on in a thread where I answered, or write me a direct message. In a thread, a command is "
    "written as a mention (`@me /new`), elsewhere as `/shoulders new`.",
}


async def run(services: Services, accepted: Accepted) -> Reply:
    """How to talk here, where text goes, and the commands; or one of these."""
    if asked := accepted.request.arguments.get("command", "").strip().removeprefix("/").lower():
        yield Text("\n".join(_about(services, accepted.request, asked)))
        yield Done()
        return
    model = services.models.available(accepted.request).default
    yield Text(f"I am **{services.config.bot.name}**, and I answer questions with pretrained models. ")
    yield Text(HOW.get(accepted.request.place.platform, HOW["discord"]))
    answers = f"**{model}** answers by default, and text goes to {services.backends[model].destination}."
    refused = services.policy.model_refusal(accepted.request, model)
    yield Text(f"\n\n{refused.message if refused else answers}\n\n")
    tasks, central = load_tasks(), services.policy.operator_only(accepted.request)
    for command in services.commands:
        if not command.hidden and command.name not in tasks:
            subcommands = [part for part in command.subcommands if not (part.central and central)]
            parts = ", ".join(part.name for part in subcommands or command.options)
            yield Text(f"- `/{command.name}`: {command.summary}{f' ({parts})' if parts else ''}\n")
    yield Text(
        "\nTasks, on the text after the command, a file, the message replied to, or the last messages here "
        "(`last:50`, `since:2h`); `with:chat` has a model that converses do it:\n\n"
    )
    for task in tasks.values():
        own = ", ".join(option.name for option in task.own)
        yield Text(f"- `/{task.name}`: {task.summary}{f' ({own})' if own else ''}\n")
    yield Text("\n`/help COMMAND` says how one is written.")
    yield Done()


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """The commands."""
    return [command.name for command in services.commands if not command.hidden]


def _about(services: Services, request: Request, asked: str) -> Iterator[str]:
    """Write a command, or each of a group that one may use, with its options. Raises Unknown, or Denied."""
    offered = [command for command in services.commands if not command.hidden]
    paths = by_path(offered)
    chosen = [path for path in paths if path == asked or path.partition(" ")[0] == asked]
    if not chosen:
        raise Unknown(f"There is no command /{asked[:40]}. There are: {', '.join(one.name for one in offered)}.")
    refused = services.policy.operator_only(request)
    if refused and paths[asked if asked in paths else chosen[0]].central:
        raise refused
    for path in chosen:
        if refused and paths[path].central:
            continue
        yield f"`{usage(path, paths[path])}`: {paths[path].summary}"
        yield from map(_option, paths[path].options)


def _option(option: Option) -> str:
    """One option as it is written, what it is, and what it may be."""
    written = f"{option.name}:…" if option.named else option.name.upper()
    written = f"--{option.name}" if option.kind == "flag" else written
    choices = ", ".join(option.choices)
    return f"- `{written}`: {option.summary}{f' ({choices})' if choices else ''}"
