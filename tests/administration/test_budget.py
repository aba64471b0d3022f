"""Limits and budgets: never over, never lost, told when they are nearly and quite used up; through the whole core."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from math import ceil
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.administration.limits.budget import Budget
from bot.administration.limits.periods import began
from bot.administration.limits.reservation import Reservation
from bot.administration.limits.rules import LimitUsage, limits_in_force
from bot.administration.settings import Settings
from bot.administration.state import Administration
from bot.interfaces.config import ModelSection
from bot.interfaces.errors import BrokenOff, Denied, StoreError, Unavailable
from bot.interfaces.messages import Act, Person, Place, Request, Subject
from bot.interfaces.prompts import Prompt, Sampling
from bot.interfaces.records import ENDLESS, AuditEntry, Limit, Record, RecordChange, Unit, Window
from bot.interfaces.replies import Done, Status, Text, Usage
from bot.interfaces.store import Accepted
from bot.interfaces.usage import Grouping, ModelCall, RatingTotal, UsageTotal
from storage.sqlite import open_database
from storage.sqlite.usage import SQLiteUsage
from tests.core.world import ADMIN, ANN, BEN, CHANNEL, DIRECT, World, play
from tests.fakes.memory import MemoryDraft

NOON = datetime(2026, 11, 24, 12, 34, 56, tzinfo=UTC).timestamp()
WORDS = "word " * 20
CROWD = 150


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def budgeted(world: World, clock: Clock) -> World:
    """A core with prices and short answers, at noon: main costs 1 and 2 a million, spare is free."""
    world.clock = clock
    main = world.config.models["main"].model_copy(update={"input_price": 1.0, "output_price": 2.0, "max_tokens": 20})
    spare = world.config.models["spare"].model_copy(update={"max_tokens": 20})
    world.config = replace(world.config, models={"main": main, "spare": spare})
    await again(world)
    return world


async def again(world: World) -> None:
    """The same world after a restart of the program, with nothing in memory."""
    await world.start()
    await world.queue.recover("discord")


async def limit(
    world: World,
    amount: int,
    unit: Unit = "requests",
    window: Window = "day",
    subject: Subject | None = None,
    model: str = "",
    place: Place = DIRECT,
) -> None:
    subject = subject or Subject("everyone")
    made = Limit(place.platform, place.workspace, subject, model, unit, window, amount)
    await world.app.services.administration.change([RecordChange(made)], [])


def dm(person: Person) -> Place:
    return replace(DIRECT, channel=f"dm-{person.id}")


def using(prompt: int, answer: int) -> Done:
    return Done("complete", Usage(prompt, answer))


def notes(draft: MemoryDraft) -> str:
    return "\n".join(draft.answers[-1].notes)


def used(world: World, unit: Unit, person: Person = ANN, place: Place = DIRECT, model: str = "") -> int:
    (standing,) = [
        standing
        for standing in world.app.services.budget.limit_usages(place, person, *world.config.models)
        if (standing.limit.unit, standing.limit.model) == (unit, model)
    ]
    assert standing.meter.held[unit] == 0
    return standing.used


# A thousand at once ---------------------------------------------------------------------------------------------------


class Spender:
    """A model whose calls end in every way there is, and that knows what they truly took."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = Random(7)
        self.gate = asyncio.Event()
        self.hanging = asyncio.Event()
        self.calls = self.requests = self.tokens = self.money = 0
        world.main.script = self.script
        models = world.config.models
        world.config = replace(
            world.config, models={**models, "main": models["main"].model_copy(update={"fallback": ""})}
        )

    async def script(self, prompt: Prompt) -> AsyncGenerator[Text | Status | Done, None]:
        self.calls += 1
        longest = self.world.main.sampled[-1].max_tokens or 20
        fate = self.random.choice(("whole", "whole", "broken", "failing", "hanging"))
        await self.gate.wait()
        if fate == "failing":
            raise Unavailable("It is down.")
        read = await self.world.main.count(prompt) - self.random.randrange(3)
        self.requests += 1
        self._take(read, 0)
        said = self.random.randint(1, longest)
        for _ in range(said):
            self._take(0, 1)
            yield Text("word ")
        if fate == "broken":
            raise BrokenOff("The connection was lost.")
        if fate == "hanging":
            await self.hanging.wait()
        yield using(read, said)

    def _take(self, read: int, said: int) -> None:
        self.tokens += read + said
        self.money += read + 2 * said

    def spent(self, unit: Unit) -> int:
        return {"requests": self.requests, "tokens": self.tokens, "money": self.money}[unit]


