"""Rights on Slack without an answer from Slack: the last known ones count, or the request is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.adapters.slack.town import QUICK, Town, hurry
from tests.stages.slack import SlackStage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncGenerator[SlackStage, None]:
    """Deny the bot to the group of contractors, with Ben in it."""
    stage = SlackStage(tmp_path)
    async with stage.playing():
        role = await stage.give_role("ben", "contractors")
        await stage.answer(await stage.command("access deny", {"who": role, "what": "bot"}, "root"))
        yield stage


async def said_to(stage: SlackStage, who: str) -> str:
    return (await stage.answer(await stage.mention("hello", who))).text


@pytest.mark.parametrize("failing", ["slow", "refused"])
async def test_a_denied_group_stays_denied_while_slack_fails(stage: SlackStage, failing: str) -> None:
    hurry(stage.app.adapters["slack"], replace(QUICK, look_up=0.7))
    assert "a rule for @contractors" in await said_to(stage, "ben")
    gate = asyncio.Event()
    how = {"hold": gate} if failing == "slow" else {"error": "internal_error"}
    group = next(iter(stage.slack.world.groups.values()))
    stage.slack.fail("usergroups.list", times=99, **how)
    stage.slack.event({"type": "subteam_updated", "subteam": group.json(), "event_ts": stage.slack.clock.ts()})
    await stage.slack.settled()
    assert "a rule for @contractors" in await said_to(stage, "ben")
    assert "may not" not in await said_to(stage, "ann")
    gate.set()


async def test_a_rule_for_an_unknown_group_refuses(stage: SlackStage) -> None:
    stage.slack.fail("usergroups.list", "internal_error", times=99)
    directory = stage.app.adapters["slack"]._directory  # type: ignore[attr-defined]  # as after a start
    directory.groups.close()
    for who in ("ben", "ann"):
        answer_text = await said_to(stage, who)
        assert answer_text == (
            "> You may not talk with me here: Slack does not report your groups right now. Try again in a minute."
        )
    assert "may not" not in await said_to(stage, "root")


async def test_without_group_rules_unknown_groups_do_not_matter(tmp_path: Path) -> None:
    stage = SlackStage(tmp_path)
    async with stage.playing():
        stage.slack.fail("usergroups.list", "internal_error", times=99)
        assert "may not" not in await said_to(stage, "ann")


async def test_who_cannot_be_looked_up_hears_why(tmp_path: Path) -> None:
    stage = SlackStage(tmp_path)
    async with stage.playing():
        stage.slack.fail("users.info", status=500, times=99)
        answer_text = await said_to(stage, "ann")
        assert answer_text == (
            "> You may not talk with me here: Slack does not report your rights right now. Try again in a minute."
        )
        answer_text = (await stage.answer(await stage.command("access show", {}, "root"))).text
        assert "Slack does not report your rights right now. Try again in a minute." in answer_text


async def test_rights_come_with_the_change_itself(team: Town) -> None:
    root = team.slack.add_user("Root", admin=True)
    team.say(team.slack.mention("hello"), who=root)
    assert (await team.intake.next()).person.administrator
    asked = len(team.slack.called("users.info"))
    team.slack.change(root, admin=False)
    await team.slack.settled()
    team.say(team.slack.mention("hello"), who=root)
    assert not (await team.intake.next()).person.administrator
    assert len(team.slack.called("users.info")) == asked


# Whose envelopes count ------------------------------------------------------------------------------------------------


def authorized(team: str, user: str) -> dict[str, object]:
    return {"enterprise_id": None, "team_id": team, "user_id": user, "is_bot": True}


def mention_of(team: Town, text: str = "hello") -> dict[str, object]:
    ts = team.slack.post(team.channel, team.ada, team.slack.mention(text), quiet=True)
    event = team.slack.find(team.channel, ts).json()
    return event | {"channel": team.channel, "channel_type": "channel", "event_ts": ts}


@pytest.mark.parametrize(
    "envelope",
    [
        {"team_id": "T9", "context_team_id": "T9", "authorizations": [authorized("T9", "U9")]},
        {"team_id": "T9", "context_team_id": "T9", "authorizations": []},
        {"api_app_id": "A9"},
    ],
)
async def test_envelopes_of_others_are_left_alone(team: Town, envelope: dict[str, object]) -> None:
    team.slack.event(mention_of(team), **envelope)
    await team.ignored()


async def test_who_writes_from_another_organisation_is_heard(team: Town) -> None:
    ours = [authorized(team.slack.team, team.slack.bot)]
    event = mention_of(team, "from afar") | {"user_team": "T9", "team": "T9", "source_team": "T9"}
    team.slack.event(event, team_id="T9", context_team_id="T9", authorizations=ours, is_ext_shared_channel=True)
    request = await team.intake.next()
    assert (request.text, request.place.workspace) == ("from afar", team.slack.team)


async def test_acts_in_another_workspace_are_left_alone(team: Town) -> None:
    team.slack.team, home = "T9", team.slack.team
    act = team.slack.command(team.channel, team.ada, "/ask", "why?")
    await team.slack.wait(lambda: act.acknowledged)
    team.slack.team = home
    await team.ignored()


# Removing the app -----------------------------------------------------------------------------------------------------


async def test_a_revoked_token_is_no_removal(team: Town) -> None:
    team.slack.event({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [team.slack.bot]}})
    await team.asked()
    assert team.intake.left.empty()


async def test_a_removal_that_slack_denies_is_none(team: Town) -> None:
    team.slack.event({"type": "app_uninstalled"})
    await team.asked()
    assert team.intake.left.empty()


async def test_a_removal_elsewhere_is_none_here(team: Town) -> None:
    team.slack.world.removed = True
    team.slack.event({"type": "app_uninstalled"}, team_id="T9")
    await team.slack.settled()
    assert team.intake.left.empty()


async def test_a_removal_that_cannot_be_confirmed_comes_again(team: Town) -> None:
    team.slack.socket.ack_seconds = 0.1
    team.slack.fail("auth.test", status=500)
    team.slack.uninstall()
    assert await asyncio.wait_for(team.intake.left.get(), 5) == team.slack.team
    assert [violation.split(" within")[0] for violation in team.slack.violations] == ["no acknowledgement"]
    team.slack.violations.clear()


async def test_what_slack_refuses_to_open_waits_a_minute(team: Town) -> None:
    rest = team.adapter._rest
    team.slack.fail("apps.connections.open", "internal_error")
    with pytest.raises(Exception, match="internal_error"):
        await rest.socket_url()
    made = len(team.slack.called("apps.connections.open"))
    waiting = asyncio.create_task(rest.socket_url())
    await asyncio.wait([waiting], timeout=0.1)
    assert not waiting.done()
    assert len(team.slack.called("apps.connections.open")) == made
    waiting.cancel()
