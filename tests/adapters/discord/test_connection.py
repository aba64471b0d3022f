"""Connecting to Discord, staying connected and reading missed messages, through the real discord.py."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
from discord.http import Ratelimit

from adapters.discord import PLATFORM
from adapters.discord.adapter import DiscordAdapter
from adapters.discord.incoming.gateway_client import UNREADABLE
from adapters.discord.settings import DiscordSettings
from bot.interfaces.errors import ConfigError, PlatformError
from bot.interfaces.messages import Place
from bot.interfaces.replies import Answer, Text
from tests.adapters.discord.town import QUICK, Town, town


@pytest.fixture
async def team() -> AsyncGenerator[Town, None]:
    async with town(timeouts=replace(QUICK, identify=0.1)) as made:
        made.discord.gateway.identify_every = 0.1
        yield made


async def test_connecting_says_who_and_where(team: Town) -> None:
    assert await team.start() == "Discord: shoulders, in 1 server"
    assert team.discord.gateway.identifies == 1


async def test_a_wrong_token_is_one_clear_error(team: Town) -> None:
    team.adapter = DiscordAdapter(team.settings, "wrong")
    with pytest.raises(ConfigError, match="DISCORD_TOKEN"):
        await team.start()
    with pytest.raises(ConfigError, match="DISCORD_TOKEN"):
        await team.adapter.check()


async def test_a_token_refused_by_the_gateway_is_reported(team: Town) -> None:
    team.discord.gateway.close_identify = 4004
    with pytest.raises(ConfigError, match="DISCORD_TOKEN"):
        await team.start()


async def test_a_refused_intent_is_reported_once(team: Town, caplog: pytest.LogCaptureFixture) -> None:
    team.discord.refuse_message_content()
    await team.start()
    _, request = await team.asked("shown")
    assert request.text == "shown"
    await team.stop()
    await team.start()
    assert team.discord.gateway.identifies == 3
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


async def test_any_other_close_is_left_to_the_supervisor(team: Town) -> None:
    team.discord.gateway.close_identify = 4013
    with pytest.raises(PlatformError, match="4013"):
        await team.start()
    team.discord.gateway.close_identify = None
    await team.start()


async def test_an_outage_of_the_api_ends_the_run(team: Town) -> None:
    team.discord.fail("GET", "/users/@me", 503)
    with pytest.raises(PlatformError, match="503"):
        await team.start()
    team.discord.fail("GET", "/gateway/bot", drop="before", times=2)  # aiohttp repeats a GET once
    with pytest.raises(PlatformError, match="reached"):
        await team.start()
    await team.start()


async def test_the_budget_of_connections_is_never_used_up(team: Town) -> None:
    team.discord.gateway.starts_left = 20
    with pytest.raises(PlatformError, match="60 minutes"):
        await team.start()
    assert team.discord.gateway.identifies == 0


async def test_several_shards_identify_with_the_required_spacing(team: Town) -> None:
    team.discord.gateway.shards = 2
    await team.start()
    await team.connected()
    assert len(team.discord.gateway.connected) == 2
    assert (await team.asked("hello"))[1].text == "hello"


async def test_after_op_7_the_session_resumes_without_loss(team: Town) -> None:
    await team.start()
    team.discord.gateway.reconnect()
    team.say(team.discord.mention("meanwhile"))
    assert "again" in await team.connected()
    assert (await team.intake.next()).text == "meanwhile"
    assert (team.discord.gateway.identifies, team.discord.gateway.resumes) == (1, 1)
    assert len(team.intake.requests) == 1


@pytest.mark.parametrize(("code", "identifies"), [(4000, 1), (1001, 2)])
async def test_after_a_lost_connection_nothing_is_missed(team: Town, code: int, identifies: int) -> None:
    await team.start()
    await _took_part(team)
    team.discord.gateway.close(code)
    await team.discord.wait(lambda: not team.discord.gateway.connected)
    team.say(team.discord.mention("meanwhile"))
    assert (await team.intake.next()).text == "meanwhile"
    await team.connected()
    assert [request.text for request in team.intake.requests] == ["before", "meanwhile"]
    assert team.discord.gateway.identifies == identifies


async def test_after_op_9_missed_messages_are_read(team: Town) -> None:
    await team.start()
    await _took_part(team)
    team.discord.gateway.invalidate(resumable=False)
    await team.discord.wait(lambda: not team.discord.gateway.connected)
    team.say(team.discord.mention("meanwhile"))
    await team.connected()
    assert (await team.intake.next()).text == "meanwhile"
    assert team.discord.gateway.identifies == 2


async def test_a_connection_without_heartbeat_acknowledgements_is_given_up(team: Town) -> None:
    team.hurry(replace(QUICK, identify=0.1, heartbeat=0.2))
    team.discord.gateway.heartbeat_interval = 0.05
    await team.start()
    team.discord.gateway.acknowledges = False
    await team.discord.wait(lambda: team.discord.gateway.resumes or team.discord.gateway.identifies > 1)
    team.discord.gateway.acknowledges = True
    await team.connected()


async def test_missed_messages_are_offered_oldest_first(team: Town) -> None:
    grace = team.discord.add_user("Grace")
    team.discord.add_member(team.guild, grace, team.discord.add_role(team.guild, "Staff", manages=True))
    thread = team.discord.add_thread(team.channel, "plans", team.ada)
    direct = team.discord.add_direct(team.ada)
    await team.start()
    await _took_part(team)
    team.say(team.discord.mention("plan"), to=thread)
    in_thread = await team.intake.next()
    team.say("hi", to=direct)
    in_direct = await team.intake.next()
    team.intake.places += [(request.place, request.act.order) for request in (in_thread, in_direct)]
    await team.stop()

    team.say("people among themselves")
    team.discord.post(team.channel, grace, team.discord.mention("one"))
    team.say("two", to=direct)
    team.say("three", to=thread)
    await team.start()
    missed = [await team.intake.next() for _ in range(3)]
    assert [request.text for request in missed] == ["one", "two", "three"]
    assert [request.person.administrator for request in missed] == [True, False, False]
    assert [request.addressed for request in missed] == [True, True, False]
    assert [request.place for request in missed] == [team.intake.places[0][0], in_direct.place, in_thread.place]
    assert len(missed[0].person.roles) == 1


async def test_a_deleted_channel_does_not_stop_the_backfill(team: Town) -> None:
    await team.start()
    await _took_part(team)
    team.intake.places.insert(0, (Place("discord", team.guild, "12345"), 1))
    await team.stop()
    team.say(team.discord.mention("meanwhile"))
    await team.start()
    assert (await team.intake.next()).text == "meanwhile"


async def test_unknown_roles_are_reported_as_unknown(team: Town) -> None:
    await team.start()
    await _took_part(team)
    await team.stop()
    team.discord.fail("GET", r".*/members/.*", 404)
    team.say(team.discord.mention("meanwhile"))
    await team.start()
    assert (await team.intake.next()).person.unsaid == "roles"


async def test_backfill_and_live_events_have_the_same_acts(team: Town) -> None:
    await team.start()
    await _took_part(team)
    before = team.intake.requests[0]
    team.intake.places = [(before.place, before.act.order - 1)]
    await team.stop()
    await team.start()
    await team.asked("after")
    assert [request.text for request in team.intake.requests] == ["before", "after"]


async def test_answers_are_written_while_the_gateway_is_away(team: Town) -> None:
    await team.start()
    _, request = await team.asked()
    draft = team.draft(request)
    draft.write(Text("Half"))
    await team.stop()
    await draft.finish(Answer("Half and half."))
    assert team.shown() == ["Half and half."]


async def test_a_cancelled_call_delays_no_other(team: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancel a call while discord.py waits for a rate limit; the next call must not wait for it."""
    rest, refresh = team.adapter._rest, Ratelimit._refresh
    await rest.sign_in()

    async def cancelled_here(limit: Ratelimit) -> None:
        given_up.cancel()
        await refresh(limit)

    monkeypatch.setattr(Ratelimit, "_refresh", cancelled_here)
    given_up = asyncio.create_task(rest.direct_channel(team.ada))
    await asyncio.wait([given_up])
    assert given_up.cancelled()
    await asyncio.wait_for(rest.direct_channel(team.ada), 5)


