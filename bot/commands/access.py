"""/access: permit or deny the bot, a command or a model to people."""

from __future__ import annotations

from collections.abc import Sequence

from bot.administration.policy import nearest_first
from bot.commands._rule_changes import audited_change, checked_rule, decision_text, parse_target, target_label
from bot.interfaces.command import Command, Option
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Request, Subject
from bot.interfaces.records import AuditedChange, Rule
from bot.interfaces.replies import Done, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.utils.formatting import markdown_table

TARGET = Option("what", "The bot as a whole, /COMMAND, or a model's name", suggested=True)
SUBJECT = Option("who", "A person, a role or user group, everyone or guests", "who")
CHANNEL = Option("channel", "Everybody in this channel, instead of a person or a role", "channel", named=True)


def _change(name: str, summary: str) -> Command:
    return Command(name, summary, (SUBJECT, TARGET, CHANNEL), passes=True, quiet=True, administrative=True)


COMMAND = Command(
    "access",
    "Permit or deny the bot, its commands and its models",
    subcommands=(
        Command("show", "Show your rights here, and for administrators all rules", passes=True, quiet=True),
        _change("allow", "Permit the bot, a command or a model"),
        _change("deny", "Deny the bot, a command or a model"),
        _change("remove", "Remove a rule"),
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
    """Return the possible targets of a rule."""
    commands = [f"/{command.name}" for command in services.commands if not command.unrestricted]
    return ["bot", *commands, *services.backends]


async def _rule(services: Services, request: Request, *, allowed: bool) -> str:
    rule = _requested_rule(services, request, allowed=allowed)
    await services.administration.decide(lambda: [audited_change(services, request, rule)])
    verb = "may use" if allowed else "may not use"
    return f"{rule.subject.label} {verb} {target_label(rule.target)} from now on. `/access show` lists all rules."


async def _remove(services: Services, request: Request) -> str:
    rule = _requested_rule(services, request, allowed=False)
    about = f"for {rule.subject.label} about {target_label(rule.target)}"

    def decision() -> Sequence[AuditedChange]:
        if services.administration.stored(rule) is None:
            raise UserError(f"There is no rule {about}. `/access show` lists all rules.")
        return [audited_change(services, request, rule, removed=True)]

    await services.administration.decide(decision)
    return f"I removed the rule {about}. `/access show` lists all rules."


def _requested_rule(services: Services, request: Request, *, allowed: bool) -> Rule:
    """Return the rule that the arguments describe. Raises UserError.

    The first word is the subject. Beside a channel, which is the subject then, the first word is the target.
    """
    arguments = request.arguments
    channel, subject, target = arguments.get("channel", ""), arguments.get("who", ""), arguments.get("what", "")
    if subject and not target and Subject.read(subject) is None and parse_target(services, subject):
        subject, target = "", subject
    if channel and subject:
        raise UserError(
            "A rule has one subject. For a person or a role, leave `--channel` out; for a channel, name only the "
            "channel."
        )
    return checked_rule(services, request.place, Subject.read(channel or subject), target or "bot", allowed=allowed)


def _overview(services: Services, request: Request) -> str:
    person = request.person
    may = ", ".join(f"/{name}" for name in services.policy.commands(request, services.commands)) or "nothing"
    models = ", ".join(services.models.available(request).names) or "none"
    lines = [f"Here you may use these commands: {may}. Models: {models}."]
    rules = sorted(services.administration.rules(request.place), key=nearest_first)
    if person.administrator and rules:
        rows = [
            (rule.subject.kind, rule.subject.label, target_label(rule.target), decision_text(services.budget, rule))
            for rule in rules
        ]
        lines.append(markdown_table(("kind", "subject", "target", "decision"), rows))
        lines.append("The most specific rule applies: first a person's, then a role's, a channel's and everyone's.")
    elif person.administrator:
        lines.append(
            "There are no rules: members may use everything, guests nothing. "
            "`/access allow` and `/access deny` add one."
        )
    return "\n".join(lines)