@pytest.mark.parametrize(("unit", "amount"), [("requests", 70), ("tokens", 9_000), ("money", 9_000)])
async def test_hundreds_of_calls_never_exceed_a_limit(budgeted: World, unit: Unit, amount: int) -> None:
    spender = Spender(budgeted)
    await again(budgeted)
    await limit(budgeted, amount, unit, subject=Subject("workspace"))
    for round_ in range(6):
        people = [Person(f"{round_}-{number}", f"P{number}") for number in range(CROWD)]
        spender.gate.clear()
        await asyncio.gather(*(budgeted.offer(WORDS, dm(person), person) for person in people))
        await asked_or_refused(budgeted, CROWD * (round_ + 1))
        spender.gate.set()
        drafts = budgeted.adapter.drafts[-CROWD:]
        while any(not draft.finished.is_set() for draft in drafts):
            for draft in drafts:
                if draft.wrote.is_set() and not draft.finished.is_set():
                    budgeted.active.stop(draft.log.request_id)
            await asyncio.sleep(0)
        assert spender.spent(unit) <= used(budgeted, unit) <= amount
    assert used(budgeted, unit) > amount - 150  # nothing was held for ever, and all that is left is too little for one
    assert spender.calls > spender.requests
    assert "limit" in notes(budgeted.adapter.drafts[-1])
    before = used(budgeted, unit)
    await again(budgeted)
    assert used(budgeted, unit) == before


def refused(world: World) -> int:
    return sum(1 for draft in world.adapter.drafts if draft.answers and "limit" in "".join(draft.answers[-1].notes))


async def test_a_call_that_shutdown_ends_is_stored(budgeted: World, tmp_path: Path) -> None:
    await limit(budgeted, 1_000, "tokens")
    play(budgeted.main, Text("one two three"), asyncio.Event())
    draft = await budgeted.offer("Tell me")
    assert draft
    await draft.wrote.wait()
    await budgeted.queue.aclose(0)
    counted = used(budgeted, "tokens")
    assert counted > await budgeted.main.count(budgeted.main.prompts[0])
    async with restarted(budgeted, tmp_path):
        assert used(budgeted, "tokens") == counted


@asynccontextmanager
async def restarted(world: World, folder: Path) -> AsyncGenerator[None, None]:
    """The world after the program ended and began again, before it answers what was left."""
    await world.queue.aclose(0)
    await world.store.aclose()
    world.store = await open_database(folder / "shoulders.db")
    await world.start()
    yield
    await world.queue.aclose(0)
    await world.store.aclose()


async def asked_or_refused(world: World, number: int) -> None:
    """Wait until so many questions have reached a model or a limit."""
    await world.wait(lambda: len(world.main.prompts) + refused(world) >= number)


async def asked(world: World) -> None:
    """Wait until a model was asked."""
    await world.wait(lambda: world.main.prompts)


# Every way out --------------------------------------------------------------------------------------------------------


async def test_the_reported_usage_is_counted(budgeted: World) -> None:
    for unit in ("requests", "tokens", "money"):
        await limit(budgeted, 1_000_000, unit)
    play(budgeted.main, Text("hello"), using(100, 7))
    await budgeted.say("hi")
    assert [used(budgeted, unit) for unit in ("requests", "tokens", "money")] == [1, 107, 114]


