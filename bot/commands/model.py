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
        model = services.models.chat_model(request, wanted)
        conversation = await services.conversations.find(request.place, request.person.id, here)
        assert conversation is not None
        await services.conversations.set_model(conversation.id, model)
        where = services.backends[model].destination
        yield Text(f"In {conversation.label} **{model}** answers from now on, and text goes to {where}.")
    else:
        found = await services.conversations.find(request.place, request.person.id, here)
        model = services.models.chat_model(request, found.model if found else "")
        where, destination = f"In {found.label} " if found else "Here ", services.backends[model].destination
        yield Text(f"{where}**{model}** answers, and text goes to {destination}. `/models` lists all.")
    yield Done()


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """The models that this person may use here."""
    return services.models.available(request).chat
