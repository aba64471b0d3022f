"""Run a task as a command: collect its input, choose a model, run the steps and name the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from bot.administration.limits import money
from bot.administration.model_choice import AvailableModels
from bot.catalogue import Catalogue
from bot.chat.answer import EMPTY_NOTE
from bot.chat.buttons import stop_choice
from bot.inference import pipelines
from bot.inference.pipelines import PIPELINES
from bot.interfaces.backend import Backend
from bot.interfaces.command import Command, Option
from bot.interfaces.errors import ContextTooLong, UserError
from bot.interfaces.jobs import Skill
from bot.interfaces.messages import Request
from bot.interfaces.replies import Choices, Done, Note, Reply, Status, Usage
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.tasks.engine.inputs import collect_input
from bot.tasks.engine.models import SMALLEST_ROOM, task_model
from bot.tasks.engine.routing import TaskRoute, advice, chat_models, choose_route, made_for, offer, skills
from bot.tasks.engine.runner import LENGTH_NOTE, TaskRun
from bot.tasks.engine.task import Takes, Task, TaskInput

FILE = Option("file", "A file", "file", named=True)
SHARED = (
    Option("last", "Read this number of the last messages here", named=True),
    Option("since", "Read the messages here of this time: 30m, 2h, 7d", named=True),
    Option("model", "The model for the task", suggested=True, named=True),
    Option(
        "with",
        "The kind of model: one made for the task (local), or a chat model",
        named=True,
        choices=("local", "chat"),
    ),
    Option("private", "Show the answer only to you", kind="flag"),
)


TAKES: Mapping[Skill, Takes] = {
    "transcribe": "sound",
    "classify-picture": "picture",
    "detect": "picture",
    "describe": "picture",
}
"""The input of a skill that does not read text."""


class TaskCommand:
    """A task as a command of the bot."""

    def __init__(self, task: Task) -> None:
        self.task = task
        text = (task.text, FILE) if task.takes == "text" else (FILE,)
        own = {option.name for option in task.own}
        shared = [option for option in SHARED if option.name not in own]
        self.COMMAND = Command(task.name, task.summary, (*task.own, *text, *shared), shortcut=task.shortcut)

    async def run(self, services: Services, accepted: Accepted) -> Reply:
        """Run the task, or offer a model for it."""
        request = await original_request(services, accepted.request)
        services.recent.keep(accepted.id, request)
        task = resolved_task(services, request, self.task)
        available = services.models.available(request)
        route = choose_route(services, request, task, available)
        if route is None:
            for offered in offer(services, accepted, request, task, available):
                yield offered
            return
        async with services.room.share(request) as share:
            # before the bot shows anything, which it would read as a message of this place
            task_input = await collect_input(services, request, task, share)
            task_input = _prepared(services, request, task, route, task_input, available)
            yield Choices((stop_choice(accepted.id),))
            yield Status("Working on it…")
            model = task_model(services, accepted, task, route, task_input.file)
            steps = task.instructed if route.instructed else task.quoting if route.quoting else task.steps
            assert steps
            run = TaskRun(steps, task_input, model, thinking=services.settings(accepted.request).thinking)
            while (events := await run.events()) is not None:
                try:
                    async with aclosing(events) as stream:
                        async for event in stream:
                            for chunk in run.take(event):
                                yield chunk
                            if run.full:
                                break
                except ContextTooLong as error:
                    run.shorten(error)
        if run.cut_off and not run.full:
            yield Note(LENGTH_NOTE)
        yield Choices(())
        yield Note(_attribution(services.backends, replace(route, model=model.name)) if run.length else EMPTY_NOTE)
        for advised in advice(services, request, task, route):
            yield advised
        yield Done("complete", run.usage)

    async def suggest(self, services: Services, request: Request, option: str) -> Sequence[str]:
        """Return the possible models, those made for the task first; or the pipelines."""
        if option == "pipeline":
            return tuple(PIPELINES)
        available = services.models.available(request)
        if self.task.skill is None:
            return [name for name in available.names if skills(services.catalogue, name)]
        able = (*made_for(services, request, self.task, available), *chat_models(services, self.task, available))
        return list(dict.fromkeys(able))


async def original_request(services: Services, request: Request) -> Request:
    """Return the request or, from a button, the original request with the button's arguments. Raises Denied."""
    number = request.arguments.get("request", "")
    if not number:
        return request
    original = services.recent.require(number)
    await services.rights.check_steering(request, original.person.id, original.place)
    changed = {name: value for name, value in request.arguments.items() if name != "request"}
    return replace(original, person=request.person, arguments={**original.arguments, **changed})


def resolved_task(services: Services, request: Request, task: Task) -> Task:
    """Return a task for any skill with the requested skill, or with the chosen model's. Raises UserError."""
    if task.skill is not None:
        return task
    model = services.models.require(request, request.arguments.get("model", ""))
    able = skills(services.catalogue, model)
    kind = "run" if request.arguments.get("pipeline") else request.arguments.get("kind", "")
    skill = next((one for one in able if kind in (one, "")), None)
    if skill is None:
        raise UserError(
            f"{model} does not do that. It can: {', '.join(able)}." if able else f"{model} is a chat model. Use `/ask`."
        )
    takes = (
        PIPELINES[_pipeline(services.catalogue, request, model)].feed if skill == "run" else TAKES.get(skill, "text")
    )
    return replace(task, skill=skill, takes=takes)


def _pipeline(catalogue: Catalogue, request: Request, model: str) -> str:
    """Return the requested pipeline, or the model's default. Raises UserError for an unknown pipeline."""
    default = str(catalogue.sections[model].model_dump().get("pipeline", ""))
    return pipelines.resolved(request.arguments.get("pipeline", "") or default)


def _prepared(
    services: Services,
    request: Request,
    task: Task,
    route: TaskRoute,
    task_input: TaskInput,
    available: AvailableModels,
) -> TaskInput:
    """Return the input, completed with the facts about the model that reads it."""
    context = services.backends[route.model].context
    sections = {name: services.catalogue.sections[name] for name in available.names}

    def prices(tokens: int) -> Sequence[tuple[str, str]]:
        usage, currency = Usage(tokens), services.config.bot.currency
        return [
            (name, money.format_amount(money.cost(section, usage), "money", currency))
            for name, section in sections.items()
            if money.costs(section)
        ]

    return replace(
        task_input,
        skill=task.skill,
        pipeline=_pipeline(services.catalogue, request, route.model) if task.skill == "run" else "",
        room=max(SMALLEST_ROOM, context // 2) if route.instructed else task_input.room,
        prices=prices,
    )


def _attribution(backends: Mapping[str, Backend], route: TaskRoute) -> str:
    """Return the line that names the model and the destination of the text."""
    destination = backends[route.model].destination
    kind = "chat model, " if route.instructed else "quotes from the text, " if route.quoting else ""
    return f"Answered by {route.model} ({kind}{destination})."
