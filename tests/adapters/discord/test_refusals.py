"""Refusals and failures of Discord, and the answers after them, through the real discord.py."""

from __future__ import annotations

import asyncio
import logging

import pytest

from adapters.discord.outgoing.channel_surface import REPEATED_NOTE
from bot.interfaces.errors import Forbidden, Gone, PlatformError
from bot.interfaces.replies import Answer, Text
from tests.adapters.discord.town import Town
from tests.fakes.discord.world import READ_HISTORY, Json
from tests.fakes.media import PNG

ENTRY: Json = {
    "id": "1",
    "type": 4,
    "name": "launch",
    "description": "",
    "handler": 2,
    "contexts": [0, 1],
    "integration_types": [0],
    "name_localizations": None,
    "default_member_permissions": None,
    "version": "1",
    "application_id": "2",
}


@pytest.mark.parametrize("by", ["mention", "command"])
async def test_an_archived_thread_is_opened_for_an_answer(team: Town, by: str) -> None:
    thread = team.discord.add_thread(team.channel, "plans", team.ada)
    if by == "command":
        _, request = await team.used("ask", to=thread, text="hello")
    else:
        team.say(team.discord.mention("hello"), to=thread)
        request = await team.intake.next()
    draft = team.draft(request)
    draft.write(Text("Half"))
    await team.discord.wait(lambda: "Half" in team.shown(thread))
    team.discord.archive(thread)
    await draft.finish(Answer("Half and half."))
    assert team.shown(thread) == ["Half and half."]
    assert not team.discord.world.channels[thread].archived


@pytest.mark.parametrize("begun", [False, True])
async def test_a_locked_thread_is_named_as_the_reason(team: Town, begun: bool) -> None:
    thread = team.discord.add_thread(team.channel, "plans", team.ada)
    team.say(team.discord.mention("hello"), to=thread)
    request = await team.intake.next()
    draft = team.draft(request)
    if begun:
        draft.write(Text("Half"))
        await team.discord.wait(lambda: team.shown(thread))
    team.discord.archive(thread, locked=True)
    with pytest.raises(Forbidden, match="The thread is locked"):
        await draft.finish(Answer("Half and half."))


async def test_without_the_history_answers_are_not_replies(team: Town) -> None:
    asked, request = await team.asked()
    team.discord.world.channels[team.channel].denied |= READ_HISTORY
    await team.answer(request, "Hello.")
    team.say(team.discord.mention("/config set --skope me model large"))
    await team.discord.wait(lambda: len(team.shown()) == 2)
    assert "no option `--skope`" in team.shown()[1]
    assert team.discord.answers_to(asked) == []


async def test_commands_that_are_refused_end_no_connection(team: Town, caplog: pytest.LogCaptureFixture) -> None:
    team.intake.commands = team.intake.commands[:-1]
    team.discord.fail("PUT", r"/applications/\d+/commands", 400, code=50035)
    await team.restart()
    assert (await team.asked("hello"))[1].text == "hello"
    assert "offers the old ones" in caplog.text
    assert "access" in {command["name"] for command in team.discord.rest.commands}
    await team.restart()
    assert "access" not in {command["name"] for command in team.discord.rest.commands}


async def test_the_command_of_an_activity_stays(team: Town) -> None:
    team.discord.rest.commands.append(ENTRY)
    await team.restart()
    assert team.discord.rest.syncs == 1, "nothing else changed"
    team.intake.commands = team.intake.commands[:-1]
    await team.restart()
    names = [command["name"] for command in team.discord.rest.commands]
    assert (team.discord.rest.syncs, "launch" in names, "access" in names) == (2, True, False)


@pytest.mark.parametrize("private", [False, True])
async def test_a_part_that_arrived_is_not_doubled(team: Town, private: bool) -> None:
    """Discord reports a failure, but shows the follow-up."""
    _, request = await team.used("ask", text="why?", private=private)
    team.discord.fail("POST", r"/webhooks/\d+/[\w-]+$", 502, drop="after")
    await team.answer(request, "word " * 500)
    if private:  # a hidden part cannot be read, so the draft marks the second one
        _, *parts = [message.content for message in team.discord.only_seen_by(team.ada)]
        assert [part.startswith(REPEATED_NOTE) for part in parts] == [False, True]
    else:
        assert len(team.shown()) == 2


async def test_all_calls_keep_to_one_rate_limit(team: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """discord.py's own calls at the start and the adapter's calls share one limit."""
    _, request = await team.asked()
    team.intake.places = [(request.place, request.act.order)]
    await team.stop()
    history, answer = rf"/channels/{team.channel}/messages", "/channels/"
    loop, came, limited = asyncio.get_running_loop(), list[tuple[str, float]](), asyncio.Event()

    async def note(when: str, method: str, path: str) -> None:
        if when == "received" and path.startswith(answer):
            came.append((method, loop.time()))

    class Noticed(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "Global rate limit has been hit" in record.getMessage():
                limited.set()

    monkeypatch.setattr(logging.getLogger("discord.http"), "handlers", [Noticed()])
    team.discord.on_request = note
    team.discord.fail("GET", history, 429, retry_after=0.3, everywhere=True)
    starting = asyncio.create_task(team.start())
    await limited.wait()
    since = loop.time()
    await team.answer(request, "Hello.")
    await starting
    assert min(at for method, at in came if method == "POST") - since >= 0.25
    assert team.discord.requests.count(("GET", "/users/@me")) == 1, "one sign-in serves both"


@pytest.mark.parametrize("path", ["/users/@me", "/gateway/bot"])
async def test_a_refused_sign_in_speaks_of_no_message(team: Town, path: str) -> None:
    await team.stop()
    await team.adapter.aclose()
    for status in (400, 404):
        team.discord.fail("GET", path, status)
        with pytest.raises(PlatformError, match=f"refuses the bot .{status}.*http.* is Discord's API") as caught:
            await team.start()
        assert "message" not in str(caught.value)
        assert not isinstance(caught.value, Forbidden | Gone)


async def test_files_are_read_though_their_addresses_expired(team: Town) -> None:
    pictured = team.discord.post(team.channel, team.ada, "see", files=["map.png"])
    files = ["cat.png", "dog.png"]
    team.discord.post(team.channel, team.ada, team.discord.mention("see"), files=files, reply_to=pictured)
    request = await team.intake.next()
    pointed = await team.adapter.pointed(request)
    assert pointed is not None
    team.discord.expire_addresses()
    for file in (request.attachments[1], *pointed.attachments):
        assert await team.adapter.fetch(request, file, 1_000) == PNG
    team.discord.delete(request.message)
    team.discord.expire_addresses()
    with pytest.raises(Gone, match="no longer exists"):
        await team.adapter.fetch(request, request.attachments[1], 1_000)