async def test_usage_without_a_report_is_estimated(budgeted: World) -> None:
    await limit(budgeted, 1_000_000, "tokens")
    play(budgeted.main, Text("hello there"), Done())
    await budgeted.say("hi")
    count = await budgeted.main.count(budgeted.main.prompts[0])
    assert count + 2 <= used(budgeted, "tokens") <= count + 20


async def test_only_calls_that_began_are_counted(budgeted: World) -> None:
    await limit(budgeted, 1_000_000, "tokens")
    await limit(budgeted, 10, "requests")
    play(budgeted.main, Text("half "), BrokenOff("The connection was lost."))
    await budgeted.say("hi")
    half = used(budgeted, "tokens")
    assert half > await budgeted.main.count(budgeted.main.prompts[0])
    assert used(budgeted, "requests") == 1
    for backend in (budgeted.main, budgeted.spare):
        play(backend, Unavailable("It is down."))
    await budgeted.say("hi")
    assert (used(budgeted, "tokens"), used(budgeted, "requests")) == (half, 1)


async def test_what_was_stopped_is_counted(budgeted: World) -> None:
    await limit(budgeted, 1_000_000, "tokens")
    play(budgeted.main, Text("half of"), asyncio.Event())
    draft = await budgeted.offer("long story")
    assert draft
    await draft.wrote.wait()
    assert budgeted.active.stop(draft.log.request_id)
    await draft.finished.wait()
    assert used(budgeted, "tokens") > await budgeted.main.count(budgeted.main.prompts[0])


async def test_a_fallback_is_counted_beside_what_failed(budgeted: World) -> None:
    await limit(budgeted, 10)
    await limit(budgeted, 10, model="spare")
    await limit(budgeted, 10, model="main")
    play(budgeted.main, Unavailable("It is down."))
    play(budgeted.spare, Text("hello"), using(50, 5))
    await budgeted.say("hi")
    assert [used(budgeted, "requests", model=model) for model in ("", "main", "spare")] == [1, 0, 1]
    totals = await budgeted.store.usage.totals(("model",), 0)
    assert [(total.key, total.requests, total.failures) for total in totals] == [(("main",), 0, 1), (("spare",), 1, 0)]


async def test_a_used_up_fallback_does_not_answer(budgeted: World) -> None:
    await limit(budgeted, 0, model="spare")
    play(budgeted.main, Unavailable("It is down."))
    draft = await budgeted.say("hi", CHANNEL)
    await limit(budgeted, 0, model="spare", place=CHANNEL)
    draft = await budgeted.say("hi", CHANNEL)
    assert "Your limit of 0 requests a day with the model spare is used up" in notes(draft)
    assert not draft.answers[-1].private
    assert len(budgeted.spare.prompts) == 1
    (entry,) = await budgeted.store.records.audit("discord", "guild", action="refused")
    assert "with the model spare is used up" in entry.after


async def test_unstored_calls_are_stored_with_the_next_answer(budgeted: World, monkeypatch: pytest.MonkeyPatch) -> None:

    def failing(ledger: SQLiteUsage, calls: Sequence[ModelCall]) -> asyncio.Future[None]:
        broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        broken.set_exception(StoreError("The disk is full."))
        return broken

    await limit(budgeted, 10)
    monkeypatch.setattr(SQLiteUsage, "add", failing)
    await budgeted.say("one")
    monkeypatch.undo()
    assert await budgeted.store.usage.totals(("model",), 0) == []
    await budgeted.say("two")
    (total,) = await budgeted.store.usage.totals(("model",), 0)
    assert total.requests == used(budgeted, "requests") == 2


# What people are told -------------------------------------------------------------------------------------------------


async def test_a_refusal_by_a_limit_is_private(budgeted: World) -> None:
    await limit(budgeted, 2, place=CHANNEL)
    for _ in range(2):
        await budgeted.say("hi", CHANNEL)
    request = replace(budgeted.request("chat", CHANNEL, ANN, {"text": "hi"}))
    assert budgeted.intake.settle(request).private
    draft = await budgeted.say("hi", CHANNEL)
    assert notes(draft) == (
        "Your limit of 2 requests a day is used up. It resets in 12 h, at 00:00 UTC. Ask an administrator."
    )
    assert draft.request.private
    assert len(budgeted.main.prompts) == 2
    assert not budgeted.intake.settle(replace(request, person=BEN)).private
    assert (await budgeted.say("hi", CHANNEL, BEN)).text == "Ben: hi "
    (entry,) = await budgeted.app.services.administration.records.audit("discord", "guild", action="refused")
    assert (entry.person.id, entry.target) == (ANN.id, "/chat")


