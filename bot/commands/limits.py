"""/limits: how much people, channels and the whole workspace may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from bot.administration.limits import money
from bot.administration.limits.periods import WINDOWS
from bot.administration.limits.rules import FARTHEST_FIRST, describe_limit, limit_table
from bot.catalogue import Catalogue
from bot.commands._rule_changes import about_limit, changed, limit
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

AMOUNT = Option("amount", "How much: 20, 100k or, of money, 2.50", required=True)
OF = Option("of", "What is counted", required=True, choices=UNITS)
PER = Option("per", "The clock's minute, hour, day or month, in UTC", required=True, choices=WINDOWS)
WHO = Option("who", "A person, a role or user group, guests, everyone by themselves, or the workspace", "who")
MODEL = Option("model", "Only what is used of this model", suggested=True, named=True)
WHERE = Option("channel", "Or all in this channel together", "channel", named=True)

COMMAND = Command(
    "limits",
    "How many requests and tokens, and how much money may be used",
    subcommands=(
        Command("show", "What holds for you here; for administrators all limits", passes=True, quiet=True),
        Command(
            "set",
            "Set a limit, or change it",
            (AMOUNT, OF, PER, WHO, MODEL, WHERE),
            passes=True,
            quiet=True,
            administrative=True,
        ),
        Command(
            "remove", "Take a limit back", (OF, PER, WHO, MODEL, WHERE), passes=True, quiet=True, administrative=True
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
    """The models."""
    return list(services.backends)


def _overview(services: Services, request: Request) -> str:
    budget = services.budget
    standings = budget.limit_usages(request.place, request.person, *services.backends)
    lines = ["Nothing is limited for you here."]
    if standings:
        lines = ["What holds for you here:", limit_table(standings, budget.currency, budget.clock())]
    limits = sorted(services.administration.limits(request.place), key=_nearest_last)
    if request.person.administrator and limits:
        rows = [(one.subject.kind, one.subject.label, describe_limit(one, budget.currency)) for one in limits]
        lines.append(markdown_table(("kind", "who", "limit"), rows))
        lines.append(
            "A person's limit replaces a role's, and that everyone's; of several roles the most generous counts. "
            "A channel's and the workspace's count beside them."
        )
    return "\n".join(lines)


def _nearest_last(limit: Limit) -> tuple[int, str, str, str, int]:
    kind = FARTHEST_FIRST.index(limit.subject.kind)
    return kind, limit.subject.label, limit.model, limit.unit, WINDOWS.index(limit.window)


async def _set(services: Services, request: Request) -> str:
    asked = _asked(services.backends, request, request.arguments.get("amount", ""))
    (entry,) = await services.administration.decide(lambda: [changed(services, request, asked)])
    was = f" (before: {entry.before})" if entry.before else ""
    limit_text = describe_limit(asked, services.budget.currency)
    said = f"{_who(asked)}: {limit_text} from now on{was}. `/limits show` lists all limits."
    return f"{said}{_without_price(services.catalogue, asked)}"


async def _remove(services: Services, request: Request) -> str:
    asked = _asked(services.backends, request, "0")

    def decision() -> Sequence[AuditedChange]:
        if services.administration.stored(asked) is None:
            raise UserError(f"There is no limit of {about_limit(asked)}. `/limits show` lists all limits.")
        return [changed(services, request, asked, removed=True)]

    (entry,) = await services.administration.decide(decision)
    return f"The limit of {entry.target} is gone; it was {entry.before}."


def _asked(backends: Mapping[str, Backend], request: Request, amount: str) -> Limit:
    """The limit that was asked for; without anybody named, everyone's. Raises UserError."""
    given = request.arguments
    channel, who, model = given.get("channel", ""), given.get("who", ""), given.get("model", "").strip()
    subject = None if channel and who else Subject.read(channel or who or "everyone")
    unit, window = UNITS[UNITS.index(given["of"])], WINDOWS[WINDOWS.index(given["per"])]  # the core made sure of both
    return limit(backends, request.place, subject, model, unit, window, money.parse_amount(amount, unit))


def _who(limit: Limit) -> str:
    match limit.subject.kind:
        case "everyone":
            return "Everyone, each by themselves"
        case "guests":
            return "Guests, each by themselves"
        case "role":
            return f"Everyone with {limit.subject.label}, each by themselves"
        case "channel" | "workspace":
            return f"All in {limit.subject.label} together".replace("in workspace", "in this workspace")
        case _:
            return limit.subject.label


def _without_price(catalogue: Catalogue, limit: Limit) -> str:
    """A warning where money is limited that nobody counts."""
    models = catalogue.sections
    chosen = [limit.model] if limit.model else list(models)
    free = [name for name in chosen if not money.costs(models[name])]
    if limit.unit != "money" or not free:
        return ""
    return f"\n⚠️ No price is set in config.toml for: {', '.join(free)}. What they answer costs nothing by this count."
