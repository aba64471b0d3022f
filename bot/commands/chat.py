"""chat: answer a mention, a direct message, a reply to the bot or a follow-up in its thread."""

from __future__ import annotations

from bot.chat.answer import answer_question
from bot.commands import help as help_command
from bot.interfaces.command import Command, Option
from bot.interfaces.replies import Reply
from bot.interfaces.store import Accepted
from bot.services import Services

COMMAND = Command("chat", "Talk with the bot", (Option("text", "Your message"),), converses=True, hidden=True)


def run(services: Services, accepted: Accepted) -> Reply:
    """Return the answer; a mention without a message gets the help."""
    request = accepted.request
    bare = not (request.text or request.attachments or request.replies_to)
    return help_command.run(services, accepted) if bare else answer_question(services, accepted)
