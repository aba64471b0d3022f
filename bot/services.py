"""What commands work with, handed to each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.config import Config
from bot.errors import UserError
from bot.ports import Adapter, Backend, Store
from bot.types import Command


@dataclass(frozen=True, slots=True)
class Services:
    """The catalogue, the store, the platforms and what is running.

    `stop` ends the answer to a request and says whether there was one to end; `running` is the request that is being
    answered in a conversation.
    """

    config: Config
    store: Store
    backends: Mapping[str, Backend]
    adapters: Mapping[str, Adapter]
    commands: Sequence[Command]
    stop: Callable[[int], bool]
    running: Callable[[int], int | None]

    def model(self, name: str) -> str:
        """`name`, or the default for "". Raises UserError when the catalogue has no such model."""
        wanted = name or self.config.default_model
        if wanted not in self.backends:
            raise UserError(f"There is no model “{wanted}” here. There are: {', '.join(self.backends)}.")
        return wanted
