"""Staying connected to Slack: no event is lost or doubled, and only stored ones are acknowledged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from adapters.slack import PLATFORM
from adapters.slack.adapter import SlackAdapter
from adapters.slack.settings import SlackSettings
from bot.interfaces.errors import ConfigError, PlatformError
from bot.interfaces.messages import Place
from tests.adapters.slack.town import QUICK, Town, town

BOTH_AT_ONCE = replace(QUICK, stagger=0.0)


@pytest.fixture
async def team() -> AsyncGenerator[Town, None]:
    async with town(timeouts=BOTH_AT_ONCE) as made:
        await made.start()
        await made.slack.connected(2)
        yield made


def took_part(team: Town, *places: tuple[str, str], order: str) -> None:
    """Let the core remember these channels and threads, each with an act of this timestamp as its newest."""
    for channel, thread in places:
        place = Place("slack", team.slack.team, channel, thread, direct=channel.startswith("D"))
        team.intake.places.append((place, int(order.replace(".", ""))))


def texts(team: Town) -> list[str]:
    return [request.text for request in team.intake.requests]


# Acknowledging --------------------------------------------------------------------------------------------------------


async def test_it_says_who_it_is() -> None:
    async with town(timeouts=BOTH_AT_ONCE) as team:
        assert await team.start() == "Slack: shoulders, in Team"
        report = await team.adapter.check()
        assert "shoulders in Team" in report
        assert "guests cannot use it" in report
        assert "lacks" not in report
        team.slack.scopes -= {"assistant:write", "files:read"}
        report = await team.adapter.check()
        assert "lacks the permissions files:read" in report
        assert "the plain manifest" in report


async def test_nothing_is_acknowledged_before_it_is_kept(team: Town) -> None:
    team.intake.gate = asyncio.Event()
    team.say("hello", to=team.slack.add_direct(team.ada))
    act = team.slack.command(team.channel, team.ada, "/ask", "why?")
    await team.slack.wait(lambda: len(team.slack.called("users.info")))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not any(envelope.acknowledged for envelope in team.slack.socket.envelopes)
    team.intake.gate.set()
    await team.slack.settled()
    assert act.acknowledged


async def test_what_could_not_be_kept_comes_again(team: Town) -> None:
    team.slack.socket.ack_seconds = 0.1
    team.intake.broken = True
    team.say("hello", to=team.slack.add_direct(team.ada))
    envelope = team.slack.socket.envelopes[-1]
    await team.slack.wait(lambda: envelope.attempt)
    team.intake.broken = False
    team.intake._known.clear()
    assert (await team.intake.next()).text == "hello"
    await team.slack.settled()
    assert {violation.split(" within")[0] for violation in team.slack.violations} == {"no acknowledgement"}
    team.slack.violations.clear()


async def test_an_acknowledged_redelivery_is_the_same_act(team: Town) -> None:
    direct = team.slack.add_direct(team.ada)
    team.say("hello", to=direct)
    await team.intake.next()
    await team.slack.settled()
    team.slack.socket.redeliver(team.slack.socket.envelopes[-1])
    team.say("next", to=direct)
    assert (await team.intake.next()).text == "next"
    assert texts(team) == ["hello", "next"]


async def test_a_slow_look_up_keeps_the_order(team: Town) -> None:
    gate = asyncio.Event()
    team.slack.fail("users.info", hold=gate)
    root, _ = team.say(team.slack.mention("first")), team.say(team.slack.mention("second"), who=team.ben)
    await team.slack.wait(lambda: len(team.slack.called("users.info")) == 2)
    other = team.slack.add_channel("other", team.ben)
    team.say(team.slack.mention("elsewhere"), to=other, who=team.ben)
    assert (await team.intake.next()).text == "elsewhere"
    gate.set()
    assert (await team.intake.next()).message == root
    assert (await team.intake.next()).text == "second"


async def test_a_stopping_bot_leaves_events_to_slack(team: Town) -> None:
    team.slack.socket.ack_seconds = 0.05
    await team.adapter.stop_intake()
    team.say("hello", to=team.slack.add_direct(team.ada))
    await team.slack.wait(lambda: team.slack.socket.envelopes[-1].attempt)
    assert team.intake.requests == []
    team.slack.violations.clear()  # it is late, and that is meant
    team.slack.socket.ack_seconds = 3.0
    await team.restart()
    assert (await team.intake.next()).text == "hello"


# The socket -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["warning", "refresh_requested", "too_many_websockets"])
async def test_a_disconnect_frame_loses_no_event(team: Town, reason: str) -> None:
    direct = team.slack.add_direct(team.ada)
    team.say("before", to=direct)
    await team.slack.socket.disconnect(reason, close=reason != "warning")
    team.say("meanwhile", to=direct)
    await team.slack.connected(3)
    team.say("after", to=direct)
    found = [(await team.intake.next()).text for _ in range(3)]
    assert sorted(found) == ["after", "before", "meanwhile"]
    await team.slack.settled()
    assert len(team.intake.requests) == 3


async def test_a_broken_connection_is_made_again(team: Town) -> None:
    team.slack.socket.cut()
    team.say("hello", to=team.slack.add_direct(team.ada))
    await team.connected()
    assert (await team.intake.next()).text == "hello"


async def test_a_socket_that_stays_away_ends_the_run(team: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    team.hurry(replace(BOTH_AT_ONCE, dead=0.1))
    monkeypatch.setattr(team.slack.socket, "opens", False)
    team.slack.fail("apps.connections.open", "internal_error", times=9)
    team.slack.socket.cut()
    assert team.running is not None
    with pytest.raises(PlatformError):
        await asyncio.wait_for(team.running, 10)


async def test_a_socket_that_never_opens_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async with town(timeouts=replace(BOTH_AT_ONCE, dead=0.1)) as team:
        monkeypatch.setattr(team.slack.socket, "opens", False)
        with pytest.raises(PlatformError, match="ended"):
            await team.start()


@pytest.mark.parametrize(("wrong", "named"), [("bot", "SLACK_BOT_TOKEN"), ("app", "SLACK_APP_TOKEN")])
async def test_a_wrong_token_is_named(team: Town, wrong: str, named: str) -> None:
    tokens = {"bot": team.slack.bot_token, "app": team.slack.app_token, wrong: "xoxb-wrong"}
    adapter = SlackAdapter(team.settings, tokens["bot"], tokens["app"])
    with pytest.raises(ConfigError, match=named) as raised:
        await adapter.run(team.intake, print)
    with pytest.raises(ConfigError, match=named):
        await adapter.check()
    await adapter.aclose()
    assert "xoxb-wrong" not in raised.value.message


async def test_a_token_that_is_revoked_ends_the_run(team: Town) -> None:
    team.slack.fail("apps.connections.open", "token_revoked", times=9)
    await team.slack.socket.disconnect("refresh_requested")
    assert team.running is not None
    with pytest.raises(ConfigError, match="SLACK_APP_TOKEN was revoked"):
        await asyncio.wait_for(team.running, 10)


async def test_answers_are_written_without_a_socket(team: Town) -> None:
    root, request = await team.asked()
    await team.stop()
    await team.answer(request, "Here.")
    assert team.shown(root) == ["Here."]


# Two sockets ----------------------------------------------------------------------------------------------------------


class LogWatcher(logging.Handler):
    """A handler that waits for a text in the log."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words
        self.seen = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self.words in record.getMessage():
            self.seen.set()