async def test_after_stop_intake_nothing_is_taken(team: Town) -> None:
    await team.start()
    await team.adapter.stop_intake()
    team.say(team.discord.mention("too late"))
    interaction = team.discord.slash(team.channel, team.ada, "new")
    await team.discord.complete(team.channel, team.ada, "ask", "model", "")
    assert team.intake.requests == []
    assert interaction.callback == 0


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("MESSAGE_CREATE", {"content": "hello"}),
        ("MESSAGE_DELETE", {"id": "one", "channel_id": None}),
        ("INTERACTION_CREATE", {"id": "1", "type": 2, "data": {"options": [{"type": 1}]}}),
    ],
)
async def test_what_cannot_be_read_ends_no_connection(
    team: Town, caplog: pytest.LogCaptureFixture, event: str, data: dict[str, object]
) -> None:
    await team.start()
    session = await team.discord.connected()
    session.push(event, data)
    await team.asked("are you there?")
    assert team.discord.gateway.identifies == 1
    (line,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert line.getMessage().startswith(UNREADABLE.partition("%s")[0])
    assert line.exc_info is None


async def test_the_doctor_signs_in(team: Town) -> None:
    assert await team.adapter.check() == "Discord accepts the token of shoulders"


def test_the_invite_link_is_made_from_the_token() -> None:
    token = base64.urlsafe_b64encode(b"1234567890123456789").decode().rstrip("=") + ".abc.def"
    assert PLATFORM.setup is not None
    link = PLATFORM.setup(DiscordSettings(), (), {"DISCORD_TOKEN": token})
    assert "client_id=1234567890123456789" in link
    assert "applications.commands" in link
    for wrong in ("", "nonsense"):
        with pytest.raises(ConfigError, match="DISCORD_TOKEN"):
            PLATFORM.setup(DiscordSettings(), (), {"DISCORD_TOKEN": wrong})


async def _took_part(team: Town) -> None:
    """Let the store remember a question in the channel."""
    _, request = await team.asked("before")
    team.intake.places = [(request.place, request.act.order)]
