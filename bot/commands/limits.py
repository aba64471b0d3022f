"""/limits: the most that people, channels and the whole workspace may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from bot.administration.limits import money
from bot.administration.limits.periods import WINDOWS
from bot.administration.limits.rules import FARTHEST_FIRST, describe_limit, limit_table
from bot.catalogue import Catalogue
from bot.commands._rule_changes import audited_change, checked_limit, limit_label
from bot.interfaces.backend import Backend
from bot.interfaces.command import Command, Option
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Request, Subject
from bot.interfaces.records import AuditedChange, Limit, Unit
from bot.interfaces.replies import Done, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.utils.formatting import markdown_table

UNITS: tuple[Unit, ...] = get_args(Unit)

AMOUNT = Option("amount", "The most: 20, 100k or, for money, 2.50", required=True)
UNIT = Option("of", "The unit: requests, tokens or money", required=True, choices=UNITS)
PERIOD = Option("per", "The period: minute, hour, day or month, in UTC", required=True, choices=WINDOWS)
SUBJECT = Option("who", "A person, a role or user group, guests, each person (everyone), or the workspace", "who")
MODEL = Option("model", "Only the use of this model", suggested=True, named=True)
CHANNEL = Option("channel", "Everybody in this channel together, instead of a person or a role", "channel", named=True)

COMMAND = Command(
    "limits",
    "Limit requests, tokens and money",
    subcommands=(
        Command("show", "Show your limits here, and for administrators all limits", passes=True, quiet=True),
        Command(
            "set",
            "Set or change a limit",
            (AMOUNT, UNIT, PERIOD, SUBJECT, MODEL, CHANNEL),
            passes=True,
            quiet=True,
            administrative=True,
        ),
        Command(
            "remove",
            "Remove a limit",
            (UNIT, PERIOD, SUBJECT, MODEL, CHANNEL),
            passes=True,
            quiet=True,
            administrative=True,
        ),
    ),
)


async def run(services: Services, accepted: Accepted) -> Reply:
    """Show the limits or change one."""
    request = accepted.request
    match request.command.partition(" ")[2]:
        case "show":
            yield Text(_overview(services, await services.rights.confirm(request)))
        case "set":
            yield Text(await _set(services, request))
        case _:
            yield Text(await _remove(services, request))
    yield Done()


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """Return the names of the models."""
    return list(services.backends)


def _overview(services: Services, request: Request) -> str:
    budget = services.budget
    standings = budget.limit_usages(request.place, request.person, *services.backends)
    lines = ["There is no limit for you here."]
    if standings:
        lines = ["Your limits here:", limit_table(standings, budget.currency, budget.clock())]
    limits = sorted(services.administration.limits(request.place), key=_farthest_first)
    if request.person.administrator and limits:
        rows = [(limit.subject.kind, limit.subject.label, describe_limit(limit, budget.currency)) for limit in limits]
        lines.append(markdown_table(("kind", "subject", "limit"), rows))
        lines.append(
            "The most specific limit applies: a person's, then a role's, then everyone's. "
            "With several roles, the highest limit "
            "applies. The limits of the channel and the workspace apply in addition."
        )
    return "\n".join(lines)


def _farthest_first(limit: Limit) -> tuple[int, str, str, str, int]:
    kind = FARTHEST_FIRST.index(limit.subject.kind)
    return kind, limit.subject.label, limit.model, limit.unit, WINDOWS.index(limit.window)


async def _set(services: Services, request: Request) -> str:
    limit = _requested_limit(services.backends, request, request.arguments.get("amount", ""))
    (entry,) = await services.administration.decide(lambda: [audited_change(services, request, limit)])
    was = f" (before: {entry.before})" if entry.before else ""
    answer = (
        f"{_subject_label(limit)}: {describe_limit(limit, services.budget.currency)} from now on{was}. "
        "`/limits show` lists all limits."
    )
    return f"{answer}{_without_price(services.catalogue, limit)}"


async def _remove(services: Services, request: Request) -> str:
    limit = _requested_limit(services.backends, request, "0")

    def decision() -> Sequence[AuditedChange]:
        if services.administration.stored(limit) is None:
            raise UserError(f"There is no limit of {limit_label(limit)}. `/limits show` lists all limits.")
        return [audited_change(services, request, limit, removed=True)]

    (entry,) = await services.administration.decide(decision)
    return f"The limit of {entry.target} is removed; it was {entry.before}."


def _requested_limit(backends: Mapping[str, Backend], request: Request, amount: str) -> Limit:
    """Return the limit that the arguments describe; the subject is everyone by default. Raises UserError."""
    arguments = request.arguments
    channel, subject_text, model = (
        arguments.get("channel", ""),
        arguments.get("who", ""),
        arguments.get("model", "").strip(),
    )
    subject = None if channel and subject_text else Subject.read(channel or subject_text or "everyone")
    unit, window = (
        UNITS[UNITS.index(arguments["of"])],
        WINDOWS[WINDOWS.index(arguments["per"])],
    )  # the core has checked both
    return checked_limit(backends, request.place, subject, model, unit, window, money.parse_amount(amount, unit))


def _subject_label(limit: Limit) -> str:
    match limit.subject.kind:
        case "everyone":
            return "Everyone, per person"
        case "guests":
            return "Guests, per person"
        case "role":
            return f"Everyone with {limit.subject.label}, per person"
        case "channel" | "workspace":
            return f"Everybody in {limit.subject.label} together".replace("in workspace", "in this workspace")
        case _:
            return limit.subject.label


def _without_price(catalogue: Catalogue, limit: Limit) -> str:
    """Return a warning about a limit of money on models without a price, or ""."""
    models = catalogue.sections
    chosen = [limit.model] if limit.model else list(models)
    unpriced = [name for name in chosen if not money.costs(models[name])]
    if limit.unit != "money" or not unpriced:
        return ""
    return (
        f"\n⚠️ These models do not have a price in config.toml: {', '.join(unpriced)}. Their answers count as free. "
        "Set `input_price` and `output_price` there."
    )
