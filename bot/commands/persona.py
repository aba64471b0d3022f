"""/persona: named characters that the bot can answer as; made by administrators, chosen by everybody."""

from __future__ import annotations

from collections.abc import Sequence

from bot.administration.settings import LEVELS, NONE
from bot.administration.state import Administration
from bot.commands import _setting_changes
from bot.commands._rule_changes import changed, new_name, persona
from bot.interfaces.command import Command, Option
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Request
from bot.interfaces.records import AuditedChange, Persona
from bot.interfaces.replies import LONGEST_LABEL, Choices, Done, Field, Form, Item, Menu, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.utils.formatting import brief

NAME = Option("name", "The persona's name", required=True, suggested=True)
PROMPT = Option("prompt", "What the model is told: who it is and how it speaks")
SCOPE = Option("scope", "For whom: the workspace, this channel or thread, or only you", choices=LEVELS, named=True)


def _sub(
    name: str, summary: str, options: tuple[Option, ...] = (), *, administrative: bool = False, dialog: bool = False
) -> Command:
    return Command(name, summary, options, passes=True, quiet=True, administrative=administrative, dialog=dialog)


COMMAND = Command(
    "persona",
    "Choose who answers: named personas with their own prompt",
    subcommands=(
        _sub("list", "The personas there are, and which one answers here"),
        _sub("use", "Choose a persona; “none” for no persona", (NAME, SCOPE)),
        _sub("show", "What a persona tells the model", (NAME,)),
        _sub("make", "Make a persona", (NAME, PROMPT), administrative=True, dialog=True),
        _sub("edit", "Change a persona", (NAME, PROMPT), administrative=True, dialog=True),
        _sub("delete", "Delete a persona", (NAME,), administrative=True),
    ),
)


async def run(services: Services, accepted: Accepted) -> Reply:
    """List, choose, show, make, edit or delete."""
    request = accepted.request
    name, prompt = request.arguments.get("name", "").strip(), request.arguments.get("prompt", "").strip()
    match request.command.partition(" ")[2]:
        case "list":
            yield Text(_listed(services, request))
            if items := _items(services.administration, request):
                yield Choices((Menu("Choose a persona…", "persona use", "name", items),))
        case "use" if name.lower() == NONE:
            yield Text(await _setting_changes.put(services, request, "persona", "", request.arguments.get("scope", "")))
        case "use":
            yield Text(
                await _setting_changes.put(services, request, "persona", name, request.arguments.get("scope", ""))
            )
        case "show":
            known = _existing(services.administration, request, name)
            yield Text(f"**{known.name}** tells the model:\n>>> {known.prompt}")
        case "make" | "edit":
            yield Text(await _write(services, request, name, prompt))
        case _:
            yield Text(await _delete(services, request, name))
    yield Done()


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """The personas there are."""
    names = list(services.administration.personas(request.place))
    return [*names, NONE] if request.command == "persona use" else names


async def dialog(services: Services, request: Request) -> Form | None:
    """A form for the prompt, where it was not given; nobody writes one for a name that there cannot be."""
    if request.arguments.get("prompt"):
        return None
    name, before = request.arguments.get("name", ""), ""
    if _is_new(request):
        name = _unused_name(services.administration, request, name)
    else:
        known = _existing(services.administration, request, name)
        name, before = known.name, known.prompt
    field = Field("prompt", "What the model is told", "text", before, hint="You are a pirate. You answer in rhymes.")
    return Form(f"Persona {name}"[:24], request.command, (field,), {"name": name})


def _listed(services: Services, request: Request) -> str:
    personas = services.administration.personas(request.place)
    if not personas:
        return "There are no personas yet. Administrators make one with `/persona make NAME`."
    now = services.administration.persona(request.place, services.settings(request).persona)
    lines = [
        f"- **{one.name}**{' (answers here)' if one == now else ''}: {brief(one.prompt, LONGEST_LABEL)}"
        for one in personas.values()
    ]
    return "\n".join(lines)


def _items(administration: Administration, request: Request) -> tuple[Item, ...]:
    personas = administration.personas(request.place).values()
    short = [one for one in personas if len(one.name) <= LONGEST_LABEL]
    items = [Item(one.name, one.name, brief(one.prompt, LONGEST_LABEL)) for one in short]
    return (*items[:24], Item(NONE, NONE, "Answer without a persona")) if items else ()


def _existing(administration: Administration, request: Request, name: str) -> Persona:
    """The persona of a name. Raises UserError that lists them."""
    if found := administration.persona(request.place, name):
        return found
    names = administration.personas(request.place)
    there = f"There are: {', '.join(names)}." if names else "There are none yet."
    raise UserError(f"There is no persona “{name[:60]}” here. {there}")


def _unused_name(administration: Administration, request: Request, name: str) -> str:
    """The name of a persona that there is not yet. Raises UserError."""
    if known := administration.persona(request.place, name):
        raise UserError(f"There is a persona “{known.name}” already. Change it with `/persona edit {known.name}`.")
    return new_name(name)


async def _write(services: Services, request: Request, name: str, prompt: str) -> str:
    """Make or change one."""
    if not prompt:
        raise UserError(f"Write the prompt after the name: `/{request.command} {name} You are …`.")
    personas = services.administration

    def decision() -> Sequence[AuditedChange]:
        wanted = _unused_name(personas, request, name) if _is_new(request) else _existing(personas, request, name).name
        return [changed(services, request, persona(personas, request.place, wanted, prompt))]

    (entry,) = await services.administration.decide(decision)
    return f"**{entry.target}** is ready: `/persona use {entry.target}` lets it answer."


def _is_new(request: Request) -> bool:
    return request.command == "persona make"


async def _delete(services: Services, request: Request, name: str) -> str:
    def decision() -> Sequence[AuditedChange]:
        return [changed(services, request, _existing(services.administration, request, name), removed=True)]

    (entry,) = await services.administration.decide(decision)
    return f"**{entry.target}** is gone. Where it was chosen, no persona answers now."
