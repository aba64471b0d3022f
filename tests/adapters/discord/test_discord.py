"""Requests from Discord's events, through the real discord.py, against a fake Discord."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import replace

import pytest

from adapters.discord.adapter import MESSAGE_HIDDEN
from bot.interfaces.errors import Forbidden, Gone
from bot.interfaces.messages import Manner, Message
from tests.adapters.discord.town import Town, town
from tests.fakes.media import PNG


async def test_a_mention_becomes_a_request(team: Town) -> None:
    message, request = await team.asked("what is a mean?")
    assert (request.command, request.text, request.addressed) == ("chat", "what is a mean?", True)
    assert request.place.name == "#general in Team"
    assert (request.place.workspace, request.place.channel, request.place.thread) == (team.guild, team.channel, "")
    assert (request.person.id, request.person.name, request.person.administrator) == (team.ada, "Ada", False)
    assert len(request.person.roles) == 1
    assert (request.message, request.act.id, request.act.order) == (message, message, int(message))


async def test_a_bare_mention_is_talk_without_words(team: Town) -> None:
    _, request = await team.asked("")
    assert (request.command, request.text) == ("chat", "")


async def test_mentions_become_names_except_the_bots_own(team: Town) -> None:
    bob, role = team.discord.add_user("Bob B"), team.discord.add_role(team.guild, "Crew")
    team.discord.add_member(team.guild, bob)
    await team.restart()
    _, request = await team.asked(f"ask <@{bob}> and <@&{role}> in <#{team.channel}> <@{team.discord.bot}> <:wave:12>")
    assert request.text == "ask @Bob B and @Crew in #general  :wave:"


async def test_a_mention_of_the_bots_own_role_counts(team: Town) -> None:
    own = next(role for role in team.discord.world.guilds[team.guild].roles.values() if role.bot)
    team.say(f"<@&{own.id}> hello")
    assert (await team.intake.next()).text == "hello"


async def test_a_direct_message_needs_no_mention(team: Town) -> None:
    direct = team.discord.add_direct(team.ada)
    team.say("hello", to=direct)
    request = await team.intake.next()
    assert (request.place.workspace, request.place.channel, request.place.direct) == ("@me", direct, True)
    assert (request.text, request.addressed, request.person.administrator) == ("hello", True, False)


async def test_a_reply_without_a_ping_is_addressed(team: Town) -> None:
    _, request = await team.asked()
    await team.answer(request, "Hi.")
    answer = team.discord.messages(team.channel)[-1].id
    team.discord.post(team.channel, team.ada, "and then?", reply_to=answer, mention=False)
    request = await team.intake.next()
    assert (request.text, request.addressed, request.replies_to) == ("and then?", True, answer)


async def test_threads_are_followed_except_for_messages_to_others(team: Town) -> None:
    bob = team.discord.add_member(team.guild, team.discord.add_user("Bob"))
    thread = team.discord.add_thread(team.channel, "plans", team.ada)
    role = next(iter(team.discord.world.guilds[team.guild].members[team.ada]))
    theirs = team.discord.post(thread, bob, f"<@{team.ada}> lunch?")
    for text in (f"<@{bob}> yes", f"<@&{role}> lunch!", "@everyone lunch!"):
        team.say(text, to=thread)
    team.say("sure", to=thread, reply_to=theirs)
    team.discord.post(thread, team.ada, "really", reply_to=theirs, mention=False)
    team.say("so what is next?", to=thread)
    request = await team.intake.next()
    assert (request.text, request.addressed) == ("so what is next?", False)
    assert (request.place.channel, request.place.thread) == (team.channel, thread)
    assert request.place.name == "#general in Team"


async def test_bots_and_unaddressed_messages_are_ignored(team: Town) -> None:
    other = team.discord.add_user("Other", bot=True)
    team.discord.post(team.channel, other, team.discord.mention("loop"))
    team.discord.post(team.channel, team.discord.bot, team.discord.mention("loop"))
    team.say("just people")
    await team.asked("the first for the bot")
    assert [request.text for request in team.intake.requests] == ["the first for the bot"]


async def test_attachments_are_listed(team: Town) -> None:
    team.discord.post(team.channel, team.ada, team.discord.mention("see"), files=["notes.txt", "cat.png"])
    files = (await team.intake.next()).attachments
    assert [(file.name, file.media_type, file.size) for file in files] == [
        ("notes.txt", "text/plain", 3),
        ("cat.png", "image/png", len(PNG)),
    ]


async def test_attachments_are_fetched(team: Town) -> None:
    files = ["cat.png", "lost.png", "huge-map.png"]
    team.discord.post(team.channel, team.ada, team.discord.mention("see"), files=files)
    request = await team.intake.next()
    cat, lost, huge = request.attachments
    assert await team.adapter.fetch(request, cat, 1_000) == PNG
    with pytest.raises(Gone, match="no longer exists"):
        await team.adapter.fetch(request, lost, 1_000)
    for limit in (10, 1_000):  # the payload's size, and the real one, exceed it
        with pytest.raises(Forbidden, match="larger than"):
            await team.adapter.fetch(request, huge, limit)
    for url in (
        "https://evil.example/cdn.discordapp.com",
        "http://cdn.discordapp.com/a",
        "https://discordapp.com.evil/a",
    ):
        with pytest.raises(Forbidden, match="on a server"):
            await team.adapter.fetch(request, replace(cat, url=url), 1_000)


@pytest.mark.parametrize(
    ("text", "command", "arguments"),
    [
        ("/new", "new", {}),
        ("/model large", "model", {"name": "large"}),
        ("/ask why is\nthat?", "ask", {"text": "why is\nthat?"}),
        ("/config", "config show", {}),
        ("/config set language French", "config set", {"key": "language", "value": "French"}),
        (
            "/config set prompt “Be kind.” --scope=me",
            "config set",
            {"key": "prompt", "value": "Be kind.", "scope": "me"},
        ),
        ("/nonsense here", "chat", {"text": "/nonsense here"}),
        ("/welcome", "chat", {"text": "/welcome"}),
        ("see /new", "chat", {"text": "see /new"}),
    ],
)
async def test_a_command_may_be_written_after_the_mention(
    team: Town, text: str, command: str, arguments: dict[str, str]
) -> None:
    _, request = await team.asked(text)
    assert (request.command, request.arguments) == (command, arguments)


async def test_a_wrong_command_is_explained_in_a_reply(team: Town) -> None:
    asked = team.say(team.discord.mention("/config set --skope me model large"))
    answer = await team.discord.answer_to(asked)
    assert "no option `--skope`" in answer.content
    assert team.intake.requests == []


async def test_many_wrong_commands_get_few_explanations(team: Town, caplog: pytest.LogCaptureFixture) -> None:
    other = team.discord.add_channel(team.guild, "other")
    for _ in range(20):
        team.say(team.discord.mention("/config set --skope me model large"))
    bob = team.discord.add_member(team.guild, team.discord.add_user("Bob"))
    theirs = team.discord.post(other, bob, team.discord.mention("/config set --skope me model large"))
    await team.discord.answer_to(theirs)
    await team.asked()
    await team.discord.wait(lambda: len(team.shown()) == 5)
    assert caplog.text.count("no explanation") == 1


async def test_a_typed_command_resolves_people_roles_and_channels(team: Town) -> None:
    bob = team.discord.add_member(team.guild, team.discord.add_user("Bob B"))
    role = team.discord.world.guilds[team.guild].members[team.ada][0]
    _, request = await team.asked(f"/access <@{bob}> <#{team.channel}>")
    assert request.arguments == {"who": f"person:{bob}|Bob B", "where": f"channel:{team.channel}|general"}
    _, request = await team.asked(f"/access <@&{role}>")
    assert request.arguments == {"who": f"role:{role}|Engineers"}
    _, request = await team.asked("/access everyone")
    assert request.arguments == {"who": "everyone"}


async def test_a_slash_command_resolves_people_roles_and_channels(team: Town) -> None:
    bob = team.discord.add_member(team.guild, team.discord.add_user("Bob B"))
    role = team.discord.world.guilds[team.guild].members[team.ada][0]
    _, request = await team.used("access", who=bob, where=team.channel)
    assert request.arguments == {"who": f"person:{bob}|Bob B", "where": f"channel:{team.channel}|general"}
    _, request = await team.used("access", who=role)
    assert request.arguments == {"who": f"role:{role}|Engineers"}
    _, request = await team.used("access", who=team.guild)
    assert request.arguments == {"who": "everyone"}


async def test_a_subcommand_is_asked_for_by_its_path(team: Town) -> None:
    _, request = await team.used("config set", key="model", value="large")
    assert (request.command, request.arguments) == ("config set", {"key": "model", "value": "large"})
    _, request = await team.used("config show")
    assert (request.command, request.arguments, request.private) == ("config show", {}, True)


async def test_completions_know_what_is_filled_in_already(team: Town) -> None:
    offered = await team.discord.complete(team.channel, team.ada, "config set", "value", "la", {"key": "model"})
    assert offered == ["large"]
    assert team.intake.asked_with == [{"key": "model"}]


async def test_only_wholly_administrative_commands_are_hidden(team: Town) -> None:
    hints = {str(one["name"]): one["default_member_permissions"] for one in team.discord.rest.commands}
    assert (hints["access"], hints["config"], hints["ask"]) == ("32", None, None)


async def test_who_may_manage_the_server_is_an_administrator(team: Town) -> None:
    grace = team.discord.add_user("Grace")
    team.discord.add_member(team.guild, grace, team.discord.add_role(team.guild, "Staff", manages=True))
    await team.restart()
    team.discord.post(team.channel, grace, team.discord.mention("hello"))
    assert (await team.intake.next()).person.administrator
    team.discord.slash(team.channel, grace, "new")
    assert (await team.intake.next()).person.administrator
    team.discord.slash(team.channel, team.ada, "new")
    assert not (await team.intake.next()).person.administrator


async def test_requests_keep_their_order_and_acts(team: Town) -> None:
    for number in range(20):
        team.say(team.discord.mention(str(number)))
    for _ in range(20):
        await team.intake.next()
    assert [request.text for request in team.intake.requests] == [str(number) for number in range(20)]
    session = await team.discord.connected()
    team.discord.gateway.redeliver(session, session.sequence)
    await team.asked("last")
    assert [request.text for request in team.intake.requests[19:]] == ["19", "last"]


async def test_commands_are_sent_only_when_they_changed(team: Town) -> None:
    assert team.discord.rest.syncs == 1
    names = {str(command["name"]) for command in team.discord.rest.commands}
    assert names == {"ask", "new", "stop", "retry", "model", "config", "access"}
    await team.restart()
    assert team.discord.rest.syncs == 1
    team.intake.commands = team.intake.commands[:-2]
    await team.restart()
    assert team.discord.rest.syncs == 2
    assert len(team.discord.rest.commands) == 5


async def test_a_stored_slash_command_is_acknowledged(team: Town) -> None:
    team.intake.gate = asyncio.Event()
    interaction = team.discord.slash(team.channel, team.ada, "ask", {"text": "why?", "private": True})
    await team.intake.offered()
    await team.discord.complete(team.channel, team.ada, "ask", "model", "")
    assert interaction.callback == 0
    team.intake.gate.set()
    request = await team.intake.next()
    await team.discord.wait(lambda: interaction.callback)
    assert interaction.ephemeral
    assert (request.command, request.arguments) == ("ask", {"text": "why?", "private": "yes"})
    assert request.private
    assert (request.act.id, request.message) == (interaction.id, "")


async def test_a_redelivered_command_is_acknowledged_once(team: Town) -> None:
    team.intake.gate = asyncio.Event()
    interaction = team.discord.slash(team.channel, team.ada, "new")
    session = await team.discord.connected()
    team.discord.gateway.redeliver(session, session.sequence)
    await team.intake.offered()
    await team.intake.offered()
    team.intake.gate.set()
    await team.intake.next()
    await team.discord.wait(lambda: interaction.callback)
    await team.asked("and then")
    assert [request.command for request in team.intake.requests] == ["new", "chat"]


async def test_a_flag_that_is_not_set_is_absent(team: Town) -> None:
    interaction, request = await team.used("ask", text="why?", private=False)
    assert request.arguments == {"text": "why?"}
    assert not request.private
    assert not interaction.ephemeral


async def test_a_quiet_command_is_private_outside_direct_messages(team: Town) -> None:
    interaction, _ = await team.used("new")
    assert interaction.ephemeral
    interaction, request = await team.used("new", to=team.discord.add_direct(team.ada))
    assert not interaction.ephemeral
    assert request.place.direct


async def test_what_could_not_be_kept_is_not_acknowledged(team: Town, caplog: pytest.LogCaptureFixture) -> None:
    team.intake.broken = True
    interaction = team.discord.slash(team.channel, team.ada, "new")
    team.say(team.discord.mention("hello"))
    await team.intake.offered()
    await team.intake.offered()
    team.intake.broken = False
    await team.asked("again")
    assert interaction.callback == 0
    assert "The disk is full." in caplog.text


async def test_options_are_completed_while_typing(team: Town) -> None:
    assert await team.discord.complete(team.channel, team.ada, "ask", "model", "la") == ["large"]
    assert await team.discord.complete(team.channel, team.ada, "model", "name", "") == ["large", "small"]


async def test_only_joining_a_server_asks_for_a_welcome(team: Town) -> None:
    joined = team.discord.add_guild("Club")
    quiet = team.discord.add_channel(joined, "rules", writable=False)
    lobby = team.discord.add_channel(joined, "lobby")
    team.discord.world.guilds[joined].system_channel = quiet
    team.discord.join(joined)
    request = await team.intake.next()
    assert (request.command, request.place.workspace, request.place.channel) == ("welcome", joined, lobby)
    assert request.act.id.startswith(f"join:{joined}:")
    await team.answer(request, "Hello!")
    assert team.shown(lobby) == ["Hello!"]
    assert len(team.intake.requests) == 1


async def test_joining_a_server_without_rights_is_silent(team: Town) -> None:
    joined = team.discord.add_guild("Museum")
    team.discord.add_channel(joined, "hall", writable=False)
    team.discord.join(joined)
    await team.asked()
    assert [request.command for request in team.intake.requests] == ["chat"]


async def test_without_the_intent_hidden_messages_are_reported_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with town(message_content=False) as team:
        await team.start()
        thread = team.discord.add_thread(team.channel, "plans", team.ada)
        team.say("not for the bot anyway")
        team.say("hidden", to=thread)
        team.say("hidden too", to=thread)
        _, request = await team.asked("shown")
        assert request.text == "shown"
        await team.answer(request, "Hi.")
        answer = team.discord.messages(team.channel)[-1].id
        team.discord.post(team.channel, team.ada, "hidden reply", reply_to=answer, mention=False)
        team.discord.post(team.channel, team.ada, "reply that pings", reply_to=answer)
        assert (await team.intake.next()).text == "reply that pings"
        warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
        assert len(warnings) == 1
        assert "message-content" in warnings[0].message


async def test_without_the_intent_an_unanswerable_setting_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with town(message_content=False) as team:
        team.intake.manners = Manner(speaks="everything")
        await team.start()
        team.say("hidden")
        await team.asked("shown")
        assert "message-content intent is missing" in caplog.text


async def test_without_the_intent_hidden_messages_are_refused() -> None:
    async with town() as team:
        team.discord.refuse_message_content()
        await team.start()
        hidden = team.say("The password is hunter2")
        team.say(team.discord.mention("and this?"), reply_to=hidden)
        request = await team.intake.next()
        with pytest.raises(Forbidden, match=r"1 message.*Message Content Intent"):
            await team.adapter.history(request, 50, 0)
        with pytest.raises(Forbidden, match=re.escape(MESSAGE_HIDDEN)):
            await team.adapter.pointed(request)
        (messages,) = await team.adapter.context(request, 9)
        assert (messages.text, "Message Content Intent" in messages.withheld) == ("", True)
        shown = team.say(team.discord.mention("what is a mean?"))
        team.say(team.discord.mention("and this?"), reply_to=shown)
        await team.intake.next()
        await team.intake.next()
        request = team.intake.requests[-1]
        assert (await team.adapter.context(request, 9))[-1].text == "what is a mean?"
        pointed = await team.adapter.pointed(request)
        assert pointed is not None
        assert pointed.text == "what is a mean?"


async def test_a_mention_has_its_threads_context(team: Town) -> None:
    opening = team.say("let us plan")
    thread = team.discord.add_thread(team.channel, "plans", team.ada, opening)
    for text in ("one", "two", f"three <@{team.ada}>"):
        team.say(text, to=thread)
        await team.intake.next()
    team.say(team.discord.mention("sum up"), to=thread)
    request = await team.intake.next()
    assert [asked.text for asked in team.intake.requests] == ["one", "two", "three @Ada", "sum up"]
    messages = await team.adapter.context(request, 20)
    assert [message.text for message in messages] == ["let us plan", "one", "two", "three @Ada"]
    assert messages[0] == Message(opening, "Ada", "let us plan", link=messages[0].link)
    assert [message.text for message in await team.adapter.context(request, 2)] == ["two", "three @Ada"]


async def test_a_reply_has_its_chain_as_context(team: Town) -> None:
    last = team.say("0")
    for number in range(1, 8):
        last = team.say(str(number), reply_to=last)
    team.say(team.discord.mention("who is right?"), reply_to=last)
    request = await team.intake.next()
    assert [message.text for message in await team.adapter.context(request, 20)] == ["3", "4", "5", "6", "7"]
    assert [message.text for message in await team.adapter.context(request, 2)] == ["6", "7"]
    team.discord.delete(last)
    assert await team.adapter.context(request, 20) == ()
