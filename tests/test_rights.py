"""What rules, the list of models and switched off commands reach: models, fallbacks, completions, pages; in memory."""

from __future__ import annotations

import pytest

from bot.errors import BackendError
from tests.test_administration import config, said
from tests.world import ADMIN, CHANNEL, World, play


async def deny(world: World, what: str, who: str = "everyone") -> None:
    assert "from now on" in said(await world.command("access deny", CHANNEL, ADMIN, who=who, what=what))


# Models ---------------------------------------------------------------------------------------------------------------


async def test_nothing_goes_to_a_fallback_that_one_may_not_use(world: World) -> None:
    await deny(world, "spare")
    play(world.main, BackendError("It is broken."))
    answer = said(await world.say("My secret", CHANNEL))
    assert "It is broken." in answer
    assert "spare" not in answer
    assert "spare" not in said(await world.command("privacy", CHANNEL))
    assert world.spare.prompts == []


async def test_where_the_default_may_not_be_used_another_answers(world: World) -> None:
    await deny(world, "main")
    assert "Hello" in (await world.say("Hello", CHANNEL)).text
    assert (len(world.main.prompts), len(world.spare.prompts)) == (0, 1)
    assert "**spare** answers by default" in said(await world.command("help", CHANNEL))
    assert "spare (default)" in said(await world.command("models list", CHANNEL))
    assert "spare answers" not in said(await world.command("translate", CHANNEL, to="Welsh", text="Hello"))
    assert len(world.spare.prompts) == 2


async def test_only_where_no_model_is_left_one_is_refused(world: World) -> None:
    for model in ("main", "spare"):
        await deny(world, model)
    assert "You may not use the model main here" in said(await world.say("Hello", CHANNEL))
    told = said(await world.command("help", CHANNEL))
    assert "You may not use the model main here" in told
    assert "answers by default" not in told


# Commands that are off ------------------------------------------------------------------------------------------------


async def test_what_switches_commands_on_again_cannot_be_switched_off(world: World) -> None:
    refused = "commands_off cannot hold config: it is what switches the others on again."
    for value in ("config", "ask, /config"):
        assert refused in await config(world, "commands_off", value, "workspace")
    toml = '[workspace]\ncommands_off = ["config"]'
    assert refused in said(await world.command("config import", CHANNEL, ADMIN, toml=toml))
    offered = await world.intake.suggest("config set", "value", "c", CHANNEL, ADMIN, {"key": "commands_off"})
    assert "config" not in offered


async def test_one_that_was_switched_off_before_can_be_used(world: World) -> None:
    administration = world.app.services.administration
    administration.base = administration.base.model_copy(update={"commands_off": ("config", "ask")})
    assert "empty" in await config(world, "commands_off", "none", "channel")
    assert said(await world.say("Hello", CHANNEL, command="ask"))


@pytest.mark.parametrize("command", ["audit show", "usage people", "limits show", "access show", "models add"])
async def test_what_is_off_is_off_for_administrators_too(world: World, command: str) -> None:
    name = command.split()[0]
    await config(world, "commands_off", name, "channel")
    assert f"/{name} is switched off here." in said(await world.command(command, CHANNEL, ADMIN, model="maker/small"))
