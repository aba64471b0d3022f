"""The channels on Slack that a person may read, through the real slack_sdk."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from bot.interfaces.errors import PlatformError
from bot.interfaces.messages import Place, Request
from tests.adapters.slack.town import Town


async def readable(team: Town, request: Request, *channels: str) -> list[str]:
    """Return the channels that Ada may read; their threads give the same result."""
    places = [Place("slack", team.slack.team, channel, thread) for channel in channels for thread in ("", "1.2")]
    found = await team.adapter.readable(request, places)
    threads: Collection[str] = {place.channel for place in found if place.thread}
    assert threads == {place.channel for place in found if not place.thread}
    return [channel for channel in channels if channel in threads]


async def test_members_read_public_channels_and_their_own(team: Town) -> None:
    slack, (_, request) = team.slack, await team.asked()
    elsewhere = slack.add_channel("elsewhere", team.ben)
    closed, group = slack.add_channel("closed", team.ben, kind="group"), slack.add_channel("", team.ben, kind="mpim")
    own, ours = slack.add_channel("own", team.ada, kind="group"), slack.add_channel("", team.ada, kind="mpim")
    left = slack.add_channel("left", team.ada, kind="group", joined=False)
    every = (team.channel, elsewhere, closed, group, own, ours, left, "C404")
    assert await readable(team, request, *every) == [team.channel, elsewhere, own, ours]
    slack.change(team.ada, guest=True)
    assert await readable(team, request, *every) == [team.channel, own, ours]
    slack.world.channels[own].members.discard(team.ada)
    assert await readable(team, request, *every) == [team.channel, ours]


async def test_a_long_list_is_read_to_its_end(team: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.slack.web_api.PAGE", 2)
    _, request = await team.asked()
    own = [team.slack.add_channel(f"own-{number}", team.ada, kind="group") for number in range(5)]
    assert await readable(team, request, *own) == own
    assert await readable(team, request) == []


async def test_what_slack_does_not_say_is_an_error(team: Town) -> None:
    _, request = await team.asked()
    team.slack.fail("users.conversations", status=500)
    with pytest.raises(PlatformError):
        await readable(team, request, team.channel)


async def test_the_audience_follows_slacks_current_rights(team: Town) -> None:
    slack = team.slack
    closed, group = slack.add_channel("closed", team.ada, kind="group"), slack.add_channel("", team.ada, kind="mpim")
    places = [Place("slack", slack.team, channel) for channel in (team.channel, closed, group, "C404")]
    places += [Place("slack", slack.team, slack.add_direct(team.ada)), Place("slack", "T404", team.channel)]
    found = [await team.adapter.audience(place) for place in places]
    assert found == ["everybody", "some", "some", "none", "none", "none"]
