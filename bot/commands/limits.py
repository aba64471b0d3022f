"""/limits: how much people, channels and the whole workspace may use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from bot import amounts
from bot.books import Change, Entry, Limit, Unit, Window
from bot.errors import UserError
from bot.limits import FARTHEST_FIRST, about, named, standings_table
from bot.ports import Accepted
from bot.services import Services
from bot.tables import table
from bot.types import Command, Done, Option, Place, Reply, Request, Subject, Text
from bot.windows import WINDOWS

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
            yield Text(_shown(services, request))
        case "set":
            yield Text(await _set(services, request))
        case _:
            yield Text(await _remove(services, request))
    yield Done()


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """The models."""
    return list(services.backends)


def _shown(services: Services, request: Request) -> str:
    budget = services.budget
    standings = budget.standings(request.place, request.person, *services.backends)
    lines = ["Nothing is limited for you here."]
    if standings:
        lines = ["What holds for you here:", standings_table(standings, budget.currency, budget.clock())]
    limits = sorted(services.administration.limits(request.place), key=_nearest_last)
    if request.person.administrator and limits:
        rows = [(limit.subject.kind, limit.subject.label, named(limit, budget.currency)) for limit in limits]
        lines.append(table(("kind", "who", "limit"), rows))
        lines.append(
            "A person's limit replaces a role's, and that everyone's; of several roles the most generous counts. "
            "A channel's and the workspace's count beside them."
        )
    return "\n".join(lines)


def _nearest_last(limit: Limit) -> tuple[int, str, str, str, int]:
    kind = FARTHEST_FIRST.index(limit.subject.kind)
    return kind, limit.subject.label, limit.model, limit.unit, WINDOWS.index(limit.window)


async def _set(services: Services, request: Request) -> str:
    asked = _asked(services, request, request.arguments.get("amount", ""))
    before, after = _known(services, request.place, asked), _amount(services, asked)
    entry = Entry(request.place, request.person, "limit set", _target(asked), before, after)
    await services.administration.change([Change(asked)], [entry])
    was = f" (before: {before})" if before else ""
    said = f"{_who(asked)}: {named(asked, services.budget.currency)} from now on{was}. `/limits show` lists all limits."
    return f"{said}{_without_price(services, asked)}"


async def _remove(services: Services, request: Request) -> str:
    asked = _asked(services, request, "0")
    before = _known(services, request.place, asked)
    if not before:
        raise UserError(f"There is no limit of {_target(asked)}. `/limits show` lists all limits.")
    entry = Entry(request.place, request.person, "limit remove", _target(asked), before)
    await services.administration.change([Change(asked, removed=True)], [entry])
    return f"The limit of {_target(asked)} is gone; it was {before}."


def _asked(services: Services, request: Request, amount: str) -> Limit:
    """The limit that was asked for; without anybody named, everyone's. Raises UserError."""
    given, place = request.arguments, request.place
    subject = Subject.read(given.get("channel") or given.get("who") or "everyone")
    if subject is None or (given.get("channel") and given.get("who")):
        raise UserError(
            "Say whom it is for: a person, a role, `guests`, `everyone` or the `workspace`; or name a `--channel`."
        )
    model = given.get("model", "").strip()
    if model and model not in services.backends:
        raise UserError(f"There is no model “{model[:60]}”. There are: {', '.join(services.backends)}.")
    unit, window = _unit(given.get("of", "")), _window(given.get("per", ""))
    return Limit(place.platform, place.workspace, subject, model, unit, window, amounts.read(amount, unit))


def _unit(text: str) -> Unit:
    for unit in UNITS:
        if text.strip().lower() in (unit, unit.removesuffix("s")):
            return unit
    raise UserError(f"What is counted is one of: {', '.join(UNITS)}; “{text[:40]}” is none.")


def _window(text: str) -> Window:
    for window in WINDOWS:
        if text.strip().lower() == window:
            return window
    raise UserError(f"It is counted by the {', '.join(WINDOWS[:-1])} or {WINDOWS[-1]}; “{text[:40]}” is none.")


def _known(services: Services, place: Place, asked: Limit) -> str:
    """What such a limit is so far, "" for none."""
    known = (limit for limit in services.administration.limits(place) if limit == asked)
    return next((_amount(services, limit) for limit in known), "")


def _amount(services: Services, limit: Limit) -> str:
    return amounts.shown(limit.amount, limit.unit, services.budget.currency)


def _target(limit: Limit) -> str:
    return f"{limit.unit} {about(limit.window, limit.model)} for {limit.subject.label}"


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


def _without_price(services: Services, limit: Limit) -> str:
    """A warning where money is limited that nobody counts."""
    models = services.catalogue.sections
    chosen = [limit.model] if limit.model else list(models)
    free = [name for name in chosen if not amounts.costs(models[name])]
    if limit.unit != "money" or not free:
        return ""
    return f"\n⚠️ No price is set in config.toml for: {', '.join(free)}. What they answer costs nothing by this count."
