"""/new: end the conversation, so that the next message begins another."""

from __future__ import annotations

from bot.interfaces.command import Command
from bot.interfaces.replies import Done, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services

COMMAND = Command("new", "Start a new conversation", passes=True, quiet=True)


async def run(services: Services, accepted: Accepted) -> Reply:
    """Close the person's conversation here."""
    if not accepted.conversation:
        yield Text("You do not have a conversation here. Your next message begins one.")
    else:
        conversation = await services.conversations.conversation(accepted.conversation)
        await services.conversations.close_conversation(conversation.id)
        yield Text(f"I ended {conversation.label}. Your next message begins a new conversation.")
    yield Done()
