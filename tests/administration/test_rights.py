"""What rules, the list of models and switched off commands reach: models, fallbacks, completions, pages; in memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.interfaces.errors import BackendError
from bot.interfaces.messages import Person, Request
from tests.administration.stored_data import answer_text
from tests.administration.test_administration import config
from tests.core.world import ADMIN, ANN, BEN, CHANNEL, THREAD, World, play


async def deny(world: World, what: str, who: str = "everyone") -> None:
    assert "from now on" in answer_text(await world.command("access deny", CHANNEL, ADMIN, who=who, what=what))


# Models ---------------------------------------------------------------------------------------------------------------


async def test_a_forbidden_fallback_gets_no_text(world: World) -> None:
    await deny(world, "spare")
    play(world.main, BackendError("It is broken."))
    answer = answer_text(await world.say("My secret", CHANNEL))
    assert "It is broken." in answer
    assert "spare" not in answer
    assert "spare" not in answer_text(await world.command("privacy", CHANNEL))
    assert world.spare.prompts == []


async def test_another_model_replaces_a_forbidden_default(world: World) -> None:
    await deny(world, "main")
    assert "Hello" in (await world.say("Hello", CHANNEL)).text
    assert (len(world.main.prompts), len(world.spare.prompts)) == (0, 1)
    assert "**spare** answers by default" in answer_text(await world.command("help", CHANNEL))
    assert "spare (default)" in answer_text(await world.command("models list", CHANNEL))
    assert "spare answers" not in answer_text(await world.command("translate", CHANNEL, to="Welsh", text="Hello"))
    assert len(world.spare.prompts) == 2


async def test_a_request_without_any_model_is_refused(world: World) -> None:
    for model in ("main", "spare"):
        await deny(world, model)
    assert "You may not use the model main here" in answer_text(await world.say("Hello", CHANNEL))
    told = answer_text(await world.command("help", CHANNEL))
    assert "You may not use the model main here" in told
    assert "answers by default" not in told


# What the platform does not say ---------------------------------------------------------------------------------------

MODS, ALL, HER = "role:mods|mods", "everyone", "person:1|Ann"
UNSAID = "Discord does not report your groups right now. Try again in a minute."


@pytest.mark.parametrize(
    ("rules", "refused"),
    [
        ([], ""),
        ([("deny", MODS, "bot")], UNSAID),
        ([("allow", MODS, "bot")], ""),
        ([("deny", ALL, "bot"), ("allow", MODS, "bot")], UNSAID),
        ([("deny", ALL, "bot"), ("deny", MODS, "bot")], "a rule for everyone"),
        ([("deny", MODS, "bot"), ("allow", HER, "bot")], ""),
        ([("deny", MODS, "/ask")], ""),
        ([("deny", MODS, "/chat"), ("allow", ALL, "bot")], UNSAID),
        ([("deny", MODS, "bot"), ("allow", ALL, "/chat")], ""),
    ],
)
async def test_rules_for_unknown_roles_refuse(world: World, rules: list[tuple[str, str, str]], refused: str) -> None:
    for verb, who, what in rules:
        await world.command(f"access {verb}", CHANNEL, ADMIN, who=who, what=what)
    answer = answer_text(await world.say("Hello", CHANNEL, replace(ANN, unsaid="roles")))
    assert (refused in answer) if refused else "may not" not in answer
    assert "may not" not in answer_text(await world.say("Hello", CHANNEL, ADMIN))


async def test_a_model_that_a_role_may_not_use(world: World) -> None:
    for model in ("main", "spare"):
        await world.command("access deny", CHANNEL, ADMIN, who=MODS, what=model)
    answer = answer_text(await world.say("Hello", CHANNEL, replace(ANN, unsaid="roles")))
    assert f"You may not use the model main here: {UNSAID}" in answer


async def test_unknown_rights_are_named_for_administrators_commands(world: World) -> None:
    unknown = replace(BEN, guest=True, unsaid="person")
    for told in (
        answer_text(await world.say("Hello", CHANNEL, unknown)),
        answer_text(await world.command("limits set", CHANNEL, unknown)),
    ):
        assert "Discord does not report your rights right now. Try again in a minute." in told


# Commands that are off ------------------------------------------------------------------------------------------------


async def test_config_cannot_be_switched_off(world: World) -> None:
    refused = "commands_off cannot contain config"
    for value in ("config", "ask, /config"):
        assert refused in await config(world, "commands_off", value, "workspace")
    toml = '[workspace]\ncommands_off = ["config"]'
    assert refused in answer_text(await world.command("config import", CHANNEL, ADMIN, toml=toml))
    offered = await world.intake.suggest("config set", "value", "c", CHANNEL, ADMIN, {"key": "commands_off"})
    assert "config" not in offered


async def test_a_stored_switch_off_of_config_is_ignored(world: World) -> None:
    administration = world.app.services.administration
    administration.base = administration.base.model_copy(update={"commands_off": ("config", "ask")})
    assert "empty" in await config(world, "commands_off", "none", "channel")
    assert answer_text(await world.say("Hello", CHANNEL, command="ask"))


@pytest.mark.parametrize("command", ["audit show", "usage people", "limits show", "access show", "models add"])
async def test_what_is_off_is_off_for_administrators_too(world: World, command: str) -> None:
    name = command.split()[0]
    await config(world, "commands_off", name, "channel")
    assert f"`/{name}` is switched off here." in answer_text(
        await world.command(command, CHANNEL, ADMIN, model="maker/small")
    )


# Who is no administrator any more -------------------------------------------------------------------------------------


@pytest.fixture
def asked(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What the platform was asked about; of Root it says that they are an administrator no more, if it is told to."""
    whois, asked = world.adapter.whois, list[Request]()

    async def noticing(request: Request) -> Person:
        asked.append(request)
        return await whois(request)

    monkeypatch.setattr(world.adapter, "whois", noticing)
    return asked