async def test_also_retry_is_refused_but_help_is_not(budgeted: World) -> None:
    await limit(budgeted, 1)
    await budgeted.say("hi")
    assert "used up" in notes(await budgeted.command("retry"))
    assert "used up" not in notes(await budgeted.command("help"))
    assert "used up" not in notes(await budgeted.command("new"))


async def test_administrators_are_limited_too(budgeted: World) -> None:
    await limit(budgeted, 0, place=CHANNEL)
    assert "used up" in notes(await budgeted.say("hi", CHANNEL, ADMIN))


async def test_an_answer_at_80_percent_warns_once(budgeted: World, clock: Clock) -> None:
    await limit(budgeted, 5)
    told = [notes(await budgeted.say("hi")) for _ in range(5)]
    warning = "Your limit of 5 requests a day is 80 % used. It resets in 12 h, at 00:00 UTC."
    assert told == ["", "", "", warning, warning.replace("80 % used", "used up now")]
    clock.now += 86_400
    assert [notes(await budgeted.say("hi")) for _ in range(4)][-1].startswith("Your limit of 5 requests a day is 80 %")


async def test_a_task_of_many_calls_is_one_request(budgeted: World, tmp_path: Path) -> None:
    await limit(budgeted, 1, place=CHANNEL)
    await limit(budgeted, 1, model="main", place=CHANNEL)
    await limit(budgeted, 100_000, "tokens", place=CHANNEL)
    budgeted.main.context = 400
    play(budgeted.main, Text("In short."), using(200, 10))
    draft = await budgeted.command("summarise", CHANNEL, text="This is a sentence about things. " * 200)
    calls = len(budgeted.main.prompts)
    assert calls > 5
    assert "In short." in draft.text
    whole, model = [note for note in draft.answers[-1].notes if "used up now" in note]
    assert whole.startswith("Your limit of 1 request a day is used up now.")
    assert "with the model main" in model
    assert used(budgeted, "tokens", place=CHANNEL) == calls * 210
    await budgeted.store.aclose()
    budgeted.store = await open_database(tmp_path / "shoulders.db")
    await again(budgeted)
    assert used(budgeted, "requests", place=CHANNEL) == used(budgeted, "requests", place=CHANNEL, model="main") == 1
    assert used(budgeted, "tokens", place=CHANNEL) == calls * 210
    (total,) = await budgeted.store.usage.totals(("model",), 0)
    assert total.requests == 1
    assert "used up" in notes(await budgeted.command("summarise", CHANNEL, text="A short one."))
    await budgeted.store.aclose()


async def test_forgetting_resets_only_the_persons_limit(budgeted: World, tmp_path: Path) -> None:
    await limit(budgeted, 1, place=CHANNEL)
    await budgeted.say("hi", CHANNEL)
    await budgeted.command("forget me", CHANNEL, sure="yes")
    assert "used up" in notes(await budgeted.say("hi", CHANNEL)), "not at once"
    async with restarted(budgeted, tmp_path):
        assert used(budgeted, "requests", place=CHANNEL) == 0
        for subject in (Subject("channel", CHANNEL.channel), Subject("workspace")):
            await limit(budgeted, 5, subject=subject, place=CHANNEL)
        shared = budgeted.app.services.budget.limit_usages(CHANNEL, ANN)[1:]
        assert [standing.used for standing in shared] == [1, 1]


