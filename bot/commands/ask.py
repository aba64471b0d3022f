"""/ask: one question, with a model of choice, privately if wished."""

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
    "Ask a model",
    (
        Option("text", "What to ask", required=True),
        Option("model", "Which model answers", suggested=True, named=True),
        Option("private", "Only you see the answer", kind="flag"),
    ),
    converses=True,
)


def run(services: Services, accepted: Accepted) -> Reply:
    """Answer with the chosen model."""
    return answer_question(services, accepted, accepted.request.arguments.get("model", ""))


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """The models that this person may use here."""
    return services.models.available(request).chat
