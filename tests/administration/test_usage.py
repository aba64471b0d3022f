"""/limits and /usage as people and administrators meet them, and the arithmetic beneath."""

from __future__ import annotations

import asyncio
import csv
import io
import struct
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import time
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.administration.limits import money as price
from bot.administration.limits.periods import WINDOWS, began, ends, resets
from bot.administration.limits.rules import bar
from bot.interfaces.config import ModelSection
from bot.interfaces.errors import ShouldersError, UserError
from bot.interfaces.messages import Person, Place
from bot.interfaces.records import Unit, Window
from bot.interfaces.replies import Done, Text, Usage
from bot.interfaces.usage import ModelCall
from bot.utils import charts
from bot.utils.charts import Chart, draw_chart
from tests.administration.stored_data import answer_text
from tests.core.world import ADMIN, ANN, BEN, CHANNEL, World, play

DAY = 86_400_000
NOON = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
async def noon(world: World, tmp_path: Path) -> World:
    """A core at noon of 24 November 2026, with a price for main."""
    world.clock = lambda: NOON / 1000
    world.config = replace(world.config, bot=world.config.bot.model_copy(update={"data": str(tmp_path)}))
    main = world.config.models["main"].model_copy(update={"input_price": 0.5, "output_price": 1.5})
    world.config = replace(world.config, models={**world.config.models, "main": main})
    await world.start()
    await world.queue.recover("discord")
    return world


async def limits(world: World, action: str, given: Mapping[str, str] = MappingProxyType({}), by: Person = ADMIN) -> str:
    return answer_text(await world.command(f"limits {action}", CHANNEL, by, **given))


# /limits --------------------------------------------------------------------------------------------------------------


async def test_changes_of_limits_are_in_the_audit(noon: World) -> None:
    asked = {"amount": "20", "of": "requests", "per": "day"}
    assert "Everyone, per person: 20 requests a day from now on." in await limits(noon, "set", asked)
    assert "(before: 20)" in await limits(noon, "set", {**asked, "amount": "30"})
    await noon.say("hi", CHANNEL)
    shown = await limits(noon, "show", by=ANN)
    (row,) = [line for line in shown.splitlines() if "requests a day" in line]
    assert row.split("  ")[0] == "your 30 requests a day"
    assert "29" in row
    assert "in 12 h, at 00:00 UTC" in row
    assert "everyone" in await limits(noon, "show")
    assert "everyone" not in shown
    assert "it was 30" in await limits(noon, "remove", asked)
    assert "There is no limit for you here." in await limits(noon, "show", by=ANN)
    entries = await noon.app.services.administration.records.audit("discord", "guild", action="limit")
    assert [(entry.action, entry.target, entry.before, entry.after) for entry in reversed(entries)] == [
        ("limit set", "requests a day for everyone", "", "20"),
        ("limit set", "requests a day for everyone", "20", "30"),
        ("limit remove", "requests a day for everyone", "30", ""),
    ]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"who": "person:2|Ben", "amount": "5"}, "@Ben: 5 requests a day from now on."),
        ({"who": "role:9|mods", "amount": "1k"}, "Everyone with @mods, per person: 1,000 requests a day"),
        ({"who": "guests", "amount": "1"}, "Guests, per person: 1 request a day"),
        ({"who": "workspace", "amount": "5"}, "Everybody in this workspace together: 5 requests a day"),
        ({"channel": "channel:general|general", "amount": "5"}, "Everybody in #general together: 5 requests a day"),
        ({"amount": "2m", "of": "tokens", "per": "hour"}, "2,000,000 tokens an hour"),
        ({"amount": "7", "model": "spare"}, "7 requests a day with the model spare"),
        (
            {"amount": "2.5", "of": "money", "per": "month", "model": "main"},
            "2.50 USD a month with the model main from",
        ),
        ({"amount": "2.5", "of": "money"}, "price in config.toml: spare."),
    ],
)
async def test_whom_and_what_a_limit_is_for(noon: World, given: dict[str, str], says: str) -> None:
    assert says in await limits(noon, "set", {"of": "requests", "per": "day", **given})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"amount": "many"}, "“many” is not a valid amount"),
        ({"amount": "-1"}, "“-1” is not a valid amount"),
        ({"amount": "1.5"}, "too many decimal places"),
        ({"amount": "0.0000001", "of": "money"}, "too many decimal places"),
        ({"of": "apples"}, "“apples” is not a valid value of `of`. Write one of: requests, tokens, money."),
        ({"per": "week"}, "“week” is not a valid value of `per`. Write one of: minute, hour, day, month."),
        ({"model": "nobody"}, "There is no model “nobody”. There are: main, spare."),
        ({"who": "somebody"}, "A limit needs one subject"),
        ({"who": "everyone", "channel": "channel:general"}, "A limit needs one subject"),
    ],
)
async def test_every_mistake_says_what_to_write(noon: World, given: dict[str, str], says: str) -> None:
    assert says in await limits(noon, "set", {"amount": "5", "of": "requests", "per": "day", **given})
    assert "There is no limit for you here." in await limits(noon, "show")


