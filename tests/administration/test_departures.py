"""Where the bot was removed, what it kept outlives it for a while, and stays where it is installed again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.administration.departures import LATE_SECONDS
from bot.interfaces.history import Departure
from tests.administration.stored_data import ELSEWHERE, Files, answer_text
from tests.administration.test_budget import NOON
from tests.clock import SetClock
from tests.core.world import ADMIN, ANN, CHANNEL, DIRECT, World

HOUR = 3_600.0


class Time:
    """A machine whose clock goes right: what passes is the same by all of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = 0.0
        for module in ("trusted_clock", "departures", "retention"):
            monkeypatch.setattr(f"bot.administration.{module}.monotonic", lambda: self.passed)

    def wall(self) -> float:
        return NOON + self.passed


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


@pytest.fixture
async def gracious(world: World, passing: Time, database_clock: SetClock) -> World:
    """A core that waits a day, with something that was said, a setting and what was used."""
    database_clock.read = passing.wall
    bot = world.config.bot.model_copy(update={"uninstall_grace_hours": 24.0})
    world.config, world.clock = replace(world.config, bot=bot), passing.wall
    await again(world)
    await world.command("config set", CHANNEL, ADMIN, key="contact", value="their-contact", scope="workspace")
    await world.say("their-secret", CHANNEL)
    await world.say("elsewhere", ELSEWHERE)
    return world


async def again(world: World) -> None:
    await world.start()
    await world.queue.recover("discord")


async def hours_pass(world: World, passing: Time, hours: float) -> None:
    """So many hours, in each of which the bot looks for what is due."""
    for _ in range(int(hours * 2)):
        passing.passed += HOUR / 2
        assert await world.app.services.retention.delete_expired()


async def test_what_is_kept_outlives_the_removal(
    gracious: World, files: Files, passing: Time, caplog: pytest.LogCaptureFixture
) -> None:
    await gracious.intake.uninstalled("discord", "guild")
    when = datetime.fromtimestamp(NOON + 24 * HOUR, UTC)
    assert f"deleted at {when:%Y-%m-%d %H:%M} UTC" in caplog.text
    await hours_pass(gracious, passing, 23.5)
    assert await files.holding("their-secret", "their-contact") == ["their-secret", "their-contact"]
    await hours_pass(gracious, passing, 1)
    assert await files.holding("their-secret", "their-contact", "elsewhere") == ["elsewhere"]
    assert await gracious.store.history.departures() == []
    (entry,) = await gracious.store.records.audit("discord", "guild")
    assert entry.action == "uninstalled"


async def test_who_installs_it_again_finds_everything(
    gracious: World, files: Files, passing: Time, caplog: pytest.LogCaptureFixture
) -> None:
    await gracious.intake.uninstalled("discord", "guild")
    await hours_pass(gracious, passing, 20)
    await gracious.intake.installed("discord", {"guild", "another guild"})
    assert "The bot is back in discord guild" in caplog.text
    await hours_pass(gracious, passing, 48)
    assert await files.holding("their-secret", "their-contact") == ["their-secret", "their-contact"]
    assert gracious.app.services.administration.settings(CHANNEL).contact == "their-contact"


async def test_whatever_is_said_there_later_keeps_it(gracious: World, files: Files, passing: Time) -> None:
    await gracious.intake.uninstalled("discord", "guild")
    passing.passed += LATE_SECONDS
    await gracious.say("we are still here", CHANNEL)
    await asyncio.gather(*gracious.app.services.retention.departures._returning)
    assert await gracious.store.history.departures() == []
    await hours_pass(gracious, passing, 48)
    assert await files.holding("their-secret") == ["their-secret"]


async def test_what_was_on_its_way_keeps_nothing(gracious: World, files: Files, passing: Time) -> None:
    await gracious.intake.uninstalled("discord", "guild")
    await gracious.say("said just before", CHANNEL)
    await gracious.say("a direct message", DIRECT)
    await hours_pass(gracious, passing, 25)
    assert await files.holding("their-secret", "said just before", "elsewhere") == ["elsewhere"]


async def test_a_removal_is_remembered_and_not_postponed(gracious: World, passing: Time) -> None:
    await gracious.intake.uninstalled("discord", "guild")
    due = [Departure("discord", "guild", int((NOON + 24 * HOUR) * 1_000))]
    await hours_pass(gracious, passing, 5)
    await again(gracious)
    await gracious.intake.uninstalled("discord", "guild")
    assert await gracious.store.history.departures() == due
    await hours_pass(gracious, passing, 20)
    assert await gracious.store.history.departures() == []
    assert await gracious.intake.workspaces("discord") == {"another guild"}


async def test_after_a_restart_it_is_undone_too(gracious: World, files: Files, passing: Time) -> None:
    await gracious.intake.uninstalled("discord", "guild")
    await again(gracious)
    await gracious.intake.installed("discord", ["guild"])
    await hours_pass(gracious, passing, 48)
    assert await files.holding("their-secret") == ["their-secret"]


async def test_the_chore_wakes_when_it_is_due(
    gracious: World, files: Files, passing: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.administration.retention.RETRY_SECONDS", 0.01)
    await gracious.intake.uninstalled("discord", "guild")
    passing.passed += 24 * HOUR - 0.01
    tidying = asyncio.create_task(gracious.app.services.retention.run())
    while await gracious.store.history.departures():
        passing.passed += 0.01
        await asyncio.sleep(0.001)
    tidying.cancel()
    await asyncio.wait([tidying])


async def test_privacy_says_what_a_removal_does(gracious: World) -> None:
    told = "I delete its data 24 hours later"
    assert told in answer_text(await gracious.command("privacy", CHANNEL, ANN))
    await gracious.command("config set", CHANNEL, ADMIN, key="on_uninstall", value="keep", scope="workspace")
    assert "its data stays." in answer_text(await gracious.command("privacy", CHANNEL, ANN))
    assert "does not belong to a server" in answer_text(await gracious.command("privacy", DIRECT, ANN))
