"""/new: what is said next begins another conversation."""

from __future__ import annotations

from bot.interfaces.command import Command
from bot.interfaces.replies import Done, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services

COMMAND = Command("new", "Start a new conversation", passes=True, quiet=True)


async def run(services: Services, accepted: Accepted) -> Reply:
    """Close the conversation here."""
    if not accepted.conversation:
        yield Text("There is no conversation of yours to leave here: what you say next begins one.")
    else:
        conversation = await services.conversations.conversation(accepted.conversation)
        await services.conversations.close_conversation(conversation.id)
        yield Text(f"Done: what you say next begins afresh. Left behind: {conversation.label}.")
    yield Done()