async def test_only_administrators_change_limits(noon: World) -> None:
    assert "There is no limit of tokens an hour for everyone." in await limits(
        noon, "remove", {"of": "tokens", "per": "hour"}
    )
    for action in ("set", "remove"):
        refused = await limits(noon, action, {"amount": "9", "of": "requests", "per": "day"}, ANN)
        assert "for administrators" in refused


# /usage ---------------------------------------------------------------------------------------------------------------


async def test_everybody_sees_their_used_and_remaining_amounts(noon: World) -> None:
    assert "You have not used anything since 2026-11-01." in answer_text(await noon.command("usage show", CHANNEL, ANN))
    await limits(noon, "set", {"amount": "4", "of": "requests", "per": "day"})
    play(noon.main, Text("hello"), Done("complete", Usage(1_000, 500)))
    for person in (ANN, ANN, BEN):
        await noon.say("hi", CHANNEL, person)
    shown = answer_text(await noon.command("usage show", CHANNEL, ANN, period="7d"))
    assert "Your usage since 2026-11-18:" in shown
    rows = [line.split() for line in shown.splitlines()]
    assert ["main", "2", "0", "3,000", "0.0025", "USD"] in rows
    assert any(row[:4] == ["your", "4", "requests", "a"] and "█████░░░░░" in row and "50" in row for row in rows)


async def history(world: World) -> None:
    """A month of use, of which some is old."""
    cat = Person("7", "=Cat")
    dm = Place("discord", "guild", "dm-7", direct=True)
    other = Place("discord", "elsewhere", "general")
    calls = [
        ModelCall(0, NOON, CHANNEL, ANN, "main", Usage(100, 50), 125, succeeded=True),
        ModelCall(0, NOON - DAY, CHANNEL, replace(ANN, name="Anne"), "main", Usage(10, 5), 13, succeeded=True),
        ModelCall(0, NOON - DAY, CHANNEL, ANN, "spare", Usage(), 0, succeeded=False),
        ModelCall(0, NOON - 2 * DAY, dm, cat, "spare", Usage(1, 1), 0, succeeded=True),
        ModelCall(0, NOON - 40 * DAY, CHANNEL, BEN, "main", Usage(9_999, 0), 5_000, succeeded=True),
        ModelCall(0, NOON, other, BEN, "main", Usage(7_777, 0), 4_000, succeeded=True),
    ]
    await world.store.usage.add(calls)


