"""Who does a task here: a model that is made for it, or one that is told in words; and what would serve better."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.administration import task_preferences
from bot.administration.model_choice import AvailableModels
from bot.catalogue import Catalogue
from bot.interfaces.backend import KeyedBackend
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Skill
from bot.interfaces.messages import Request
from bot.interfaces.replies import LONGEST_LABEL, Choice, Choices, Done, Note
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.tasks.engine.task import Task


@dataclass(frozen=True, slots=True)
class TaskRoute:
    """What does a task: a model, and whether that is made for it or told in words.

    A `makeshift` one is told because nothing that is made for it is here, and nobody wished it so.
    """

    model: str
    instructed: bool
    makeshift: bool = False


def choose_route(services: Services, request: Request, task: Task, available: AvailableModels) -> TaskRoute | None:
    """Return what does the task here; None where nothing serves. Raises UserError or Denied for a model that cannot."""
    asked_way, asked_model = request.arguments.get("with", ""), request.arguments.get("model", "")
    if asked_model:
        if route := _route_of(services, services.models.require(request, asked_model), task, asked_way):
            return route
        raise UserError(f"The model {asked_model} is not made for /{task.name}.")
    preference = task_preferences.preference_for(services.settings(request).tasks, task.name)
    if preference in available.names and (route := _route_of(services, preference, task, asked_way)):
        return route
    possible = preference in task_preferences.PREFERENCES and (preference != "chat" or task.instructed)
    way = asked_way or (preference if possible else "auto")
    made = made_for(services, request, task, available)
    if made and way != "chat":
        return TaskRoute(made[0], instructed=False)
    if way == "local":
        return None
    able = _without_asking(services, task, available)
    return TaskRoute(able[0], instructed=True, makeshift=way == "auto") if able else None


def _route_of(services: Services, model: str, task: Task, way: str) -> TaskRoute | None:
    """A model as what does a task, in the way that was asked for; None where it cannot."""
    if task.skill in skills(services.catalogue, model) and way != "chat":
        return TaskRoute(model, instructed=False)
    return TaskRoute(model, instructed=True) if can_be_instructed(services, task, model) and way != "local" else None


def made_for(services: Services, request: Request, task: Task, available: AvailableModels) -> Sequence[str]:
    """Return the models of the task's skill that this person may use here; the one that is set for it first."""
    able = [name for name in available.names if task.skill in skills(services.catalogue, name)]
    first = task_preferences.preference_for(services.settings(request).tasks, task.name)
    with_option = (tags for option, tags in task.tags_with.items() if request.arguments.get(option))
    wanted = ("", *next(with_option, task.tags))
    tags = {name: _tag(services.catalogue, name) if task.tags else "" for name in able}
    fitting = [name for name in able if tags[name] in wanted]
    return sorted(fitting, key=lambda name: (name != first, wanted.index(tags[name])))


def _tag(catalogue: Catalogue, model: str) -> str:
    """What the Hub says that a model is for; "" for those of config.toml, whose operator knows."""
    added = catalogue.entry(model).added
    return added.task if added else ""


def chat_models(services: Services, task: Task, available: AvailableModels) -> Sequence[str]:
    """Return the models that can be instructed to do a task, the one that answers here first."""
    able = [name for name in available.names if can_be_instructed(services, task, name)]
    return sorted(able, key=lambda name: name != available.default)


def _without_asking(services: Services, task: Task, available: AvailableModels) -> Sequence[str]:
    """Return those of them that nobody need be asked about: what is given goes nowhere where questions do not go.

    For a text that is the one that answers here; for a picture it may be another beside it.
    """
    there = services.backends[available.default].destination
    able = chat_models(services, task, available)
    if task.takes == "picture":
        return [name for name in able if services.backends[name].destination == there]
    return [name for name in able if name == available.default]


def skills(catalogue: Catalogue, model: str) -> Collection[Skill]:
    """What a model is made for."""
    return catalogue.sections[model].skills


def can_be_instructed(services: Services, task: Task, model: str) -> bool:
    """Return whether a model converses, has its key, and sees where the task is about a picture."""
    section, backend = services.catalogue.sections[model], services.backends[model]
    if isinstance(backend, KeyedBackend) and backend.missing_key and model != services.config.default_model:
        return False
    return task.instructed is not None and section.converses and (section.sees or task.takes != "picture")


# What is offered ------------------------------------------------------------------------------------------------------


def offer(
    services: Services, accepted: Accepted, request: Request, task: Task, available: AvailableModels
) -> Sequence[Choices | Note | Done]:
    """Return what would serve: a model to pull, or one that converses."""
    sentence, buttons = _to_add(services, request, task)
    sentences = [f"There is no model for /{task.name} here.", sentence]
    if able := chat_models(services, task, available):
        where = services.backends[able[0]].destination
        sentences.append(f"Or {able[0]} does it, told in words: {where}.")
        again = {"request": str(accepted.id), "model": able[0], "with": "chat"}
        buttons = (*buttons, Choice(f"Let {able[0]} do it"[:LONGEST_LABEL], task.name, again))
    return [Choices(buttons), Note(" ".join(sentences)), Done("failed")]


def advice(services: Services, request: Request, task: Task, route: TaskRoute) -> Sequence[Choices | Note]:
    """For administrators: what would do better than a makeshift."""
    if not (route.makeshift and task.model and request.person.administrator):
        return ()
    sentence, buttons = _to_add(services, request, task)
    why = f"No model here is made for /{task.name}. {sentence}"
    return [Choices(buttons), Note(f"{why} `/config set tasks chat` leaves it so, without this advice.")]


def _to_add(services: Services, request: Request, task: Task) -> tuple[str, tuple[Choice, ...]]:
    """How a model for the task gets here, in words and as a button for who may."""
    if not task.model:
        return f'The operator can name one in config.toml: `can = ["{task.skill}"]` in its table.', ()
    if not services.catalogue.rules.admits(task.model):
        return f"{task.model} would serve, once the operator admits it: [hub] allow in config.toml.", ()
    if services.policy.operator_only(request):
        return f"{task.model} would serve: whoever runs this bot can add it.", ()
    if not request.person.administrator:
        return f"An administrator can add one: `/models add {task.model}`.", ()
    add = Choice("Add a model for it", "models add", {"model": task.model})
    return f"You can add one: `/models add {task.model}`.", (add,)
