"""/retry, and the button Retry: answer the same question again."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

from bot.chat.answer import answer_again
from bot.interfaces.command import Command
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Request, Turn
from bot.interfaces.replies import Note, Reply
from bot.interfaces.store import Accepted, ConversationStore
from bot.services import Services
from bot.tasks.engine.command import TaskCommand
from bot.tasks.engine.registry import load_tasks

COMMAND = Command("retry", "Answer the last question again")


async def run(services: Services, accepted: Accepted) -> Reply:
    """Answer the question of the button's request again, or this conversation's last question."""
    request = accepted.request
    if task := services.recent.get(request.arguments.get("request", "")):
        answer = await _task_again(services, accepted, task)
    else:
        question = await _question(services.conversations, accepted)
        await services.rights.check_steering(request, question.person, request.place)
        if "request" not in request.arguments and not (request.place.thread or request.place.direct):
            conversation = await services.conversations.conversation(accepted.conversation)
            yield Note(f"Answered again: {conversation.label}.")
        answer = answer_again(services, accepted, question.id)
    async with aclosing(answer) as reply:
        async for chunk in reply:
            yield chunk


async def _task_again(services: Services, accepted: Accepted, task: Request) -> Reply:
    """Return the reply of a task that runs again. Raises Denied if the person may not run it any more."""
    await services.rights.check_steering(accepted.request, task.person.id, task.place)
    command = TaskCommand(load_tasks()[task.command])
    again = replace(task, person=accepted.request.person, act=accepted.request.act)
    again = await services.rights.admit(again, command.COMMAND)
    return command.run(services, replace(accepted, request=again))


async def _question(store: ConversationStore, accepted: Accepted) -> Turn:
    """Return the question of the button's request, else the conversation's newest. Raises UserError without one."""
    button, question = accepted.request.arguments.get("request", ""), None
    if accepted.conversation and button.isdecimal():
        question = await store.question_of(int(button))
    if accepted.conversation and question is None:
        turns = await store.turns(accepted.conversation)
        question = next((turn for turn in reversed(turns) if turn.role == "user"), None)
    if question is None:
        raise UserError("There is no question to answer again here. Ask one first.")
    return question