async def test_administrators_see_everybodys_usage(noon: World) -> None:
    await history(noon)
    shown = answer_text(await noon.command("usage people", CHANNEL, ADMIN))
    rows = [line.split() for line in shown.splitlines()]
    assert ["Ann", "2", "1", "165", "0.000138", "USD"] in rows
    assert ["=Cat", "1", "0", "2", "0.00", "USD"] in rows
    assert ["#general", "2", "1", "165", "0.000138", "USD"] in rows
    assert ["direct", "messages", "1", "0", "2", "0.00", "USD"] in rows
    assert ["spare", "1", "1", "2", "0.00", "USD"] in rows
    assert "Ben" not in shown
    assert "10,001" not in shown
    assert "Ben" in answer_text(await noon.command("usage people", CHANNEL, ADMIN, period="90d"))
    for report in ("people", "chart", "csv"):
        assert "for administrators" in answer_text(await noon.command(f"usage {report}", CHANNEL, ANN))


async def test_usage_shows_the_ratings_of_answers(noon: World) -> None:
    noon.clock = time
    await noon.start()
    await noon.queue.recover("discord")
    for person, good in ((ANN, "yes"), (BEN, "no"), (ADMIN, "yes")):
        draft = await noon.say("hi", CHANNEL, person)
        await noon.command("feedback", CHANNEL, person, request=str(draft.log.request_id), good=good)
    shown = answer_text(await noon.command("usage people", CHANNEL, ADMIN))
    assert "Ratings of the answers: main 2 👍 1 👎." in shown
    elsewhere = replace(CHANNEL, workspace="elsewhere")
    await noon.say("hi", elsewhere, BEN)
    shown = answer_text(await noon.command("usage people", elsewhere, ADMIN))
    assert "Ben" in shown
    assert "thought" not in shown


async def test_who_was_forgotten_is_counted_without_a_name(noon: World) -> None:
    await noon.store.usage.add([ModelCall(0, NOON, CHANNEL, Person("", ""), "main", Usage(7, 1), succeeded=True)])
    assert "forgotten" in answer_text(await noon.command("usage people", CHANNEL, ADMIN))


async def test_the_csv_has_rows_by_day_and_person(noon: World) -> None:
    await history(noon)
    (file,) = (await noon.command("usage csv", CHANNEL, ADMIN, period="7d")).answers[-1].files
    assert file.name == "usage-2026-11-18.csv"
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert [(row["day"], row["person"], row["place"], row["model"]) for row in rows] == [
        ("2026-11-22", "'=Cat", "", "spare"),
        ("2026-11-23", "Anne", "#general", "main"),
        ("2026-11-23", "Ann", "#general", "spare"),
        ("2026-11-24", "Ann", "#general", "main"),
    ]
    assert (rows[3]["prompt_tokens"], rows[3]["cost"], rows[2]["failures"]) == ("100", "0.000125", "1")


async def test_the_charts_description_has_its_figures(noon: World) -> None:
    await history(noon)
    draft = await noon.command("usage chart", CHANNEL, ADMIN)
    (file,) = draft.answers[-1].files
    assert "By model: main 165, spare 2. Most by: Ann 165, =Cat 2." in file.summary
    width, height = size(file.content)
    assert width == 1600
    assert height > 900
    empty = await noon.command("usage chart", replace(CHANNEL, workspace="quiet"), ADMIN)
    assert "There is nothing to draw: the usage since 2026-11-01 has no tokens" in answer_text(empty)
    wrong = await noon.command("usage chart", CHANNEL, ADMIN, of="apples")
    assert "“apples” is not a valid value" in answer_text(wrong)


async def test_a_period_that_there_is_not_is_said(noon: World) -> None:
    assert "“1y” is not a valid value" in answer_text(await noon.command("usage show", CHANNEL, ANN, period="1y"))


# The picture ----------------------------------------------------------------------------------------------------------

CHART = Chart("June", "tokens", ["2026-06-01", "2026-06-02"], {"gpt": [1.0, 2.0]}, [("Ann $a$ 田中", 3.0)])


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return int(width), int(height)


async def test_a_chart_takes_any_number_of_models(tmp_path: Path) -> None:
    crowd = replace(
        CHART, models={f"model {number}": [number, 0.0] for number in range(12)}, people=[("x" * 99, 1e12)] * 11
    )
    nothing = replace(CHART, days=["2026-06-01"], models={"gpt": [0.0]}, people=[])
    sizes = await asyncio.gather(*(_size(chart, tmp_path) for chart in (CHART, crowd, nothing)))
    assert sizes[1][1] > sizes[0][1]