async def test_a_task_counts_from_the_models_first_word(budgeted: World) -> None:
    await limit(budgeted, 2, place=CHANNEL)
    play(budgeted.main, Unavailable("It is down."))
    play(budgeted.spare, Unavailable("It is down."))
    await budgeted.command("summarise", CHANNEL, text="A short one.")
    assert used(budgeted, "requests", place=CHANNEL) == 0
    play(budgeted.main, Text("In short."), Done())
    await budgeted.command("summarise", CHANNEL, text="A short one.")
    assert used(budgeted, "requests", place=CHANNEL) == 1


async def test_a_broken_answer_has_the_warning_too(budgeted: World) -> None:
    await limit(budgeted, 1)
    play(budgeted.main, Text("half "), BrokenOff("The connection was lost."))
    told = (await budgeted.say("hi")).answers[-1].notes
    assert told[0].startswith("Your limit of 1 request a day is used up now.")
    assert told[1] == "⚠️ The connection was lost."


async def test_an_answer_near_a_limit_is_shorter(budgeted: World) -> None:
    main = budgeted.config.models["main"].model_copy(update={"max_tokens": 1_000})
    budgeted.config = replace(budgeted.config, models={**budgeted.config.models, "main": main})
    await again(budgeted)
    await budgeted.say("hi")
    count = await budgeted.main.count(budgeted.main.prompts[-1])
    await limit(budgeted, count + 400, "tokens")
    play(budgeted.main, Text("so long"), Done("length", Usage(count, 300)))
    draft = await budgeted.say("hi", dm(BEN), BEN)
    assert budgeted.main.sampled[-1].max_tokens == 400
    assert "Your limit of" in draft.answers[-1].notes[0]
    assert "tokens a day shortened this answer" in draft.answers[-1].notes[0]
    draft = await budgeted.say("hi", dm(BEN), BEN)
    assert "tokens a day has 100 left, and this needs about" in notes(draft)
    assert draft.answers[-1].private


async def test_reserved_and_used_up_amounts_differ(budgeted: World) -> None:
    gate = asyncio.Event()
    await limit(budgeted, 100, "tokens", subject=Subject("workspace"))
    budgeted.hold(gate)
    first = await budgeted.offer("hi")
    assert first
    await asked(budgeted)
    held = notes(await budgeted.say(WORDS, dm(BEN), BEN))
    assert held == (
        "This workspace's limit of 100 tokens a day is reserved by answers that are being written. "
        "Ask again when they are done."
    )
    gate.set()
    await first.finished.wait()


async def test_a_refusal_by_a_reservation_is_private(budgeted: World) -> None:
    gate = asyncio.Event()
    await limit(budgeted, 1)
    budgeted.hold(gate)
    first = await budgeted.offer("hi")
    assert first
    await asked(budgeted)
    assert budgeted.intake.settle(budgeted.request("chat", replace(CHANNEL, workspace="@me"), ANN, {})).private
    gate.set()
    await first.finished.wait()


async def test_a_free_model_answers_without_money(budgeted: World) -> None:
    await budgeted.say("hi", CHANNEL)
    await limit(budgeted, 0, "money", place=CHANNEL)
    refused = await budgeted.say("hi", CHANNEL)
    assert "Your limit of 0.00 USD a day is used up" in notes(refused)
    assert refused.answers[-1].private
    asked = await budgeted.say("", CHANNEL, command="ask", arguments={"text": "hi", "model": "spare"})
    assert asked.text == "Ann: hi "


async def test_an_unlimited_model_is_asked_as_before(budgeted: World) -> None:
    await limit(budgeted, 10)
    await budgeted.say("hi")
    assert budgeted.main.sampled[-1].max_tokens == 0


# Whose limit ----------------------------------------------------------------------------------------------------------


def lim(subject: Subject, amount: int, unit: Unit = "requests", window: Window = "day", model: str = "") -> Limit:
    return Limit("discord", "guild", subject, model, unit, window, amount)


EVERYONE, MODS, STAFF = Subject("everyone"), Subject("role", "mods"), Subject("role", "staff")


