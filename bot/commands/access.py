"""/access: who may use the bot, a command or a model; and who may not."""

from __future__ import annotations

from collections.abc import Sequence

from bot.books import Change, Entry, Rule
from bot.errors import UserError
from bot.policy import nearest_first
from bot.ports import Accepted
from bot.services import Services
from bot.tables import table
from bot.types import Command, Done, Option, Reply, Request, Subject, Text

WHAT = Option("what", "The bot as a whole, /COMMAND, or a model's name", suggested=True)
WHO = Option("who", "A person, a role or user group, everyone or guests", "who")
WHERE = Option("channel", "Or everybody in this channel", "channel", named=True)


def _change(name: str, summary: str) -> Command:
    return Command(name, summary, (WHO, WHAT, WHERE), passes=True, quiet=True, administrative=True)


COMMAND = Command(
    "access",
    "Who may use the bot, its commands and its models",
    subcommands=(
        Command("show", "What you may use here; for administrators all rules", passes=True, quiet=True),
        _change("allow", "Allow somebody the bot, a command or a model"),
        _change("deny", "Forbid somebody the bot, a command or a model"),
        _change("remove", "Take a rule back"),
    ),
)


async def run(services: Services, accepted: Accepted) -> Reply:
    """Show the rules or change one."""
    request = accepted.request
    match request.command.partition(" ")[2]:
        case "show":
            yield Text(_shown(services, request))
        case "allow":
            yield Text(await _rule(services, request, allowed=True))
        case "deny":
            yield Text(await _rule(services, request, allowed=False))
        case _:
            yield Text(await _remove(services, request))
    yield Done()


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """Everything that a rule can be about."""
    commands = [f"/{command.name}" for command in services.commands if not command.unrestricted]
    return ["bot", *commands, *services.backends]


async def _rule(services: Services, request: Request, *, allowed: bool) -> str:
    rule = _asked(services, request, allowed=allowed)
    before = next((known for known in services.administration.rules(request.place) if known == rule), None)
    after = _verdict(rule)
    entry = Entry(request.place, request.person, "access", _named(rule), _verdict(before) if before else "", after)
    await services.administration.change([Change(rule)], [entry])
    verb = "may use" if allowed else "may not use"
    return f"{rule.subject.label} {verb} {_what(rule.target)} from now on. `/access show` lists all rules."


async def _remove(services: Services, request: Request) -> str:
    asked = _asked(services, request, allowed=False)
    rule = next((known for known in services.administration.rules(request.place) if known == asked), None)
    if rule is None:
        raise UserError(f"There is no rule for {asked.subject.label} about {_what(asked.target)}.")
    entry = Entry(request.place, request.person, "access", _named(rule), _verdict(rule))
    await services.administration.change([Change(rule, removed=True)], [entry])
    return f"The rule for {rule.subject.label} about {_what(rule.target)} is gone."


def _asked(services: Services, request: Request, *, allowed: bool) -> Rule:
    """The rule that was asked for. Raises UserError."""
    given = request.arguments
    subject = Subject.read(given.get("channel") or given.get("who", ""))
    if subject is None or subject.kind == "workspace":
        raise UserError("Say who it is about: a person, a role, `everyone`, `guests`, or a channel with `--channel`.")
    place = request.place
    return Rule(place.platform, place.workspace, subject, _target(services, given.get("what", "bot")), allowed)


def _target(services: Services, what: str) -> str:
    name = what.strip().removeprefix("model:").removeprefix("command:")
    commands = {command.name for command in services.commands if not command.unrestricted}
    if name.lower() in ("bot", ""):
        return "bot"
    if name.removeprefix("/") in commands and not (name in services.backends and what.startswith("model:")):
        return f"command:{name.removeprefix('/')}"
    if name in services.backends:
        return f"model:{name}"
    raise UserError(f"There is no command or model “{name[:60]}”. Write bot, /COMMAND or a model's name.")


def _shown(services: Services, request: Request) -> str:
    person = request.person
    may = ", ".join(f"/{name}" for name in services.policy.commands(request, services.commands)) or "nothing"
    models = ", ".join(services.models(request)) or "none"
    lines = [f"You may use here: {may}. Models: {models}."]
    rules = sorted(services.administration.rules(request.place), key=nearest_first)
    if person.administrator and rules:
        rows = [(rule.subject.kind, rule.subject.label, _what(rule.target), _verdict(rule)) for rule in rules]
        lines.append(table(("kind", "who", "what", "verdict"), rows))
        lines.append("The rule about the nearest counts: person, role, channel, then everyone.")
    elif person.administrator:
        lines.append("There are no rules: every member may use everything, guests nothing.")
    return "\n".join(lines)


def _named(rule: Rule) -> str:
    return f"{_what(rule.target)} for {rule.subject.label}"


def _what(target: str) -> str:
    kind, _, name = target.partition(":")
    return {"bot": "the bot", "command": f"/{name}", "model": f"the model {name}"}[kind]


def _verdict(rule: Rule) -> str:
    return "allowed" if rule.allowed else "denied"
