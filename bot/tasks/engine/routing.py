"""Choose the model of a task: one made for it, or an instructed chat model; and suggest a better one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.administration import task_preferences
from bot.administration.model_choice import AvailableModels
from bot.catalogue import Catalogue
from bot.interfaces.backend import THIS_MACHINE, KeyedBackend
from bot.interfaces.errors import UserError
from bot.interfaces.jobs import Skill
from bot.interfaces.messages import Request
from bot.interfaces.replies import LONGEST_LABEL, Choice, Choices, Done, Note
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.tasks.engine.task import Task


@dataclass(frozen=True, slots=True)
class TaskRoute:
    """The model of a task; `instructed` if it is a chat model that gets instructions, `quoting` if it only quotes.

    `makeshift` is True if a chat model answers only because no model here is made for the task.
    """

    model: str
    instructed: bool
    makeshift: bool = False
    quoting: bool = False


def choose_route(services: Services, request: Request, task: Task, available: AvailableModels) -> TaskRoute | None:
    """Return the route of a task here; None if no model can do it. Raises UserError or Denied for a requested model."""
    requested_way, requested_model = request.arguments.get("with", ""), request.arguments.get("model", "")
    if requested_model:
        if route := _route_of(services, services.models.require(request, requested_model), task, requested_way):
            return route
        raise UserError(
            f"{requested_model} cannot do /{task.name}. Leave `model` out, or choose another one: `/models` lists them."
        )
    preference = task_preferences.preference_for(services.settings(request).tasks, task.name)
    if preference in available.names and (route := _route_of(services, preference, task, requested_way)):
        return route
    possible = preference in task_preferences.PREFERENCES and (preference != "chat" or task.instructed)
    way = requested_way or (preference if possible else "auto")
    made = made_for(services, request, task, available)
    if made and way != "chat":
        return TaskRoute(made[0], instructed=False)
    if way != "local" and (able := _without_asking(services, task, available)):
        return TaskRoute(able[0], instructed=True, makeshift=way == "auto")
    quoting = _embedders(services, task, available) if way != "chat" else ()
    return TaskRoute(quoting[0], instructed=False, quoting=True) if quoting else None


def _route_of(services: Services, model: str, task: Task, way: str) -> TaskRoute | None:
    """Return the route of one model in the requested way; None if it cannot do the task so."""
    if task.skill in skills(services.catalogue, model) and way != "chat":
        return TaskRoute(model, instructed=False)
    if task.quoting and "embed" in skills(services.catalogue, model) and way != "chat":
        return TaskRoute(model, instructed=False, quoting=True)
    return TaskRoute(model, instructed=True) if can_be_instructed(services, task, model) and way != "local" else None


def made_for(services: Services, request: Request, task: Task, available: AvailableModels) -> Sequence[str]:
    """Return the models of the task's skill that this person may use here; the one in the settings comes first."""
    able = [name for name in available.names if task.skill in skills(services.catalogue, name)]
    first = task_preferences.preference_for(services.settings(request).tasks, task.name)
    with_option = (tags for option, tags in task.tags_with.items() if request.arguments.get(option))
    preferred_tags = ("", *next(with_option, task.tags))
    tags = {name: _tag(services.catalogue, name) if task.tags else "" for name in able}
    fitting = [name for name in able if tags[name] in preferred_tags]
    return sorted(fitting, key=lambda name: (name != first, preferred_tags.index(tags[name])))


def _tag(catalogue: Catalogue, model: str) -> str:
    """Return the Hub's task of a model from chat, or of a model with a head; "" for others from config.toml."""
    entry = catalogue.entry(model)
    return entry.added.task if entry.added else entry.section.purpose


def chat_models(services: Services, task: Task, available: AvailableModels) -> Sequence[str]:
    """Return the chat models that can do a task; the default model comes first."""
    able = [name for name in available.names if can_be_instructed(services, task, name)]
    return sorted(able, key=lambda name: name != available.default)


def _without_asking(services: Services, task: Task, available: AvailableModels) -> Sequence[str]:
    """Return the chat models that send the input only where questions go, so that nobody has to agree.

    For a text that is only the default model; for an image, any model at the same destination.
    """
    destination = services.backends[available.default].destination
    able = chat_models(services, task, available)
    if task.takes == "picture":
        return [name for name in able if services.backends[name].destination == destination]
    return [name for name in able if name == available.default]


def _embedders(services: Services, task: Task, available: AvailableModels) -> Sequence[str]:
    """Return the embedding models here, or at the destination of questions; none if the task cannot quote."""
    where = {THIS_MACHINE, services.backends[available.default].destination}
    able = (name for name in available.names if "embed" in skills(services.catalogue, name))
    return [name for name in able if services.backends[name].destination in where] if task.quoting else ()


def skills(catalogue: Catalogue, model: str) -> Collection[Skill]:
    """Return the skills of a model."""
    return catalogue.sections[model].skills


def can_be_instructed(services: Services, task: Task, model: str) -> bool:
    """Return whether a chat model has its key, follows instructions and can do the task with its images."""
    section, backend = services.catalogue.sections[model], services.backends[model]
    if isinstance(backend, KeyedBackend) and backend.missing_key and model != services.config.default_model:
        return False
    able = section.converses and section.follows_instructions and (section.sees or task.takes != "picture")
    return task.instructed is not None and able


# Offers ---------------------------------------------------------------------------------------------------------------


def offer(
    services: Services, accepted: Accepted, request: Request, task: Task, available: AvailableModels
) -> Sequence[Choices | Note | Done]:
    """Return the offer of a task without a model: a model to add, or a chat model."""
    sentence, buttons = _to_add(services, request, task)
    sentences = [f"There is no model for /{task.name} here.", sentence]
    if able := chat_models(services, task, available):
        where = services.backends[able[0]].destination
        sentences.append(f"The chat model {able[0]} can do it, too; it runs on {where}.")
        arguments = {"request": str(accepted.id), "model": able[0], "with": "chat"}
        buttons = (*buttons, Choice(f"Use {able[0]}"[:LONGEST_LABEL], task.name, arguments))
    return [Choices(buttons), Note(" ".join(sentences)), Done("failed")]


def advice(services: Services, request: Request, task: Task, route: TaskRoute) -> Sequence[Choices | Note]:
    """Return a suggestion for administrators if the model was a makeshift: a model that is made for the task."""
    if not (route.makeshift and task.model and request.person.administrator):
        return ()
    sentence, buttons = _to_add(services, request, task)
    reason = f"No model here is made for /{task.name}. {sentence}"
    return [Choices(buttons), Note(f"{reason} To keep the chat model and hide this hint: `/config set tasks chat`.")]


def _to_add(services: Services, request: Request, task: Task) -> tuple[str, tuple[Choice, ...]]:
    """Return a sentence about adding a model for the task, and a button for people who may."""
    if not task.model:
        return f'The operator can add one to config.toml, with `can = ["{task.skill}"]` in its table.', ()
    if not services.catalogue.rules.admits(task.model):
        return f"The operator can admit {task.model} with [hub] allow in config.toml.", ()
    if services.policy.operator_only(request):
        return f"The operator of this bot can add one: {task.model}.", ()
    if not request.person.administrator:
        return f"An administrator can add one: `/models add {task.model}`.", ()
    add = Choice("Add a model for it", "models add", {"model": task.model})
    return f"You can add one: `/models add {task.model}`.", (add,)
