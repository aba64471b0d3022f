"""/persona: choose a named system prompt; for administrators, make, edit and delete them."""

from __future__ import annotations

from collections.abc import Sequence

from bot.administration.settings import LEVELS, NONE
from bot.administration.state import Administration
from bot.commands import _setting_changes
from bot.commands._rule_changes import audited_change, checked_persona, new_name
from bot.interfaces.command import Command, Option
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Request
from bot.interfaces.records import AuditedChange, Persona
from bot.interfaces.replies import LONGEST_LABEL, Choices, Done, Field, Form, Item, Menu, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.utils.formatting import brief

NAME = Option("name", "The persona's name", required=True, suggested=True)
PROMPT = Option("prompt", "Instructions for the model: its role and its style")
SCOPE = Option("scope", "The level: the workspace, this channel, this thread, or only you", choices=LEVELS, named=True)


def _sub(
    name: str, summary: str, options: tuple[Option, ...] = (), *, administrative: bool = False, dialog: bool = False
) -> Command:
    return Command(name, summary, options, passes=True, quiet=True, administrative=administrative, dialog=dialog)


COMMAND = Command(
    "persona",
    "Choose a persona: a named prompt for the model",
    subcommands=(
        _sub("list", "List the personas, and the one in force here"),
        _sub("use", "Choose a persona; “none” for no persona", (NAME, SCOPE)),
        _sub("show", "Show the prompt of a persona", (NAME,)),
        _sub("make", "Make a persona", (NAME, PROMPT), administrative=True, dialog=True),
        _sub("edit", "Change a persona", (NAME, PROMPT), administrative=True, dialog=True),
        _sub("delete", "Delete a persona", (NAME,), administrative=True),
    ),
)


async def run(services: Services, accepted: Accepted) -> Reply:
    """List, choose, show, make, edit or delete personas."""
    request = accepted.request
    name, prompt = request.arguments.get("name", "").strip(), request.arguments.get("prompt", "").strip()
    match request.command.partition(" ")[2]:
        case "list":
            yield Text(_listed(services, request))
            if items := _items(services.administration, request):
                yield Choices((Menu("Choose a persona…", "persona use", "name", items),))
        case "use" if name.lower() == NONE:
            yield Text(
                await _setting_changes.set_setting(services, request, "persona", "", request.arguments.get("scope", ""))
            )
        case "use":
            yield Text(
                await _setting_changes.set_setting(
                    services, request, "persona", name, request.arguments.get("scope", "")
                )
            )
        case "show":
            existing = _existing(services.administration, request, name)
            yield Text(f"**{existing.name}** has this prompt:\n>>> {existing.prompt}")
        case "make" | "edit":
            yield Text(await _write(services, request, name, prompt))
        case _:
            yield Text(await _delete(services, request, name))
    yield Done()


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """Return the names of the personas."""
    names = list(services.administration.personas(request.place))
    return [*names, NONE] if request.command == "persona use" else names


async def dialog(services: Services, request: Request) -> Form | None:
    """Return a form for a missing prompt. Raises UserError first if the name is not valid."""
    if request.arguments.get("prompt"):
        return None
    name, before = request.arguments.get("name", ""), ""
    if _is_new(request):
        name = _unused_name(services.administration, request, name)
    else:
        existing = _existing(services.administration, request, name)
        name, before = existing.name, existing.prompt
    field = Field(
        "prompt", "Instructions for the model", "text", before, hint="You are a pirate. You answer in rhymes."
    )
    return Form(f"Persona {name}"[:24], request.command, (field,), {"name": name})


def _listed(services: Services, request: Request) -> str:
    personas = services.administration.personas(request.place)
    if not personas:
        return "There are no personas yet. An administrator can make one with `/persona make NAME`."
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
    """Return the persona of a name. Raises UserError with the existing names."""
    if found := administration.persona(request.place, name):
        return found
    names = administration.personas(request.place)
    others = f"There are: {', '.join(names)}." if names else "There are none yet."
    raise UserError(f"There is no persona “{name[:60]}” here. {others}")


def _unused_name(administration: Administration, request: Request, name: str) -> str:
    """Return a valid name that no persona has yet. Raises UserError."""
    if existing := administration.persona(request.place, name):
        raise UserError(
            f"There is a persona “{existing.name}” already. Change it with `/persona edit {existing.name}`."
        )
    return new_name(name)


async def _write(services: Services, request: Request, name: str, prompt: str) -> str:
    """Store a new or changed persona and return the confirmation. Raises UserError."""
    if not prompt:
        raise UserError(f"The prompt is missing. Write `/{request.command} {name} You are …`.")
    personas = services.administration

    def decision() -> Sequence[AuditedChange]:
        valid_name = (
            _unused_name(personas, request, name) if _is_new(request) else _existing(personas, request, name).name
        )
        return [audited_change(services, request, checked_persona(personas, request.place, valid_name, prompt))]

    (entry,) = await services.administration.decide(decision)
    return f"**{entry.target}** is ready: `/persona use {entry.target}` makes it answer."


def _is_new(request: Request) -> bool:
    return request.command == "persona make"


async def _delete(services: Services, request: Request, name: str) -> str:
    def decision() -> Sequence[AuditedChange]:
        return [audited_change(services, request, _existing(services.administration, request, name), removed=True)]

    (entry,) = await services.administration.decide(decision)
    return f"**{entry.target}** is deleted. Places that used it do not have a persona now."