@pytest.mark.parametrize(
    ("limits", "person", "amounts"),
    [
        ([lim(EVERYONE, 5)], ANN, [5]),
        ([lim(EVERYONE, 5), lim(Subject("person", "1"), 3)], ANN, [3]),
        ([lim(EVERYONE, 5), lim(Subject("person", "1"), 3)], BEN, [5]),
        ([lim(Subject("person", "1"), 9), lim(MODS, 2), lim(EVERYONE, 5)], replace(ANN, roles=("mods",)), [9]),
        ([lim(MODS, 2), lim(STAFF, 7), lim(EVERYONE, 50)], replace(ANN, roles=("mods", "staff")), [7]),
        ([lim(MODS, 2), lim(EVERYONE, 50)], ANN, [50]),
        ([lim(MODS, 2), lim(STAFF, 7), lim(EVERYONE, 50)], replace(ANN, unsaid="roles"), [2]),
        ([lim(MODS, 9), lim(STAFF, 7), lim(EVERYONE, 5)], replace(ANN, unsaid="roles"), [5]),
        ([lim(MODS, 2), lim(Subject("person", "1"), 9)], replace(ANN, unsaid="roles"), [9]),
        ([lim(EVERYONE, 50), lim(Subject("guests"), 1)], replace(ANN, guest=True), [1]),
        ([lim(EVERYONE, 50), lim(Subject("guests"), 1)], ANN, [50]),
        ([lim(EVERYONE, 5), lim(MODS, 9, window="hour")], replace(ANN, roles=("mods",)), [5, 9]),
        ([lim(EVERYONE, 5), lim(MODS, 9, unit="tokens")], replace(ANN, roles=("mods",)), [5, 9]),
        ([lim(EVERYONE, 5), lim(MODS, 9, model="main")], replace(ANN, roles=("mods",)), [5, 9]),
        ([lim(EVERYONE, 5, model="spare")], ANN, []),
        ([lim(Subject("channel", "general"), 8), lim(Subject("workspace"), 9), lim(EVERYONE, 5)], ANN, [5, 8, 9]),
        ([lim(Subject("channel", "other"), 8)], ANN, []),
    ],
)
def test_the_nearest_limit_counts_beside_the_places(limits: list[Limit], person: Person, amounts: list[int]) -> None:
    for order in (limits, limits[::-1]):
        assert sorted(found.amount for found in limits_in_force(order, CHANNEL, person, ("", "main"))) == amounts


async def test_channel_and_workspace_limits_count_everybody(budgeted: World) -> None:
    await limit(budgeted, 2, subject=Subject("channel", "general"), place=CHANNEL)
    await limit(budgeted, 3, subject=Subject("workspace"), place=CHANNEL)
    for person in (ANN, BEN):
        await budgeted.say("hi", CHANNEL, person)
    assert "This channel's limit of 2 requests a day" in notes(await budgeted.say("hi", CHANNEL, Person("4", "Cat")))
    other = replace(CHANNEL, channel="other")
    await budgeted.say("hi", other)
    assert "This workspace's limit of 3 requests a day" in notes(await budgeted.say("hi", other, BEN))
    assert notes(await budgeted.say("hi", replace(other, workspace="another"), BEN)) == ""


# Time -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "when", "resets", "ends"),
    [
        ("minute", "2026-11-24 12:34:59", "in 1 s, at 12:35 UTC", "2026-11-24 12:35:00"),
        ("hour", "2026-11-24 12:34:56", "in 26 min, at 13:00 UTC", "2026-11-24 13:00:00"),
        ("day", "2026-11-24 21:00:00", "in 3 h, at 00:00 UTC", "2026-11-25 00:00:00"),
        ("day", "2026-12-31 23:59:30", "in 30 s, at 00:00 UTC", "2027-01-01 00:00:00"),
        ("month", "2026-11-24 12:34:56", "in 7 days, on 1 December at 00:00 UTC", "2026-12-01 00:00:00"),
        ("month", "2026-12-31 12:00:00", "in 12 h, on 1 January at 00:00 UTC", "2027-01-01 00:00:00"),
        ("month", "2028-02-01 00:00:00", "in 29 days, on 1 March at 00:00 UTC", "2028-03-01 00:00:00"),
    ],
)
async def test_a_window_ends_with_the_calendars(
    budgeted: World, clock: Clock, window: Window, when: str, resets: str, ends: str
) -> None:
    clock.now = moment(when)
    await limit(budgeted, 1, window=window)
    await budgeted.say("hi")
    assert f"It resets {resets}." in notes(await budgeted.say("hi"))
    clock.now = moment(ends) - 0.001
    assert not (await budgeted.say("hi")).text
    clock.now = moment(ends)
    assert (await budgeted.say("hi")).text


