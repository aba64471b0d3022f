"""/access: who may use the bot, a command or a model; and who may not."""

from __future__ import annotations

from collections.abc import Sequence

from bot.administration.policy import nearest_first
from bot.commands._rule_changes import changed, rule, target_label, target_of, value
from bot.interfaces.command import Command, Option
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Request, Subject
from bot.interfaces.records import AuditedChange, Rule
from bot.interfaces.replies import Done, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.utils.formatting import markdown_table

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
            yield Text(_overview(services, await services.rights.confirm(request)))
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
    made = _asked(services, request, allowed=allowed)
    await services.administration.decide(lambda: [changed(services, request, made)])
    verb = "may use" if allowed else "may not use"
    return f"{made.subject.label} {verb} {target_label(made.target)} from now on. `/access show` lists all rules."


async def _remove(services: Services, request: Request) -> str:
    asked = _asked(services, request, allowed=False)
    about = f"for {asked.subject.label} about {target_label(asked.target)}"

    def decision() -> Sequence[AuditedChange]:
        if services.administration.stored(asked) is None:
            raise UserError(f"There is no rule {about}. `/access show` lists all rules.")
        return [changed(services, request, asked, removed=True)]

    await services.administration.decide(decision)
    return f"The rule {about} is gone."


def _asked(services: Services, request: Request, *, allowed: bool) -> Rule:
    """The rule that was asked for. Raises UserError.

    What is typed first is whom it is about; with a channel named beside it, it is what it is about.
    """
    given = request.arguments
    channel, who, what = given.get("channel", ""), given.get("who", ""), given.get("what", "")
    if who and not what and Subject.read(who) is None and target_of(services, who):
        who, what = "", who
    if channel and who:
        raise UserError(
            "A rule is about one subject: leave `--channel` out for a person or a role, or name the channel alone."
        )
    return rule(services, request.place, Subject.read(channel or who), what or "bot", allowed=allowed)


def _overview(services: Services, request: Request) -> str:
    person = request.person
    may = ", ".join(f"/{name}" for name in services.policy.commands(request, services.commands)) or "nothing"
    models = ", ".join(services.models.available(request).names) or "none"
    lines = [f"You may use here: {may}. Models: {models}."]
    rules = sorted(services.administration.rules(request.place), key=nearest_first)
    if person.administrator and rules:
        rows = [
            (one.subject.kind, one.subject.label, target_label(one.target), value(services.budget, one))
            for one in rules
        ]
        lines.append(markdown_table(("kind", "who", "what", "verdict"), rows))
        lines.append("The rule about the nearest counts: person, role, channel, then everyone.")
    elif person.administrator:
        lines.append("There are no rules: every member may use everything, guests nothing.")
    return "\n".join(lines)
