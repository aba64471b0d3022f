"""/usage: show one's usage and limits; for administrators, everybody's usage as tables, a chart and CSV."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from bot.administration.closed_places import name_of
from bot.administration.limits import money
from bot.administration.limits.budget import Budget
from bot.administration.limits.rules import limit_table
from bot.commands._closed_places import closed_to
from bot.interfaces.adapter import Adapter
from bot.interfaces.command import Command, Option
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Place, Request
from bot.interfaces.replies import Done, File, Reply, Text
from bot.interfaces.store import Accepted
from bot.interfaces.usage import Grouping, UsageStore, UsageTotal
from bot.services import Services
from bot.utils.charts import Chart, draw_chart
from bot.utils.csv_files import csv_file
from bot.utils.formatting import markdown_table

MOST_PEOPLE = 20
MOST_PLACES = 10
MOST_BARS = 10
OTHERS = "others"
FORGOTTEN = "forgotten"
"""The name of people whose data was deleted."""

PERIODS: Mapping[str, Callable[[date], date]] = {
    "month": lambda today: today.replace(day=1),
    "today": lambda today: today,
    "7d": lambda today: today - timedelta(days=6),
    "30d": lambda today: today - timedelta(days=29),
    "90d": lambda today: today - timedelta(days=89),
}
"""The function from today to the first day, by period; the first period is the default."""

Measure = Callable[[UsageTotal], float]

MEASURES: Mapping[str, Measure] = {
    "tokens": lambda total: total.usage.prompt_tokens + total.usage.completion_tokens,
    "requests": lambda total: total.requests,
    "money": lambda total: total.cost / money.MILLION,
}

PERIOD = Option("period", "The period; this month by default", choices=tuple(PERIODS))
MEASURE = Option("of", "The unit: tokens, requests or money", choices=tuple(MEASURES))

COLUMNS = (
    *("day", "person", "person_id", "place", "channel_id", "model"),
    *("requests", "failures", "prompt_tokens", "completion_tokens", "cost"),
)


def _sub(name: str, summary: str, *options: Option, administrative: bool = True) -> Command:
    return Command(name, summary, options, passes=True, quiet=True, administrative=administrative)


COMMAND = Command(
    "usage",
    "Show usage and limits",
    subcommands=(
        _sub("show", "Show your usage and your limits", PERIOD, administrative=False),
        _sub("people", "Show usage by person, channel and model", PERIOD),
        _sub("chart", "Draw usage by day and model, and by person", PERIOD, MEASURE),
        _sub("csv", "Export usage as a CSV file, by day, person, channel and model", PERIOD),
    ),
)


async def run(services: Services, accepted: Accepted) -> Reply:
    """Show the person's usage, or report everybody's to administrators."""
    request = accepted.request
    first = PERIODS[request.arguments.get("period") or next(iter(PERIODS))](_today(services.budget))
    match request.command.partition(" ")[2]:
        case "show":
            yield Text(await _own_usage(services, request, first))
        case "people":
            yield Text(await _people(services, request, first))
        case "chart":
            chart = await _chart(services, request, first)
            yield Text(f"{chart.title}:")
            yield File("usage.png", await draw_chart(chart, services.config.data / "charts"), _alternative_text(chart))
        case _:
            yield Text(f"Usage since {first}, by day, person, channel and model:")
            yield File(f"usage-{first}.csv", await _csv(services, request, first), "The usage as CSV")
    yield Done()


def _today(budget: Budget) -> date:
    return datetime.fromtimestamp(budget.clock(), UTC).date()


async def _totals(
    usage: UsageStore, request: Request, first: date, *by: Grouping, person: str = ""
) -> Sequence[UsageTotal]:
    place = request.place
    return await usage.totals(by, _milliseconds(first), place.platform, place.workspace, person)


def _milliseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


# Tables ---------------------------------------------------------------------------------------------------------------


async def _own_usage(services: Services, request: Request, first: date) -> str:
    budget = services.budget
    used = await _totals(services.usage, request, first, "model", person=request.person.id)
    lines = [f"You have not used anything since {first}."]
    if used:
        lines = [f"Your usage since {first}:", _table(services.budget, "model", used, lambda total: total.key[0])]
    standings = budget.limit_usages(request.place, request.person, *services.backends)
    if standings:
        lines += ["Your limits here:", limit_table(standings, budget.currency, budget.clock())]
    else:
        lines.append("There is no limit for you here.")
    return "\n".join(lines)


async def _people(services: Services, request: Request, first: date) -> str:
    people = _largest_first(await _totals(services.usage, request, first, "person"), MEASURES["tokens"])
    if not people:
        return f"There is no usage since {first}. Choose a longer period, such as `90d`."
    places = _largest_first(await _totals(services.usage, request, first, "place"), MEASURES["tokens"])[:MOST_PLACES]
    closed = await _closed(services.adapters, request, [total.key[0] for total in places])
    places = [_without_place(total, total.key[0] in closed) for total in places]
    models = _largest_first(await _totals(services.usage, request, first, "model"), MEASURES["tokens"])
    more = (
        f"\nThese are the first {MOST_PEOPLE} of {len(people)} people; `/usage csv` has all."
        if len(people) > MOST_PEOPLE
        else ""
    )
    return "\n".join(
        (
            f"Usage since {first}:",
            _table(services.budget, "person", people[:MOST_PEOPLE], _person) + more,
            _table(services.budget, "channel", places, _place),
            _table(services.budget, "model", models, lambda total: total.key[0]),
            await _ratings(services.usage, request, first),
        )
    ).rstrip()


async def _ratings(usage: UsageStore, request: Request, first: date) -> str:
    """Return the sentence about the ratings of each model's answers; "" without ratings."""
    place, since = request.place, _milliseconds(first)
    ratings = await usage.ratings(since, place.platform, place.workspace)
    counts = ", ".join(f"{rating.model} {rating.good:,} 👍 {rating.bad:,} 👎" for rating in ratings)
    return f"Ratings of the answers: {counts}." if counts else ""


