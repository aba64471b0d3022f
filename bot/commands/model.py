"""/model: show or set the model of this conversation."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.continuation import steering
from bot.interfaces.command import Command, Option
from bot.interfaces.messages import Request
from bot.interfaces.replies import Done, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services

COMMAND = Command(
    "model",
    "Show or set the model of this conversation",
    (Option("name", "The model that answers from now on", suggested=True),),
    passes=True,
    quiet=True,
)


async def run(services: Services, accepted: Accepted) -> Reply:
    """Set the model when one is named, else show it."""
    request = accepted.request
    wanted = request.arguments.get("name", "")
    here = steering(request.place, "any", begins=bool(wanted))
    if wanted:
        model = services.model(request, wanted)
        conversation = await services.store.find(request.place, request.person.id, here)
        assert conversation is not None
        await services.store.set_model(conversation.id, model)
        yield Text(
            f"In {conversation.label} **{model}** answers from now on, and text goes to {_where(services, model)}."
        )
    else:
        found = await services.store.find(request.place, request.person.id, here)
        model = services.model(request, found.model if found else "")
        where = f"In {found.label} " if found else "Here "
        yield Text(f"{where}**{model}** answers, and text goes to {_where(services, model)}. `/models` lists all.")
    yield Done()


def _where(services: Services, model: str) -> str:
    return services.backends[model].destination


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """The models that this person may use here."""
    return services.talking(request)
