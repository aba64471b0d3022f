"""/models: the catalogue."""

from __future__ import annotations

from bot.ports import Accepted
from bot.services import Services
from bot.types import Command, Done, Reply, Text

COMMAND = Command("models", "List the models", passes=True, quiet=True)


async def run(services: Services, accepted: Accepted) -> Reply:
    """One line a model: its name, what it is and where text goes."""
    request = accepted.request
    default = services.default_model(request)
    for name in services.models(request):
        mark = " (default)" if name == default else ""
        section = services.config.models[name]
        yield Text(f"- **{name}**{mark}: {section.model}, text goes to {services.backends[name].destination}\n")
    yield Done()
