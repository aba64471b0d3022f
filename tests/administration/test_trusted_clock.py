"""A clock that jumps erases nothing before it was confirmed, and what is due by the right time goes."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from time import time

import pytest

from bot.administration.trusted_clock import CONFIRM_SECONDS, JUMP_SECONDS, Clock
from bot.interfaces.history import ClockReading
from bot.interfaces.replies import Usage
from storage.sqlite import open_database
from storage.sqlite.migrate import migrate, migrations
from tests.administration.stored_data import Files
from tests.clock import SetClock
from tests.core.world import CHANNEL, THREAD, World

HOUR, DAY = 3_600.0, 86_400.0


class Machine:
    """Its clock, which may be wrong, and the time that really passes while it runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began = time()
        self.passed = self.wrong = 0.0
        monkeypatch.setattr("bot.administration.trusted_clock.monotonic", lambda: self.passed)

    def wall(self) -> float:
        return self.began + self.passed + self.wrong


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.fixture
async def timed(world: World, machine: Machine) -> World:
    world.clock = machine.wall
    await world.start()
    await world.queue.recover("discord")
    await world.say("my secret", THREAD)
    assert await world.app.services.retention.delete_expired()
    return world


async def hours(world: World, machine: Machine, number: float) -> None:
    for _ in range(round(number)):
        machine.passed += HOUR
        assert await world.app.services.retention.delete_expired()


async def kept(world: World) -> bool:
    return bool(await world.store.conversations.turns(1))


async def test_a_jump_of_the_clock_erases_nothing(
    timed: World, machine: Machine, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    machine.wrong = 400 * DAY
    await hours(timed, machine, 20)
    assert await files.holding("my secret") == ["my secret"]
    assert caplog.text.count("The clock is 400.0 days ahead of the time that passed") == 1
    machine.wrong = 0
    await hours(timed, machine, 48)
    assert await kept(timed)


async def test_a_clock_that_jumps_is_not_trusted(timed: World, machine: Machine) -> None:
    for _ in range(10):
        machine.wrong += 100 * DAY
        await hours(timed, machine, 20)
    assert await kept(timed)


async def test_a_clock_right_for_a_day_is_trusted(timed: World, machine: Machine, files: Files) -> None:
    machine.wrong = 400 * DAY
    await hours(timed, machine, CONFIRM_SECONDS / HOUR - 1)
    assert await kept(timed)
    await hours(timed, machine, 3)
    assert await files.holding("my secret") == []


async def test_due_data_are_deleted_during_a_jump(timed: World, machine: Machine, database_clock: SetClock) -> None:
    database_clock.read = lambda: machine.began - 90 * DAY + 2 * HOUR
    await timed.say("nearly too old", CHANNEL)
    machine.wrong = 400 * DAY
    await hours(timed, machine, 1)
    assert await timed.store.conversations.turns(2)
    await hours(timed, machine, 2)
    assert not await timed.store.conversations.turns(2)
    assert await kept(timed)


async def test_a_start_with_a_wrong_clock_erases_nothing(timed: World, machine: Machine, tmp_path: Path) -> None:
    machine.wrong = 400 * DAY
    for _ in range(5):  # as often as it is started within an hour
        await timed.queue.aclose(0)
        await timed.store.aclose()
        timed.store = await open_database(tmp_path / "shoulders.db")
        await timed.start()
        machine.passed += 600
        assert await timed.app.services.retention.delete_expired()
    assert await kept(timed)
    await timed.queue.aclose(0)
    await timed.store.aclose()


async def test_after_an_outage_the_rest_expires_later(timed: World, machine: Machine, tmp_path: Path) -> None:
    await timed.queue.aclose(0)
    await timed.store.aclose()
    machine.began += 100 * DAY  # it was switched off
    timed.store = await open_database(tmp_path / "shoulders.db")
    await timed.start()
    assert await timed.app.services.retention.delete_expired()
    assert await kept(timed)
    await hours(timed, machine, CONFIRM_SECONDS / HOUR + 1)
    assert not await kept(timed)
    await timed.queue.aclose(0)
    await timed.store.aclose()


async def test_who_starts_it_now_and_then_forgets_too(machine: Machine) -> None:
    clock, believed = Clock(machine.wall), list[float]()
    for _ in range(12):  # a few minutes a day
        clock.read()
        reading = clock.reading
        clock = Clock(machine.wall)
        clock.reading = reading
        machine.began += DAY
        believed.append(clock.read() - machine.wall())
    assert min(believed) > -6 * DAY
    assert believed[-1] > -6 * DAY


async def test_a_clock_that_is_set_back_erases_less(machine: Machine) -> None:
    clock = Clock(machine.wall)
    clock.read()
    machine.wrong = -40 * DAY
    assert clock.read() == machine.wall()
    machine.wrong = 0
    assert clock.read() == machine.wall()


async def test_small_corrections_are_no_jumps(machine: Machine) -> None:
    clock = Clock(machine.wall)
    for wrong in (0, 1, -1, JUMP_SECONDS / 2, -JUMP_SECONDS / 2):
        machine.passed += HOUR
        machine.wrong = wrong
        assert clock.read() == machine.wall()


async def test_an_upgrade_goes_by_the_newest_row(tmp_path: Path) -> None:
    await asyncio.to_thread(older, tmp_path / "shoulders.db")
    store = await open_database(tmp_path / "shoulders.db")
    assert await store.history.clock_reading() == ClockReading(5.0, 5.0)
    (total,) = await store.usage.totals(("model",), 0)
    assert (total.usage, total.cost) == (Usage(7, 0), 0)
    await store.aclose()


def older(file: Path) -> None:
    """A database as the version before left it, with figures that no model can have used."""
    connection = sqlite3.connect(file, isolation_level=None)
    migrate(connection, migrations()[:7])
    columns = "at, platform, workspace, channel, thread, direct, place_name, person, person_name, home, model"
    for at, prompt, written, cost in ((1_000, 7, -5, 2**62), (5_000, 2**62, 2**62, -3)):
        connection.execute(
            f"INSERT INTO usage ({columns}, prompt_tokens, completion_tokens, cost, succeeded) "
            "VALUES (?, 'discord', 'guild', 'c', '', 0, '', '1', 'Ann', '', 'm', ?, ?, ?, 1)",
            (at, prompt, written, cost),
        )
    connection.close()
