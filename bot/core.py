"""The whole story of one request on one page: which command, may they, answer; and what is said when it fails."""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Mapping
from contextlib import aclosing
from functools import cache
from importlib import import_module
from typing import Protocol, cast

import bot.commands
from bot.errors import BackendError, ShouldersError
from bot.ports import Accepted
from bot.services import Services
from bot.talk import retry_choice
from bot.types import Choices, Command, Done, Note, Reply

log = logging.getLogger(__name__)


class CommandModule(Protocol):
    """What a file under bot/commands/ offers."""

    COMMAND: Command

    def run(self, services: Services, accepted: Accepted) -> Reply:
        """Answer one request."""


@cache
def load_commands() -> Mapping[str, CommandModule]:
    """Every command, by name, found under bot/commands/."""
    modules = (import_module(f"bot.commands.{found.name}") for found in pkgutil.iter_modules(bot.commands.__path__))
    return {module.COMMAND.name: cast("CommandModule", module) for module in modules if hasattr(module, "COMMAND")}


class Core:
    """Turns an accepted request into a Reply. Knows no platform."""

    def __init__(self, services: Services, commands: Mapping[str, CommandModule]) -> None:
        self._services = services
        self._commands = commands

    async def handle(self, accepted: Accepted) -> Reply:
        """Answer. Always ends in Done: what goes wrong is said in the reply, in words, and what helps is offered."""
        command = self._commands[accepted.request.command.partition(" ")[0]]
        try:
            async with aclosing(command.run(self._services, accepted)) as reply:
                async for chunk in reply:
                    yield chunk
            return
        except BackendError as error:
            log.warning("Request %d: %s: %s", accepted.id, type(error).__name__, error.message)
            yield Note(f"⚠️ {error.message}")
            yield Choices((retry_choice(accepted),))
        except ShouldersError as error:
            yield Choices(())
            yield Note(error.message)
        except Exception:  # a fault of ours must not leave anyone waiting
            log.exception("Request %d failed", accepted.id)
            yield Note("⚠️ Something went wrong inside the bot; its log says what.")
            yield Choices((retry_choice(accepted),))
        yield Done("failed")