def moment(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


async def test_a_running_call_counts_in_its_first_window(budgeted: World, clock: Clock) -> None:
    gate = asyncio.Event()
    await limit(budgeted, 1, window="minute")
    budgeted.hold(gate)
    first = await budgeted.offer("hi")
    assert first
    await asked(budgeted)
    clock.now += 60
    gate.set()
    await first.finished.wait()
    assert notes(first) == ""
    assert used(budgeted, "requests") == 0
    assert "used up now" in notes(await budgeted.say("hi"))


async def test_a_clock_set_back_does_not_reset_limits(budgeted: World, clock: Clock) -> None:
    await limit(budgeted, 1)
    await budgeted.say("hi")
    clock.now -= 7 * 86_400
    assert not (await budgeted.say("hi")).text


async def test_a_restart_keeps_every_window(budgeted: World, clock: Clock, tmp_path: Path) -> None:
    windows: tuple[Window, ...] = ("minute", "hour", "day", "month")
    for window in windows:
        await limit(budgeted, 100, window=window)
    for step in (86_400, 3_600, 60, 0):
        await budgeted.say("hi")
        clock.now += step
    counted = standing(budgeted)
    assert counted == {"minute": 1, "hour": 2, "day": 3, "month": 4}
    async with restarted(budgeted, tmp_path):
        assert standing(budgeted) == counted


def standing(world: World) -> dict[Window, int]:
    return {found.limit.window: found.used for found in world.app.services.budget.limit_usages(DIRECT, ANN)}


# Any order of things --------------------------------------------------------------------------------------------------


class Notebook:
    """Books and a ledger in memory."""

    def __init__(self) -> None:
        self.calls: list[ModelCall] = []

    async def load(self) -> Sequence[Record]:
        return ()

    async def keep(self, changes: Sequence[RecordChange], entries: Sequence[AuditEntry]) -> Sequence[AuditEntry]:
        return entries

    async def add(self, calls: Sequence[ModelCall]) -> None:
        self.calls += calls

    async def totals(
        self,
        by: Sequence[Grouping],
        since: int,
        platform: str = "",
        workspace: str = "",
        person: str = "",
        until: int = ENDLESS,
    ) -> Sequence[UsageTotal]:
        return [_alone(call) for call in self.calls if since <= call.at < until]

    async def ratings(self, since: int, platform: str, workspace: str) -> Sequence[RatingTotal]:
        return ()

    def used(self, limit: Limit, place: Place, person: Person, now: float) -> int:
        """What was used of a limit, the slow way."""
        calls = [call for call in self.calls if call.at >= began(limit.window, now) * 1000]
        calls = [call for call in calls if limit.model in ("", call.model)]
        if limit.subject.kind == "channel":
            calls = [call for call in calls if call.place.channel == place.channel]
        elif limit.subject.kind != "workspace":
            calls = [call for call in calls if call.person.id == person.id]
        match limit.unit:
            case "requests":
                return sum(call.counts for call in calls)
            case "tokens":
                return sum(call.usage.prompt_tokens + call.usage.completion_tokens for call in calls)
            case "money":
                return sum(price(call) for call in calls)


def price(call: ModelCall) -> int:
    section = SECTIONS[call.model]
    return ceil(
        call.usage.prompt_tokens * Decimal(str(section.input_price))
        + call.usage.completion_tokens * Decimal(str(section.output_price))
    )


def _alone(call: ModelCall) -> UsageTotal:
    place = call.place
    key = (place.platform, place.workspace, place.channel, call.person.id, call.model)
    return UsageTotal(key, "", "", int(call.counts), 0, call.usage, call.cost)


SECTIONS = {
    "main": ModelSection(backend="openai", model="m", input_price=0.3, output_price=1.7, max_tokens=40),
    "spare": ModelSection(backend="openai", model="s", input_price=2, output_price=0, max_tokens=300),
}
LIMITS = st.builds(
    Limit,
    st.just("discord"),
    st.just("guild"),
    st.sampled_from([Subject("everyone"), Subject("person", "1"), Subject("channel", "general"), Subject("workspace")]),
    st.sampled_from(["", *SECTIONS]),
    st.sampled_from(["requests", "tokens", "money"]),
    st.sampled_from(["minute", "hour", "day", "month"]),
    st.integers(0, 1_500),
)
Step: TypeAlias = tuple[str, tuple[Person, str, str] | str | int, int]
ASKS = st.tuples(st.sampled_from([ANN, BEN]), st.sampled_from(["general", "other"]), st.sampled_from([*SECTIONS]))
STEPS = st.one_of(
    st.tuples(st.just("ask"), ASKS, st.integers(1, 200)),
    st.tuples(st.just("end"), st.sampled_from(["done", "stopped", "broken", "failed"]), st.integers(0, 300)),
    st.tuples(st.just("wait"), st.sampled_from([1, 59, 3_600, 86_400 * 20]), st.just(0)),
    st.tuples(st.just("restart"), st.just(""), st.just(0)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(LIMITS, max_size=5), st.lists(STEPS, max_size=60))
async def test_no_order_of_calls_exceeds_a_limit(limits: list[Limit], steps: list[Step]) -> None:
    notebook, clock = Notebook(), Clock()
    administration = Administration(notebook, Settings())  # type: ignore[arg-type]  # only what is changed is asked for
    await administration.change([RecordChange(made) for made in limits], [])

    async def begun() -> Budget:
        fresh = Budget(administration, notebook, SECTIONS, "USD", clock)
        await fresh.load()
        return fresh

    def everybody(budget: Budget) -> Iterator[tuple[LimitUsage, int]]:
        for place, person in product((CHANNEL, replace(CHANNEL, channel="other")), (ANN, BEN)):
            for found in budget.limit_usages(place, person, *SECTIONS):
                yield found, notebook.used(found.limit, place, person, clock.now)

    budget, running = await begun(), list[tuple[Reservation, int]]()
    for what, which, number in steps:
        if what == "ask" and isinstance(which, tuple):
            person, channel, model = which
            accepted = Accepted(1, 1, Request(Act("", 0), replace(CHANNEL, channel=channel), person, "chat"))
            with suppress(Denied):
                running.append((budget.reserve(accepted, model, number, Sampling(), 10_000), number))
        elif what == "end" and running:
            spending, prompt = running.pop(number % len(running))
            longest = spending.sampling(Sampling()).max_tokens or 40
            end(spending, which, Usage(prompt, min(number, longest, 40)))
        elif what == "wait" and isinstance(which, int):
            clock.now += which
        elif what == "restart" and not running:
            budget = await begun()
        await asyncio.sleep(0)  # the ledger takes what was spent
        assert all(found.left >= 0 and found.used == used for found, used in everybody(budget))
    for spending, prompt in running:
        end(spending, "done", Usage(prompt, 1))
    assert all(found.meter.held[found.limit.unit] == 0 for found, _ in everybody(budget))


def end(spending: Reservation, how: str | int | tuple[Person, str, str], usage: Usage) -> None:
    """A call ends in one of the ways there are."""
    with suppress(Unavailable, asyncio.CancelledError), spending:
        if how == "failed":
            raise Unavailable("It is down.")
        spending.take(Text("word "))
        if how == "broken":
            raise Unavailable("It broke off.")
        if how == "stopped":
            raise asyncio.CancelledError
        spending.take(Done("complete", usage))