async def _size(chart: Chart, folder: Path) -> tuple[int, int]:
    return size(await draw_chart(chart, folder))


async def test_a_picture_that_cannot_be_drawn_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ShouldersError, match="could not be drawn"):
        await draw_chart(replace(CHART, days=["yesterday"]), tmp_path)
    monkeypatch.setattr(charts, "DRAWING_SECONDS", 0.0)
    with pytest.raises(ShouldersError, match="could not be drawn"):
        await draw_chart(CHART, tmp_path)


async def test_the_process_that_draws_gets_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    assert "sk-canary" not in str(charts._environment(tmp_path))


# Arithmetic -----------------------------------------------------------------------------------------------------------

PRICES = st.floats(0, 1_000, allow_nan=False)
TOKENS = st.integers(0, 2_000_000)


def priced(prompt: float, answer: float) -> ModelSection:
    return ModelSection(backend="openai", model="m", input_price=prompt, output_price=answer)


@given(PRICES, PRICES, TOKENS, st.integers(0, 10**12))
def test_the_affordable_answer_is_the_longest_one(prompt: float, answer: float, tokens: int, money: int) -> None:
    model = priced(prompt, answer)
    longest = price.affordable(model, tokens, money)
    if longest >= 0:
        assert price.cost(model, Usage(tokens, min(longest, 10**12))) <= money
    if longest < price.LARGEST and money > 0:
        assert price.cost(model, Usage(tokens, longest + 1)) > money


def test_costs_are_exact_and_rounded_up() -> None:
    model = priced(0.15, 0.6)
    assert price.cost(model, Usage(1_000_000, 0)) == 150_000
    assert price.cost(model, Usage(1, 0)) == 1
    assert price.cost(model, Usage(0, 0)) == 0
    assert price.cost(priced(0, 0), Usage(10**9, 10**9)) == 0


@given(st.integers(0, price.LARGEST), st.sampled_from(["requests", "tokens", "money"]))
def test_shown_amounts_can_be_parsed_again(amount: int, unit: Unit) -> None:
    assert price.parse_amount(price.format_amount(amount, unit, "").strip(), unit) == amount


@pytest.mark.parametrize("text", ["", "x", "1e5", "--5", "1 2", "10000000000000000", "1.5"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        price.parse_amount(text, "requests")


@pytest.mark.parametrize("text", ["2,50", "1.000,50", "1,2,3", "1000,000", ",5", "1,000,00k"])
def test_a_comma_that_parts_no_thousands_is_explained(text: str) -> None:
    with pytest.raises(UserError, match=r"commas separate thousands"):
        price.parse_amount(text, "money")


@pytest.mark.parametrize(("text", "amount"), [("1,000", 1_000), ("12,345,678", 12_345_678), ("1,000.5k", 1_000_500)])
def test_a_comma_parts_thousands(text: str, amount: int) -> None:
    assert price.parse_amount(text, "tokens") == amount


@given(st.sampled_from(WINDOWS), st.floats(0, 4_000_000_000))
def test_windows_follow_each_other_without_a_gap(window: Window, now: float) -> None:
    first, last = began(window, now), ends(window, now)
    assert first <= now < last
    assert began(window, last) == last
    assert ends(window, last - 1) == last
    assert resets(window, now).endswith("UTC")


@pytest.mark.parametrize(
    ("used", "amount", "drawn"),
    [
        (0, 10, "░░░░░░░░░░   0 %"),
        (5, 10, "█████░░░░░  50 %"),
        (12, 10, "██████████ 100 %"),
        (0, 0, "██████████ 100 %"),
    ],
)
def test_bars(used: int, amount: int, drawn: str) -> None:
    assert bar(used, amount) == drawn
