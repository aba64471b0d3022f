"""The registry of commands, and the protocols of their modules."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Protocol, cast, runtime_checkable

import bot.commands
from bot.interfaces.command import Command
from bot.interfaces.messages import Request
from bot.interfaces.replies import Answer, Form, Reply
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.tasks.engine.command import TaskCommand
from bot.tasks.engine.registry import load_tasks


class CommandModule(Protocol):
    """A module under bot/commands/ that declares one command and answers its requests."""

    COMMAND: Command

    def run(self, services: Services, accepted: Accepted) -> Reply:
        """Answer one request."""


@runtime_checkable
class CommandWithForm(Protocol):
    """The module of a command that is `dialog`: the command has a form."""

    async def dialog(self, services: Services, request: Request) -> Form | None:
        """Return the form for an admitted request; None if no argument is missing. Raises UserError."""


@runtime_checkable
class CommandWithSuggestions(Protocol):
    """The module of a command with `suggested` options."""

    async def suggest(self, services: Services, request: Request, option: str) -> Sequence[str]:
        """Return every possible value of the option, best first; the request holds the arguments filled in so far."""


@runtime_checkable
class CommandWithHome(Protocol):
    """The module of a command with a part on the bot's own page, for people who may use the command."""

    COMMAND: Command

    async def home(self, services: Services, request: Request) -> Answer:
        """Return the part of the page; the request names the command, or the first of its subcommands."""


@cache
def load_commands() -> Mapping[str, CommandModule]:
    """Return every command under bot/commands/ and every task, by name."""
    modules = (import_module(f"bot.commands.{found.name}") for found in pkgutil.iter_modules(bot.commands.__path__))
    commands = {module.COMMAND.name: cast("CommandModule", module) for module in modules if hasattr(module, "COMMAND")}
    return {**commands, **{name: TaskCommand(task) for name, task in load_tasks().items()}}
