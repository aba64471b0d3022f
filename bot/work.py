"""Doing a task: which way, with which model, on what; and what is offered where no model serves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from bot import amounts, wishes
from bot.doing import SMALLEST_ROOM, Means, do
from bot.errors import UserError
from bot.given import gather, sort_of
from bot.inference.kinds import Skill
from bot.ports import Accepted
from bot.services import Services
from bot.talk import EMPTY_NOTE, stop_choice
from bot.task import Given, Takes, Task
from bot.types import Choice, Choices, Command, Done, File, Note, Option, Reply, Request, Status, Text, Usage

LENGTH_NOTE = "The model stopped at its longest answer, so the end is missing."

FILE = Option("file", "A file", "file", named=True)
SHARED = (
    Option("last", "Read so many of the last messages here", named=True),
    Option("since", "Read what was said here since: 30m, 2h, 7d", named=True),
    Option("model", "Which model does it", suggested=True, named=True),
    Option("with", "A model made for it (local), or one that converses (chat)", named=True, choices=("local", "chat")),
    Option("private", "Only you see the answer", kind="flag"),
)


TAKES: Mapping[Skill, Takes] = {
    "transcribe": "sound",
    "classify-picture": "picture",
    "detect": "picture",
    "describe": "picture",
}
"""What is read for a skill where it is no text."""


class TaskCommand:
    """A task as the command that people ask for."""

    def __init__(self, task: Task) -> None:
        self.task = task
        text = (task.text, FILE) if task.takes == "text" else (FILE,)
        own = {option.name for option in task.own}
        shared = [option for option in SHARED if option.name not in own]
        self.COMMAND = Command(task.name, task.summary, (*task.own, *text, *shared), shortcut=task.shortcut)

    async def run(self, services: Services, accepted: Accepted) -> Reply:
        """Do it, or offer what would serve."""
        request = again(services, accepted.request)
        services.recent.keep(accepted.id, request)
        task = settled(services, request, self.task)
        means = choose(services, request, task)
        if means is None:
            for offered in offer(services, accepted, task):
                yield offered
            return
        given = await gather(services, request, task)  # before anything is shown, which would be read, too
        given = _prepared(services, request, task, means, given)
        yield Choices((stop_choice(accepted.id),))
        yield Status("Working on it…")
        usage, answered = Usage(), False
        async with aclosing(do(services, accepted, task, means, given)) as reply:
            async for chunk in reply:
                answered = answered or isinstance(chunk, Text | File)
                if isinstance(chunk, Done):
                    usage = chunk.usage
                    if chunk.reason == "length":
                        yield Note(LENGTH_NOTE)
                else:
                    yield chunk
        yield Choices(())
        yield Note(_by(services, means) if answered else EMPTY_NOTE)
        yield Done("complete", usage)

    async def suggest(self, services: Services, request: Request, option: str) -> Sequence[str]:
        """The models that can do it, those that are made for it first."""
        if self.task.skill is None:
            return [name for name in services.models(request) if _skills(services, name)]
        made = made_for(services, request, self.task)
        told = [name for name in services.models(request) if _can_be_told(services, name, self.task)]
        return list(dict.fromkeys([*made, *told]))


def again(services: Services, request: Request) -> Request:
    """The request itself or, from a button, the one that the button stands under, done the other way."""
    number = request.arguments.get("request", "")
    if not number:
        return request
    before = services.recent.require(number, request)
    changed = {name: value for name, value in request.arguments.items() if name != "request"}
    return replace(before, arguments={**before.arguments, **changed})


def settled(services: Services, request: Request, task: Task) -> Task:
    """A task of any skill as one of the skill that is asked for, or else of the chosen model's. Raises UserError."""
    if task.skill is not None:
        return task
    model = services.allowed(request, request.arguments.get("model", ""))
    able = _skills(services, model)
    wanted = "run" if request.arguments.get("pipeline") else request.arguments.get("kind", "")
    skill = next((one for one in able if wanted in (one, "")), None)
    if skill is None:
        raise UserError(f"{model} can {', '.join(able)}." if able else f"{model} only converses: use /ask.")
    return replace(task, skill=skill, takes=_sort(request) if skill == "run" else TAKES.get(skill, "text"))


def _sort(request: Request) -> Takes:
    """What a pipeline is to read: the file of the request, or else its text."""
    sorts = (sort_of(file) for file in request.attachments)
    return next(sorts, "text")


