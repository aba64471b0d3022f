"""The models of a bot with many owners: who manages them, and to whom their names are shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol

import pytest

from bot.config import load
from bot.interfaces.database import Database
from bot.interfaces.messages import Person
from tests.administration.stored_data import ELSEWHERE, answer_text
from tests.core.test_catalogue import SMALL, Shelved, server
from tests.core.world import ADMIN, ANN, BEN, CHANNEL, CONFIG, DIRECT, World
from tests.fakes.hub import FakeHub

__all__ = ["server"]  # a fixture

OPERATOR = Person("77", "Olga")
REFUSED = "Only administrators whom its operator named may change them."
MANAGING = {
    "models add": {"model": SMALL.model},
    "models pull": {"name": "main"},
    "models load": {"name": "main"},
    "models unload": {"name": "main"},
    "models remove": {"name": "main"},
}


class Begin(Protocol):
    """Begins a core, with one line more in the table of the Hub, and one in the settings."""

    async def __call__(self, line: str = "", settings: str = "") -> World: ...


@pytest.fixture
async def begin(store: Database, tmp_path: Path, server: FakeHub) -> AsyncGenerator[Begin]:
    begun: list[World] = []

    async def begin(line: str = "", settings: str = "") -> World:
        path = tmp_path / "config.toml"
        bot = f'[bot]\ndata = "{tmp_path}"\nadministrators = ["discord:{OPERATOR.id}"]'
        hub = f'[hub]\nallow = ["maker/*"]\nendpoint = "{server.endpoint}"\n{line}\n'
        text = CONFIG.replace("[bot]", bot).replace("[settings]", f"[settings]\n{settings}") + hub
        await asyncio.to_thread(path.write_text, text)
        world = World(store, await asyncio.to_thread(load, path, {}))
        world.main = world.backends["main"] = Shelved()
        await world.start()
        await world.queue.recover("discord")
        begun.append(world)
        return world

    yield begin
    for world in begun:
        await world.queue.aclose(0)


async def refused(world: World, person: Person = ADMIN) -> list[str]:
    """The commands that somebody may not use, of those that manage models."""
    found = []
    for command, arguments in MANAGING.items():
        draft = await world.command(command, CHANNEL, person, **arguments)
        if REFUSED in answer_text(draft):
            assert draft.request.private
            found.append(command)
    return found


async def test_one_workspace_manages_its_models(begin: Begin) -> None:
    world = await begin()
    await world.intake.installed("discord", ["guild"])
    await world.say("hello", DIRECT)
    assert await refused(world) == []


async def test_several_workspaces_leave_models_to_the_operator(begin: Begin) -> None:
    world = await begin()
    await world.intake.installed("discord", ["guild", "another guild"])
    assert await refused(world) == list(MANAGING)
    assert await refused(world, OPERATOR) == []


async def test_a_workspace_of_before_counts_too(begin: Begin) -> None:
    world = await begin()
    await world.say("hello", CHANNEL)
    await world.say("hello", ELSEWHERE)
    await world.start()
    await world.queue.recover("discord")
    assert await refused(world) == list(MANAGING)


async def test_a_workspace_that_was_left_counts_no_more(begin: Begin) -> None:
    world = await begin()
    await world.intake.installed("discord", ["guild", "another guild"])
    await world.intake.uninstalled("discord", "another guild")
    assert await refused(world) == []


@pytest.mark.parametrize(("by", "among", "expected"), [("administrators", 2, []), ("operator", 1, list(MANAGING))])
async def test_the_operator_says_who_manages_models(begin: Begin, by: str, among: int, expected: list[str]) -> None:
    world = await begin(f'managed_by = "{by}"')
    await world.intake.installed("discord", ["guild", "another guild"][:among])
    assert await refused(world) == expected
    assert await refused(world, OPERATOR) == []


async def test_a_refusal_names_the_operators_contact(begin: Begin) -> None:
    world = await begin('managed_by = "operator"', 'contact = "Olga, on floor 3"')
    draft = await world.command("models load", CHANNEL, ADMIN, name="main")
    assert answer_text(draft).endswith("Ask Olga, on floor 3.")
    (entry,) = await world.store.records.audit("discord", "guild", action="refused")
    assert entry.target == "/models load"


async def test_what_is_refused_is_not_offered(begin: Begin) -> None:
    world = await begin('managed_by = "operator"')
    words = ("models add", "models pull", "models load", "models unload", "models remove")
    for person, offered in ((ADMIN, False), (BEN, False), (OPERATOR, True)):
        told = answer_text(await world.command("help", CHANNEL, person, command="models"))
        assert "/models list" in told
        assert [word in told for word in words] == [offered] * 5
        assert ("unload" in answer_text(await world.command("help", CHANNEL, person))) == offered
        assert bool(await world.intake.suggest("models load", "name", "", CHANNEL, person, {})) == offered
    found = await world.command("models search", CHANNEL, ADMIN, words="small")
    assert SMALL.model in answer_text(found)
    assert found.answers[-1].choices == ()
    assert (await world.command("models search", CHANNEL, OPERATOR, words="small")).answers[-1].choices
    assert REFUSED in answer_text(await world.command("help", CHANNEL, ADMIN, command="models pull"))


# Names ----------------------------------------------------------------------------------------------------------------


async def test_forbidden_models_are_not_named(begin: Begin) -> None:
    world = await begin()
    await world.command("access deny", CHANNEL, ADMIN, who="everyone", what="spare")
    for command in ("models info", "model", "ask"):
        told = answer_text(await world.command(command, CHANNEL, ANN, name="no-such", model="no-such", text="x"))
        assert "no-such" in told
        assert "spare" not in told
    assert "spare" not in answer_text(await world.command("models info", CHANNEL, ANN, name="main")), (
        "not as its fallback"
    )
    assert "spare" not in answer_text(await world.command("models list", CHANNEL, ANN))
    assert "spare answers" in answer_text(await world.command("models info", CHANNEL, ADMIN, name="main"))
    assert "spare" in answer_text(await world.command("models load", CHANNEL, ADMIN, name="no-such"))