def _table(budget: Budget, first: str, totals: Sequence[UsageTotal], name: Callable[[UsageTotal], str]) -> str:
    """Return a table with one row a total; the column of costs only if any total has one."""
    costs = any(total.cost for total in totals)
    headers = (first, "requests", "failed", "tokens", *(("cost",) if costs else ()))
    rows = []
    for total in totals:
        cost = money.format_amount(total.cost, "money", budget.currency)
        counted = (total.requests, total.failures, int(MEASURES["tokens"](total)))
        rows.append((name(total), *(f"{number:,}" for number in counted), *((cost,) if costs else ())))
    return markdown_table(headers, rows)


def _largest_first(totals: Sequence[UsageTotal], measure: Measure) -> Sequence[UsageTotal]:
    return sorted(totals, key=measure, reverse=True)


async def _closed(adapters: Mapping[str, Adapter], request: Request, channels: Collection[str]) -> Collection[str]:
    """Return those of the channels that the asking person may not read. Raises PlatformError."""
    place = request.place
    places = {Place(place.platform, place.workspace, channel) for channel in channels}
    return {closed.channel for closed in await closed_to(adapters, request, places)}


def _without_place(total: UsageTotal, hidden: bool) -> UsageTotal:
    """Return the total, without the name of its place if that is hidden."""
    name = name_of(Place("", "", "", name=total.place_name))
    return replace(total, place_name=name) if hidden else total


def _person(total: UsageTotal) -> str:
    return total.person_name or total.key[0] or FORGOTTEN


def _place(total: UsageTotal) -> str:
    return (total.place_name or total.key[0]) if total.key[0] else "direct messages"


# Chart and file -------------------------------------------------------------------------------------------------------


async def _chart(services: Services, request: Request, first: date) -> Chart:
    """Return the chart's content. Raises UserError without any usage."""
    measure_name = request.arguments.get("of") or next(iter(MEASURES))
    measure, today = MEASURES[measure_name], _today(services.budget)
    by_day = await _totals(services.usage, request, first, "day", "model")
    if not any(measure(total) for total in by_day):
        raise UserError(
            f"There is nothing to draw: the usage since {first} has no {measure_name}. "
            "Choose a longer period, such as `90d`."
        )
    days = [str(first + timedelta(days=number)) for number in range((today - first).days + 1)]
    counted = {total.key: measure(total) for total in by_day}
    used = _largest_first(await _totals(services.usage, request, first, "model"), measure)
    models = {model: [counted.get((day, model), 0.0) for day in days] for (model,) in (total.key for total in used)}
    people = _largest_first(await _totals(services.usage, request, first, "person"), measure)
    bars = [(_person(total), measure(total)) for total in people[:MOST_BARS]]
    if len(people) > MOST_BARS:
        bars.append((OTHERS, sum(map(measure, people[MOST_BARS:]))))
    unit = services.budget.currency if measure_name == "money" else measure_name
    return Chart(f"Usage since {first.day} {first:%B %Y}", unit, days, models, bars)


def _alternative_text(chart: Chart) -> str:
    """Return the chart as text, for people who cannot see it."""
    models = ", ".join(f"{model} {sum(values):,.6g}" for model, values in chart.models.items())
    people = ", ".join(f"{name} {value:,.6g}" for name, value in chart.people[:3])
    return f"{chart.title}, in {chart.unit}. By model: {models}. Most by: {people}."


async def _csv(services: Services, request: Request, first: date) -> bytes:
    totals = await _totals(services.usage, request, first, "day", "person", "channel", "model")
    closed = await _closed(services.adapters, request, [total.key[2] for total in totals])
    return csv_file(COLUMNS, [_row(total, hidden=total.key[2] in closed) for total in totals])


def _row(total: UsageTotal, *, hidden: bool) -> Sequence[str | int]:
    day, person, channel, model = total.key
    total = _without_place(total, hidden)
    what = (day, total.person_name, person, total.place_name, "" if hidden else channel, model)
    tokens = (total.usage.prompt_tokens, total.usage.completion_tokens)
    return (*what, total.requests, total.failures, *tokens, f"{total.cost / money.MILLION:.6f}")