@contextmanager
def log_that_says(words: str) -> Iterator[LogWatcher]:
    watcher, log = LogWatcher(words), logging.getLogger("adapters.slack.incoming.connection")
    log.addHandler(watcher)
    yield watcher
    log.removeHandler(watcher)


async def hang_up(team: Town, number: int, reason: str = "refresh_requested") -> None:
    """Let Slack end one connection."""
    ws = team.slack.socket.sockets[number]
    await ws.send_json({"type": "disconnect", "reason": reason})
    await ws.close()


async def test_the_second_socket_comes_later() -> None:
    async with town() as team:
        await team.start()
        assert len(team.slack.called("apps.connections.open")) == 1


async def test_a_press_during_a_refresh_is_taken(team: Town) -> None:
    gate = asyncio.Event()
    team.slack.fail("apps.connections.open", hold=gate)
    first, second = sorted(team.slack.socket.sockets)
    await hang_up(team, first)
    await team.slack.wait(lambda: list(team.slack.socket.sockets) == [second])
    for number in range(3):
        _, request = await team.used("/ask", f"{number}?")
        assert request.text == f"{number}?"
    gate.set()
    await team.slack.connected(3)
    await team.slack.wait(lambda: len(team.slack.socket.sockets) == 2)
    assert second in team.slack.socket.sockets


async def test_only_the_first_socket_says_connected(team: Town) -> None:
    root, _ = await team.asked()
    took_part(team, (team.channel, root), order=root)
    read = len(team.slack.called("conversations.replies"))
    await hang_up(team, min(team.slack.socket.sockets))
    await team.slack.connected(3)
    await team.asked("still there?")
    assert team.lines.empty()
    assert len(team.slack.called("conversations.replies")) == read
    team.slack.socket.cut()
    assert await team.connected() == "Slack: shoulders, in Team"
    await team.slack.wait(lambda: len(team.slack.socket.sockets) == 2)
    await team.asked("and now?")
    assert team.lines.empty()


async def test_what_comes_by_both_sockets_is_one_request(team: Town) -> None:
    team.say("hello", to=team.slack.add_direct(team.ada))
    await team.intake.next()
    sent = team.slack.socket.envelopes[-1]
    team.slack.socket.redeliver(sent)
    first = sent.socket
    team.slack.socket.redeliver(sent)
    assert sent.socket != first
    await team.asked("next")
    assert texts(team) == ["hello", "next"]


