"""The terminal chat, a platform like the others."""

from __future__ import annotations

from collections.abc import Mapping

from bot.interfaces.adapter import Adapter, Platform
from bot.interfaces.config import Section
from bot.interfaces.network import Network


class ConsoleSettings(Section):
    """The table [console]. `history` is the file of typed lines; empty means one in the data folder."""

    history: str = ""


def create(settings: Section, _secrets: Mapping[str, str], _network: Network) -> Adapter:
    """Return the adapter of the terminal that the program was started in."""
    from adapters.console.adapter import Console

    assert isinstance(settings, ConsoleSettings)
    return Console(settings.history)


PLATFORM = Platform(name="console", settings=ConsoleSettings, secrets=(), create=create, lasting=False)
