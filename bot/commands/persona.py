"""/persona: named characters that the bot can answer as; made by administrators, chosen by everybody."""

from __future__ import annotations

from collections.abc import Sequence

from bot import levels
from bot.books import Change, Entry, Persona
from bot.errors import UserError
from bot.ports import Accepted
from bot.services import Services
from bot.settings import LEVELS, LONGEST
from bot.types import Choices, Command, Done, Field, Form, Item, Menu, Option, Reply, Request, Text

NAME = Option("name", "The persona's name", required=True, suggested=True)
PROMPT = Option("prompt", "What the model is told: who it is and how it speaks")
SCOPE = Option("scope", "For whom: the workspace, this channel or thread, or only you", choices=LEVELS, named=True)

LONGEST_NAME = 32

NOBODY = "none"
"""The name that ends a persona's being used."""


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
            if items := _items(services, request):
                yield Choices((Menu("Choose a persona…", "persona use", "name", items),))
        case "use" if name.lower() == NOBODY:
            yield Text(await levels.put(services, request, "persona", "", request.arguments.get("scope", "")))
        case "use":
            yield Text(await levels.put(services, request, "persona", name, request.arguments.get("scope", "")))
        case "show":
            yield Text(f"**{name}** tells the model:\n>>> {_known(services, request, name).prompt}")
        case "make":
            yield Text(await _make(services, request, name, prompt))
        case "edit":
            known = _known(services, request, name)
            yield Text(await _keep(services, request, known, prompt))
        case _:
            yield Text(await _delete(services, request, _known(services, request, name)))
    yield Done()


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """The personas there are."""
    names = list(services.administration.personas(request.place))
    return [*names, NOBODY] if request.command == "persona use" else names


async def dialog(services: Services, request: Request) -> Form | None:
    """A form for the prompt, where it was not given."""
    if request.arguments.get("prompt"):
        return None
    name = request.arguments.get("name", "")
    before = "" if request.command == "persona make" else _known(services, request, name).prompt
    field = Field("prompt", "What the model is told", "text", before, hint="You are a pirate. You answer in rhymes.")
    return Form(f"Persona {name}"[:24], request.command, (field,), {"name": name})


def _listed(services: Services, request: Request) -> str:
    personas = services.administration.personas(request.place)
    if not personas:
        return "There are no personas yet. Administrators make one with `/persona make NAME`."
    now = services.settings(request).persona
    lines = [f"- **{name}**{' (answers here)' if name == now else ''}: {_begin(personas[name])}" for name in personas]
    return "\n".join(lines)


def _items(services: Services, request: Request) -> tuple[Item, ...]:
    personas = services.administration.personas(request.place)
    items = [Item(name, name, _begin(persona)) for name, persona in personas.items()]
    return (*items[:24], Item(NOBODY, NOBODY, "Answer without a persona")) if items else ()


def _begin(persona: Persona) -> str:
    line = " ".join(persona.prompt.split())
    return line if len(line) <= 75 else f"{line[:74]}…"


def _known(services: Services, request: Request, name: str) -> Persona:
    personas = services.administration.personas(request.place)
    if name not in personas:
        there = f"There are: {', '.join(personas)}." if personas else "There are none yet."
        raise UserError(f"There is no persona “{name[:60]}” here. {there}")
    return personas[name]


async def _make(services: Services, request: Request, name: str, prompt: str) -> str:
    if name in services.administration.personas(request.place):
        raise UserError(f"There is a persona “{name}” already. Change it with `/persona edit {name}`.")
    if not name or len(name) > LONGEST_NAME or name.lower() == NOBODY or any(mark in name for mark in " \n`*/"):
        raise UserError(f"A persona's name is one word of at most {LONGEST_NAME} characters, and not “{NOBODY}”.")
    place = request.place
    return await _keep(services, request, Persona(place.platform, place.workspace, name, ""), prompt)


async def _keep(services: Services, request: Request, before: Persona, prompt: str) -> str:
    if not prompt:
        raise UserError(f"Write the prompt after the name: `/{request.command} {before.name} You are …`.")
    if len(prompt) > LONGEST:
        raise UserError(f"A persona's prompt has at most {LONGEST:,} characters; this one has {len(prompt):,}.")
    persona = Persona(before.platform, before.workspace, before.name, prompt)
    entry = Entry(request.place, request.person, "persona set", before.name, before.prompt, prompt)
    await services.administration.change([Change(persona)], [entry])
    return f"**{before.name}** is ready: `/persona use {before.name}` lets it answer."


async def _delete(services: Services, request: Request, persona: Persona) -> str:
    entry = Entry(request.place, request.person, "persona delete", persona.name, persona.prompt)
    await services.administration.change([Change(persona, removed=True)], [entry])
    return f"**{persona.name}** is gone. Where it was chosen, no persona answers now."