async def test_two_sockets_deliver_one_mention(team: Town) -> None:
    _, request = await team.asked("hello")
    await team.slack.settled()
    mention, message = team.slack.socket.envelopes[-2:]
    assert mention.socket != message.socket
    assert texts(team) == ["hello"]
    assert request.text == "hello"


async def test_one_socket_that_cannot_open_is_said(team: Town) -> None:
    team.slack.fail("apps.connections.open", "internal_error")
    first, second = sorted(team.slack.socket.sockets)
    with log_that_says("one of 2 connections is closed") as log:
        await hang_up(team, first)
        await asyncio.wait_for(log.seen.wait(), 5)
    assert list(team.slack.socket.sockets) == [second]
    _, request = await team.used("/ask", "why?")
    assert request.text == "why?"
    assert team.running is not None
    assert not team.running.done()


async def test_too_many_connections_are_said(team: Town) -> None:
    first, second = sorted(team.slack.socket.sockets)
    with log_that_says("other copies of the bot") as log:
        await hang_up(team, first, "too_many_websockets")
        await asyncio.wait_for(log.seen.wait(), 5)
    await team.slack.wait(lambda: list(team.slack.socket.sockets) == [second])
    assert (await team.asked("hello"))[1].text == "hello"
    assert len(team.slack.called("apps.connections.open")) == 2


# Catching up ----------------------------------------------------------------------------------------------------------


async def test_missed_messages_are_read_in_known_places(team: Town) -> None:
    root, _ = await team.asked()
    direct = team.slack.add_direct(team.ada)
    first = team.say("hello", to=direct)
    await team.intake.next()
    took_part(team, (team.channel, root), (direct, ""), order=first)
    await team.stop()
    missed = [
        (direct, "in the direct message", ""),
        (direct, "in its thread", first),
        (team.channel, "follow-up", root),
    ]
    missed += [(team.channel, team.slack.mention("a new mention"), ""), (team.channel, "among people", "")]
    for channel, text, thread in missed:
        team.slack.post(channel, team.ada, text, thread, quiet=True)
    await team.restart()
    found = [await team.intake.next() for _ in range(4)]
    assert [request.text for request in found] == [
        "in the direct message",
        "in its thread",
        "follow-up",
        "a new mention",
    ]
    assert [request.addressed for request in found] == [True, True, False, True]
    assert len(team.intake.requests) == 6


async def test_backfill_and_late_delivery_are_one_request(team: Town) -> None:
    direct = team.slack.add_direct(team.ada)
    first = team.say("hello", to=direct)
    await team.intake.next()
    took_part(team, (direct, ""), order=first)
    await team.stop()
    team.say("meanwhile", to=direct)  # waits for a socket
    await team.restart()
    assert (await team.intake.next()).text == "meanwhile"
    await team.slack.settled()
    assert len(team.intake.requests) == 2


async def test_the_backfill_stays_within_the_rate_limits(team: Town) -> None:
    roots = [(team.channel, team.say(f"thread {number}")) for number in range(60)]
    took_part(team, *roots, order=roots[-1][1])
    await team.stop()
    for _, root in roots:
        team.slack.post(team.channel, team.ada, "more", root, quiet=True)
    await team.restart()
    assert len(team.slack.called("conversations.replies")) == 10
    assert texts(team) == ["more"] * 10


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("events_api", {"type": "event_callback", "event": {"type": "member_joined_channel", "user": "U000000000"}}),
        ("interactive", {"type": "block_actions", "user": "ada", "team": "T000000001", "actions": []}),
        ("slash_commands", {"command": "/ask", "channel_id": "C1"}),
    ],
)
async def test_what_cannot_be_read_does_not_come_again(
    team: Town, caplog: pytest.LogCaptureFixture, kind: str, payload: dict[str, object]
) -> None:
    envelope = team.slack.socket.push(kind, payload)
    await team.slack.wait(lambda: envelope.acknowledged)
    (line,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert line.getMessage().startswith("An event of Slack cannot be read")
    assert line.exc_info is None
    await team.asked("are you there?")


async def test_an_unreadable_history_does_not_stop_the_bot(team: Town) -> None:
    root, _ = await team.asked()
    took_part(team, (team.channel, root), order=root)
    await team.stop()
    team.slack.fail("conversations.*", "missing_scope", times=9)
    await team.restart()


async def test_a_slow_history_does_not_stop_the_bot(team: Town) -> None:
    team.hurry(replace(BOTH_AT_ONCE, catch_up=0.05))
    root, _ = await team.asked()
    took_part(team, (team.channel, root), order=root)
    await team.stop()
    gate = asyncio.Event()
    team.slack.fail("conversations.replies", hold=gate)
    await team.restart()
    gate.set()


def test_no_secret_is_said_in_the_settings() -> None:
    assert PLATFORM.secrets == ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")
    with suppress(ValueError):
        SlackSettings.model_validate({"bot_token": "xoxb-canary"})
        pytest.fail("a token was accepted in config.toml")
