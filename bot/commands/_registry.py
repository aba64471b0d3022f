"""Find every command, and the optional parts of one, as protocols."""

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
    """What a file under bot/commands/ offers."""

    COMMAND: Command

    def run(self, services: Services, accepted: Accepted) -> Reply:
        """Answer one request."""


@runtime_checkable
class CommandWithForm(Protocol):
    """What a file of a command that is `dialog` offers too."""

    async def dialog(self, services: Services, request: Request) -> Form | None:
        """The form for a request of somebody who may make it; None where nothing is missing. Raises UserError."""


@runtime_checkable
class CommandWithSuggestions(Protocol):
    """What a file of a command with `suggested` options offers too."""

    async def suggest(self, services: Services, request: Request, option: str) -> Sequence[str]:
        """Everything that the option may be, best first; the request's arguments are what was filled in before."""


@runtime_checkable
class CommandWithHome(Protocol):
    """What a file of a command that shows something on the bot's own page offers too: for who may use the command."""

    COMMAND: Command

    async def home(self, services: Services, request: Request) -> Answer:
        """Its part of the page; the request is the command, or the first of its subcommands."""


@cache
def load_commands() -> Mapping[str, CommandModule]:
    """Every command, by name, found under bot/commands/, and every task."""
    modules = (import_module(f"bot.commands.{found.name}") for found in pkgutil.iter_modules(bot.commands.__path__))
    commands = {module.COMMAND.name: cast("CommandModule", module) for module in modules if hasattr(module, "COMMAND")}
    return {**commands, **{name: TaskCommand(task) for name, task in load_tasks().items()}}
