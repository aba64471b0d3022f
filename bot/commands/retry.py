"""/retry, and the Retry button: answer the same question again."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

from bot.chat.completion import ask_model
from bot.interfaces.command import Command
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Request, Turn
from bot.interfaces.replies import Note, Reply
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.tasks.engine.command import TaskCommand
from bot.tasks.engine.registry import load_tasks

COMMAND = Command("retry", "Answer the last question again")


async def run(services: Services, accepted: Accepted) -> Reply:
    """Ask the model again what the button's request, or this conversation's last question, asked."""
    request = accepted.request
    if task := services.recent.get(request.arguments.get("request", "")):
        await services.must_steer(request, task.person.id, task.place)
        async with aclosing(_once_more(services, accepted, task)) as reply:
            async for chunk in reply:
                yield chunk
        return
    question = await _question(services, accepted)
    if question is None:
        raise UserError("There is nothing to answer again here.")
    await services.must_steer(request, question.person, request.place)
    if "request" not in request.arguments and not (request.place.thread or request.place.direct):
        conversation = await services.store.conversation(accepted.conversation)
        yield Note(f"Answered again: {conversation.label}.")
    async with aclosing(ask_model(services, accepted, question.id, None)) as reply:
        async for chunk in reply:
            yield chunk


async def _once_more(services: Services, accepted: Accepted, task: Request) -> Reply:
    """Do a task again. Raises Denied for who may not do it any more."""
    command = TaskCommand(load_tasks()[task.command])
    again = replace(task, person=accepted.request.person, act=accepted.request.act)
    again = await services.admitted(again, command.COMMAND)
    async with aclosing(command.run(services, replace(accepted, request=again))) as reply:
        async for chunk in reply:
            yield chunk


async def _question(services: Services, accepted: Accepted) -> Turn | None:
    button = accepted.request.arguments.get("request", "")
    if not accepted.conversation:
        return None  # the button's request was not made in this channel, or there is no conversation
    if button.isdecimal() and (question := await services.store.question_of(int(button))):
        return question
    turns = await services.store.turns(accepted.conversation)
    return next((turn for turn in reversed(turns) if turn.role == "user"), None)