def made_for(services: Services, request: Request, task: Task) -> Sequence[str]:
    """The models of the task's skill that this person may use here; the one that is set for it first."""
    able = [name for name in services.models(request) if _has(services, name, task)]
    first, wanted = wishes.wish(services.settings(request).tasks, task.name), ("", *task.tags)
    tags = {name: _tag(services, name) if task.tags else "" for name in able}
    fitting = [name for name in able if tags[name] in wanted]
    return sorted(fitting, key=lambda name: (name != first, wanted.index(tags[name])))


def _tag(services: Services, model: str) -> str:
    """What the Hub says that a model is for; "" for those of config.toml, whose operator knows."""
    added = services.catalogue.entry(model).added
    return added.task if added else ""


def choose(services: Services, request: Request, task: Task) -> Means | None:
    """What does the task here; None where nothing serves. Raises UserError or Denied for a model that cannot."""
    wish = wishes.wish(services.settings(request).tasks, task.name)
    wished_way, wished_model = (wish, "") if wish in wishes.WAYS else ("auto", wish)
    wanted = request.arguments.get("model", "") or wished_model
    way = request.arguments.get("with", "") or wished_way
    if wanted:
        model = services.allowed(request, wanted)
        if _has(services, model, task) and way != "chat":
            return Means(model, told=False)
        if _can_be_told(services, model, task) and way != "local":
            return Means(model, told=True)
        if request.arguments.get("model"):
            raise UserError(f"The model {model} is not made for /{task.name}.")
    made = made_for(services, request, task)
    if made and way != "chat":
        return Means(made[0], told=False)
    if way != "local" and (teller := _teller(services, request, task)):
        return Means(teller, told=True)
    return None


def _teller(services: Services, request: Request, task: Task) -> str:
    """The model that is told to do a task where nobody chose one: the one that answers here, else any; "" for none."""
    able = [name for name in services.models(request) if _can_be_told(services, name, task)]
    default = services.default_model(request)
    return default if default in able else next(iter(able if task.takes == "picture" else ()), "")


def offer(services: Services, accepted: Accepted, task: Task) -> Sequence[Choices | Note | Done]:
    """What would serve: a model to pull, or one that converses."""
    request, buttons = accepted.request, list[Choice]()
    sentences = [f"There is no model for /{task.name} here."]
    if task.model and not services.catalogue.hub.rules.admits(task.model):
        sentences.append(f"{task.model} would serve, once the operator admits it: [hub] allow in config.toml.")
    elif task.model:
        who = "You can add one" if request.person.administrator else "An administrator can add one"
        sentences.append(f"{who}: `/models add {task.model}`.")
        if request.person.administrator:
            buttons.append(Choice("Add that model", "models add", {"model": task.model}))
    else:
        sentences.append(f'The operator can name one in config.toml: `can = ["{task.skill}"]` in its table.')
    if chat := _teller(services, request, task):
        sentences.append(f"Or {chat} does it, told in words.")
        buttons.append(Choice(f"Let {chat} do it"[:80], task.name, {"request": str(accepted.id), "with": "chat"}))
    return [Choices(tuple(buttons)), Note(" ".join(sentences)), Done("failed")]


def _prepared(services: Services, request: Request, task: Task, means: Means, given: Given) -> Given:
    """What was given, and what is known of the model that works on it."""
    context = services.backends[means.model].context
    priced = {name: services.catalogue.sections[name] for name in services.models(request)}

    def prices(tokens: int) -> Sequence[tuple[str, str]]:
        usage, currency = Usage(tokens), services.config.bot.currency
        return [
            (name, amounts.shown(amounts.cost(section, usage), "money", currency))
            for name, section in priced.items()
            if amounts.costs(section)
        ]

    return replace(
        given,
        skill=task.skill,
        room=max(SMALLEST_ROOM, context // 2) if means.told else given.room,
        prices=prices,
    )


def _has(services: Services, model: str, task: Task) -> bool:
    return task.skill in _skills(services, model)


def _skills(services: Services, model: str) -> Collection[Skill]:
    return services.catalogue.sections[model].skills


def _can_be_told(services: Services, model: str, task: Task) -> bool:
    section = services.catalogue.sections[model]
    return task.told is not None and section.converses and (section.sees or task.takes != "picture")


def _by(services: Services, means: Means) -> str:
    """Who did it, and where the text went."""
    where = services.backends[means.model].destination
    return f"By {means.model}, told in words: {where}." if means.told else f"By {means.model}: {where}."
