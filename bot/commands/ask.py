"""/ask: ask one question, of a chosen model or privately."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.answer import answer_question
from bot.interfaces.command import Command, Option
from bot.interfaces.messages import Request
from bot.interfaces.replies import Reply
from bot.interfaces.store import Accepted
from bot.services import Services

COMMAND = Command(
    "ask",
    "Ask a model a question",
    (
        Option("text", "Your question", required=True),
        Option("model", "The model that answers", suggested=True, named=True),
        Option("private", "Show the answer only to you", kind="flag"),
    ),
    converses=True,
)


def run(services: Services, accepted: Accepted) -> Reply:
    """Return the chosen model's answer."""
    return answer_question(services, accepted, accepted.request.arguments.get("model", ""))


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """Return the models that this person may use here."""
    return services.models.available(request).chat
