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
    (Option("name", "The model that answers next", suggested=True),),
    passes=True,
    quiet=True,
)


async def run(services: Services, accepted: Accepted) -> Reply:
    """Set the model if one is named, else show it."""
    request = accepted.request
    name = request.arguments.get("name", "")
    here = steering(request.place, "any", begins=bool(name))
    if name:
        model = services.models.chat_model(request, name)
        conversation = await services.conversations.find(request.place, request.person.id, here)
        assert conversation is not None
        await services.conversations.set_model(conversation.id, model)
        destination = services.backends[model].destination
        yield Text(f"From now on **{model}** answers in {conversation.label}. It runs on {destination}.")
    else:
        conversation = await services.conversations.find(request.place, request.person.id, here)
        model = services.models.chat_model(request, conversation.model if conversation else "")
        place, destination = (
            f"in {conversation.label}" if conversation else "here",
            services.backends[model].destination,
        )
        yield Text(f"**{model}** answers {place}. It runs on {destination}. `/models` lists all models.")
    yield Done()


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """Return the models that this person may use here."""
    return services.models.available(request).chat