def demote(world: World) -> None:
    """The platform knows it, requests do not yet."""
    world.adapter.people[ADMIN.id] = replace(ADMIN, administrator=False)


async def test_rules_do_not_bind_present_administrators(world: World, asked: list[Request]) -> None:
    await deny(world, "bot")
    assert "Hello" in answer_text(await world.say("Hello", CHANNEL, ADMIN))
    demote(world)
    assert "You may not talk with me here" in answer_text(await world.say("Hello", CHANNEL, ADMIN))
    assert "You may not use `/new` here" in answer_text(await world.command("new", CHANNEL, ADMIN))


async def test_models_are_for_who_is_an_administrator_now(world: World) -> None:
    await deny(world, "main")
    await world.say("Hello", CHANNEL, ADMIN)
    assert len(world.main.prompts) == 1
    demote(world)
    await world.say("Hello", CHANNEL, ADMIN)
    answer = await world.say("Hello", CHANNEL, ADMIN, command="ask", arguments={"text": "Hello", "model": "main"})
    assert "You may not use the model main" in answer_text(answer)
    assert len(world.main.prompts) == 1


async def test_present_administrators_see_rules_and_limits(world: World) -> None:
    await deny(world, "/ask", "person:2|Ben")
    await world.command("limits set", CHANNEL, ADMIN, who="person:2|Ben", amount="5", of="requests", per="day")
    for command in ("access show", "limits show"):
        assert "@Ben" in answer_text(await world.command(command, CHANNEL, ADMIN))
    demote(world)
    for command in ("access show", "limits show"):
        assert "@Ben" not in answer_text(await world.command(command, CHANNEL, ADMIN))


async def test_present_administrators_steer_requests_of_others(world: World) -> None:
    talk = await world.say("Hello", THREAD, ANN)
    task = await world.command("sentiment", THREAD, ANN, text="Fine!")
    gate = asyncio.Event()
    world.hold(gate)
    running = await world.offer("Hello", CHANNEL, ANN)
    assert running is not None
    await running.updated.wait()
    demote(world)
    only = "Only the person who asked or an administrator can do this."
    for place, command, draft in (
        (CHANNEL, "stop", running),
        (THREAD, "retry", talk),
        (THREAD, "retry", task),
        (THREAD, "sentiment", task),
    ):
        assert only in answer_text(await world.command(command, place, ADMIN, request=str(draft.log.request_id)))
    assert "Other people took part" in answer_text(
        await world.command("forget conversation", THREAD, ADMIN, sure="yes")
    )
    del world.adapter.people[ADMIN.id]
    await world.command("stop", CHANNEL, ADMIN, request=str(running.log.request_id))
    await running.finished.wait()
    assert "Deleted" in answer_text(await world.command("forget conversation", THREAD, ADMIN, sure="yes"))


async def test_a_retried_task_uses_its_persons_present_rights(world: World) -> None:
    task = await world.command("sentiment", CHANNEL, ADMIN, text="Fine!")
    await deny(world, "/sentiment")
    demote(world)
    answer = await world.command("retry", CHANNEL, ADMIN, request=str(task.log.request_id))
    assert "You may not use `/sentiment` here" in answer_text(answer)


async def test_needless_rights_are_not_requested(world: World, asked: list[Request]) -> None:
    await deny(world, "/ask", "person:2|Ben")
    asked.clear()
    first = await world.say("Hello", CHANNEL, ADMIN)
    await world.command("retry", CHANNEL, ADMIN, request=str(first.log.request_id))
    await world.command("forget conversation", CHANNEL, ADMIN)
    for command in ("help", "config show", "models list"):
        await world.command(command, CHANNEL, ADMIN)
    await world.command("access show", CHANNEL, ANN)
    await world.say("Hello", CHANNEL, BEN)
    assert asked == []


# Pages and completions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [ANN, replace(ANN, guest=True)])
async def test_forbidden_people_see_no_page_or_completions(world: World, who: Person) -> None:
    await deny(world, "bot")
    page = await world.intake.home(CHANNEL, who)
    assert "You may not use `/config` here" in page.text
    assert "system_prompt" not in page.text
    assert page.choices == ()
    for command, option, given in (
        ("config show", "key", {}),
        ("config set", "value", {"key": "speak"}),
        ("ask", "model", {}),
        ("sentiment", "model", {}),
        ("audit show", "action", {}),
    ):
        assert list(await world.intake.suggest(command, option, "", CHANNEL, who, given)) == []
        assert await world.intake.suggest(command, option, "", CHANNEL, ADMIN, given) or command == "sentiment"


async def test_the_page_needs_a_present_administrator(world: World) -> None:
    await deny(world, "bot")
    assert "system_prompt" in (await world.intake.home(CHANNEL, ADMIN)).text
    demote(world)
    assert "system_prompt" not in (await world.intake.home(CHANNEL, ADMIN)).text
