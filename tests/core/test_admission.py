"""The admission of a request: decided on arrival, and again if the facts change before its turn."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from bot.administration.model_choice import ModelChoice
from bot.administration.policy import Policy
from bot.administration.state import Administration
from bot.interfaces.messages import Subject
from tests.core.world import ADMIN, ANN, CHANNEL, DIRECT, World
from tests.fakes.memory import MemoryDraft


def notes(draft: MemoryDraft) -> str:
    return " ".join(draft.answers[-1].notes)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The number of calls of each function."""
    counts: Counter[str] = Counter()

    def count(kind: type, name: str) -> None:
        original = getattr(kind, name)

        def counted(*args: object) -> object:
            counts[name] += 1
            return original(*args)

        monkeypatch.setattr(kind, name, counted)

    for name in ("forbidden", "used_up"):
        count(Policy, name)
    for name in ("recognise", "settings"):
        count(Administration, name)
    count(ModelChoice, "available")
    return counts


async def test_a_mention_is_decided_once(world: World, calls: Counter[str]) -> None:
    await world.say("hi", CHANNEL)
    assert (calls["forbidden"], calls["used_up"], calls["recognise"]) == (1, 1, 1)
    assert calls["settings"] <= 10


async def test_a_direct_message_is_decided_once(world: World, calls: Counter[str]) -> None:
    await world.say("hi", DIRECT)
    assert (calls["forbidden"], calls["used_up"]) == (1, 1)


async def test_a_task_lists_its_models_once(world: World, calls: Counter[str]) -> None:
    await world.command("summarise", CHANNEL, text="A long text.")
    assert (calls["forbidden"], calls["available"]) == (1, 1)


async def test_a_rule_holds_for_what_waits(world: World) -> None:
    gate = asyncio.Event()
    world.hold(gate)
    first, second = await world.offer("one"), await world.offer("two")
    assert first
    assert second
    await world.command("access deny", DIRECT, ADMIN, who=str(Subject("person", ANN.id)), what="bot")
    gate.set()
    await second.finished.wait()
    assert first.text == "at last"
    assert "You may not talk with me here" in notes(second)


async def test_a_limit_that_is_used_up_meanwhile_holds(world: World) -> None:
    gate = asyncio.Event()
    world.hold(gate)
    await world.command("limits set", DIRECT, ADMIN, of="requests", amount="1", per="day", who="everyone")
    first, second = await world.offer("one"), await world.offer("two")
    assert second
    gate.set()
    await second.finished.wait()
    assert first
    assert first.text == "at last"
    assert "is used up" in notes(second)
