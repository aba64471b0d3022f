"""Commands, rights and the settings of places on Slack, through the real slack-bolt."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import pytest

from adapters.slack.incoming.events import WORKING_PRIVATELY
from bot.interfaces.errors import Gone, PlatformError
from bot.interfaces.messages import Manner, Place
from bot.interfaces.replies import Answer, Choice, Private, Status, Text
from tests.adapters.slack.town import Town

RETRY = Choice("Retry", "retry", {"request": "1"})


# Subcommands, and whom they are about ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "command", "arguments"),
    [
        ("config", "config show", {}),
        ("config set language French", "config set", {"key": "language", "value": "French"}),
        ("/config set --scope me language", "config set", {"key": "language", "scope": "me"}),
        ('config set "system prompt" be brief', "config set", {"key": "system prompt", "value": "be brief"}),
        ("access everyone", "access", {"who": "everyone"}),
    ],
)
async def test_subcommands_work_in_slash_commands_and_mentions(
    team: Town, words: str, command: str, arguments: Mapping[str, str]
) -> None:
    _, request = await team.used("/shoulders", words)
    assert (request.command, request.arguments) == (command, arguments)
    team.say(team.slack.mention(f"/{words.removeprefix('/')}"))
    request = await team.intake.next()
    assert (request.command, request.arguments) == (command, arguments)


async def test_mentions_are_subjects_in_options_for_them(team: Town) -> None:
    lee, group = team.slack.add_user("Lee Ann"), team.slack.group("writers")
    who = {
        f"<@{lee}>": f"person:{lee}|Lee Ann",
        f"<!subteam^{group}>": f"role:{group}|writers",
        f"<!subteam^{group}|@writers>": f"role:{group}|writers",
        "<!everyone>": "@everyone",
        "guests": "guests",
    }
    for written, meant in who.items():
        team.say(team.slack.mention(f"/access {written} <#{team.channel}>"))
        request = await team.intake.next()
        assert request.arguments == {"who": meant, "where": f"channel:{team.channel}|general"}
    _, request = await team.used("/shoulders", f"access <@{lee}|lee> <#{team.channel}|general>")
    assert request.arguments == {"who": f"person:{lee}|Lee Ann", "where": f"channel:{team.channel}|general"}


async def test_mentions_are_names_where_people_talk(team: Town) -> None:
    group = team.slack.group("writers")
    _, request = await team.asked(f"tell <@{team.ben}> and <!subteam^{group}> in <#{team.channel}>")
    assert request.text == "tell @Ben and @writers in #general"
    _, request = await team.used("/ask", f"who is <@{team.ben}|ben>?")
    assert request.text == "who is @Ben?"


@pytest.mark.parametrize(
    ("text", "explanation"),
    [
        ("/modle large", "Did you mean `/model`?"),
        ("/access --wo ann", "`/access` has no option `--wo`."),
        ("/access", "`/access …`"),
    ],
)
async def test_a_wrong_mention_is_explained_privately(team: Town, text: str, explanation: str) -> None:
    team.say(team.slack.mention(text))
    hidden = await team.slack.wait(lambda: team.slack.only_seen_by(team.ada))
    assert [explanation in message.shown for message in hidden] == [True]
    await team.ignored()


async def test_what_only_looks_like_a_command_is_talk(team: Town) -> None:
    _, request = await team.asked("/etc/hosts is what?")
    assert (request.command, request.text) == ("chat", "/etc/hosts is what?")


# Rights ---------------------------------------------------------------------------------------------------------------


async def test_user_groups_are_roles_and_stay_current(team: Town) -> None:
    first, second = team.slack.group("writers", team.ada), team.slack.group("readers", team.ben, team.ada)
    _, request = await team.asked()
    assert request.person.roles == (first, second)
    asked = len(team.slack.called("usergroups.list"))
    _, request = await team.asked()
    assert len(team.slack.called("usergroups.list")) == asked
    team.slack.leave(first, team.ada)
    await team.slack.settled()
    _, request = await team.asked()
    assert request.person.roles == (second,)


async def test_after_an_absence_user_groups_are_looked_up(team: Town) -> None:
    group = team.slack.group("writers", team.ada)
    await team.asked()
    team.slack.world.groups[group].users.clear()
    team.slack.socket.cut()
    await team.connected()
    _, request = await team.asked()
    assert request.person.roles == ()


async def test_without_user_groups_people_are_heard(team: Town) -> None:
    team.slack.scopes.discard("usergroups:read")
    await team.restart()
    _, request = await team.asked()
    assert (request.person.name, request.person.roles, request.person.unsaid) == ("Ada", (), "roles")
    assert (await team.adapter.whois(request)).unsaid == "roles"


async def test_a_workspace_without_user_groups_works(team: Town) -> None:
    team.slack.fail("usergroups.list", "paid_teams_only", times=9)
    await team.restart()
    _, request = await team.asked()
    assert (await team.adapter.whois(request)).roles == ()


async def test_whois_asks_slack_each_time(team: Town) -> None:
    group = team.slack.group("writers", team.ada)
    _, request = await team.asked()
    assert not request.person.administrator
    team.slack.change(team.ada, admin=True)
    person = await team.adapter.whois(request)
    assert (person.administrator, person.roles, person.home) == (True, (group,), team.slack.team)
    team.slack.change(team.ada, admin=False, guest=True)
    person = await team.adapter.whois(request)
    assert (person.administrator, person.guest) == (False, True)
    del team.slack.world.users[team.ada]
    with pytest.raises(Gone):
        await team.adapter.whois(request)


# What the core says before --------------------------------------------------------------------------------------------


async def test_a_private_mention_is_answered_privately(team: Town) -> None:
    team.intake.private = True
    _, request = await team.asked()
    assert request.private
    draft = team.draft(request)
    draft.write(Text("For"))
    await draft.finish(Answer("For you.", (), (RETRY,)))
    await team.restart()
    thread = team.say("a thread")
    team.say("goes on", thread=thread)
    team.say(team.slack.mention("and here?"), thread=thread)
    await team.answer(await team.intake.next(), "In the thread.")
    hidden = [(message.shown, message.thread) for message in team.slack.only_seen_by(team.ada)]
    assert hidden == [("For you.", ""), ("In the thread.", thread)]
    assert team.shown() == []


async def test_a_direct_message_is_answered_as_ever(team: Town) -> None:
    team.intake.private = True
    direct = team.slack.add_direct(team.ada)
    ts = team.say("hello", to=direct)
    draft = team.draft(await team.intake.next())
    draft.write(Private())
    draft.write(Text("Hi"))
    await draft.finish(Answer("Hi", private=True))
    assert team.shown(ts, direct) == ["Hi"]
    assert team.slack.only_seen_by(team.ada) == []


async def test_a_private_slash_command_shows_nothing_publicly(team: Town) -> None:
    team.intake.private = True
    act, request = await team.used("/ask", "why?")
    await team.answer(request, "Because.")
    assert (team.shown(), act.response_text) == ([], WORKING_PRIVATELY)
    assert [message.shown for message in team.slack.only_seen_by(team.ada)] == ["Because."]


@pytest.mark.parametrize("slash", [False, True])
async def test_an_answer_that_becomes_private_is_hidden(team: Town, slash: bool) -> None:
    request = (await team.used("/ask", "why?"))[1] if slash else (await team.asked())[1]
    draft = team.draft(request)
    for chunk in (Private(), Status("Thinking"), Text("You may not.")):
        draft.write(chunk)
    await draft.finish(Answer("You may not.", private=True))
    assert team.slack.messages(team.channel) == ([] if slash else [team.slack.find(team.channel, request.message)])
    assert [message.shown for message in team.slack.only_seen_by(team.ada)] == ["You may not."]


@pytest.mark.parametrize("slash", [False, True])
async def test_public_parts_of_a_private_answer_are_deleted(team: Town, slash: bool) -> None:
    request = (await team.used("/ask", "why?"))[1] if slash else (await team.asked())[1]
    draft = team.draft(request)
    draft.write(Status("Waiting: 1 answer before this one.", 1))
    await team.shows("_Waiting: 1 answer before this one._")
    draft.write(Private())
    await draft.abandon()
    await team.restart()
    for _ in range(2):
        await team.draft(request).finish(Answer("You may not.", private=True))
    assert team.shown() == []
    assert [message.shown for message in team.slack.only_seen_by(team.ada)] == ["You may not."]
    assert team.intake.changed.empty()


# Manners --------------------------------------------------------------------------------------------------------------


async def test_where_only_mentions_count_threads_are_not_followed(team: Town) -> None:
    team.intake.manners = Manner("mentions")
    root, _ = await team.asked()
    team.say("and why?", thread=root)
    await team.ignored()


async def test_every_message_but_those_to_others_counts(team: Town) -> None:
    team.intake.manners = Manner("everything")
    ts = team.say("what is a mean?")
    request = await team.intake.next()
    assert (request.addressed, request.text, request.place.thread) == (True, "what is a mean?", ts)
    await team.answer(request, "An average.")
    team.say("and a median?", thread=ts)
    assert (await team.intake.next()).addressed
    theirs = team.say(f"<@{team.ada}> have you seen this?", who=team.ben)
    team.say("I have", thread=theirs)
    assert not (await team.intake.next()).addressed
    await team.ignored()


async def test_messages_between_people_are_kept_where_set(team: Town) -> None:
    team.intake.manners = Manner("mentions", keeps=True)
    root = team.say(f"<@{team.ben}> the build is red")
    team.say("which one?", thread=root, who=team.ben)
    kept = [await asyncio.wait_for(team.intake.overheard.get(), 5) for _ in range(2)]
    assert [(r.text, r.place.thread, r.addressed) for r in kept] == [
        ("@Ben the build is red", "", False),
        ("which one?", root, False),
    ]
    robot = team.slack.add_user("Robot", bot=True)
    team.say("beep", who=robot)
    await team.ignored()
    assert team.intake.overheard.empty()


async def test_what_the_core_does_not_take_is_overheard(team: Town) -> None:
    team.intake.manners = Manner("threads", keeps=True)
    root = team.say("the build is red")
    team.intake._known.add(("slack", team.slack.team, f"{team.channel}:{root}"))
    assert (await asyncio.wait_for(team.intake.overheard.get(), 5)).text == "the build is red"
    team.say("really?", thread=root)
    request = await team.intake.next()
    team.slack.socket.redeliver(team.slack.socket.envelopes[-1])
    assert await asyncio.wait_for(team.intake.overheard.get(), 5) == request


async def test_manners_count_for_what_was_missed_too(team: Town) -> None:
    ts, _ = await team.asked()
    team.intake.places.append((Place("slack", team.slack.team, team.channel), int(ts.replace(".", ""))))
    await team.stop()
    team.intake.manners = Manner("everything")
    team.slack.post(team.channel, team.ada, "anybody here?", quiet=True)
    await team.restart()
    assert (await team.intake.next()).text == "anybody here?"


async def test_answers_in_place_stand_in_the_channel(team: Town) -> None:
    team.intake.manners = Manner(answers_in="place")
    _, request = await team.asked()
    assert request.place.thread == ""
    await team.answer(request, "Here.", RETRY)
    message = team.slack.answers(team.channel, "")[0]
    assert (message.shown, message.thread) == ("Here.", "")
    team.slack.press(team.channel, message.ts, "Retry", team.ada)
    again = await team.intake.next()
    await team.answer(again, "Here again.")
    team.say(team.slack.mention("and below?"), thread=message.ts)
    below = await team.intake.next()
    await team.answer(below, "Below.")
    assert (again.place.thread, below.place.thread) == ("", message.ts)
    assert [(m.shown, m.thread) for m in team.slack.answers(team.channel)] == [
        ("Here.", ""),
        ("Here again.", ""),
        ("Below.", message.ts),
    ]


async def test_an_answer_in_place_follows_its_question(team: Town) -> None:
    team.intake.manners = Manner(answers_in="place")
    _, request = await team.used("/ask", "why?")
    draft = team.draft(request)
    draft.write(Status("Thinking"))
    draft.write(Text("Because"))
    await team.shows("Because")
    await draft.finish(Answer("Because."))
    assert team.shown("") == ["**Ada** asked:\n> why?", "Because."]
    await team.restart()
    await team.draft(request).finish(Answer("Because."))
    assert [message.thread for message in team.slack.answers(team.channel)] == ["", ""]


# What changes ---------------------------------------------------------------------------------------------------------


async def test_edits_and_deletions_are_told(team: Town) -> None:
    ts, _ = await team.asked()
    reply = team.say("and why?", thread=ts)
    await team.intake.next()
    team.slack.edit(team.channel, ts, team.slack.mention("/ask --model large hello <b>"))
    team.slack.edit(team.channel, reply, "and how?")
    team.slack.delete(team.channel, reply)
    changes = [await asyncio.wait_for(team.intake.changed.get(), 5) for _ in range(3)]
    assert [(place.thread, message, text) for place, message, text in changes] == [
        ("", ts, "hello <b>"),
        (ts, reply, "and how?"),
        (ts, reply, None),
    ]


async def test_a_tombstone_is_a_deletion(team: Town) -> None:
    ts, request = await team.asked()
    await team.answer(request, "Hi")
    team.slack.delete(team.channel, ts)
    place, message, text = await asyncio.wait_for(team.intake.changed.get(), 5)
    assert (place.channel, message, text) == (team.channel, ts, None)
    answer = team.slack.answers(team.channel)[0]
    team.slack.delete(team.channel, answer.ts)  # by an administrator
    assert (await asyncio.wait_for(team.intake.changed.get(), 5))[1] == answer.ts


async def test_link_previews_and_own_changes_are_ignored(team: Town) -> None:
    ts, request = await team.asked("see https://a.example")
    message = team.slack.find(team.channel, ts)
    team.slack.changed_message(message, message.json())
    draft = team.draft(request)
    draft.write(Text("a " * 5_000))
    await team.slack.wait(lambda: len(team.shown(ts)) == 2)
    await draft.finish(Answer("Short."))
    await team.ignored()
    await team.slack.settled()
    assert team.intake.changed.empty()


@pytest.mark.parametrize("kind", ["channel", "group"])
async def test_a_channel_that_is_deleted_is_told(team: Town, kind: Literal["channel", "group"]) -> None:
    channel = team.slack.add_channel("plans", team.ada, kind=kind)
    team.slack.delete_channel(team.slack.add_channel("not ours", team.ada, kind="group", joined=False))
    team.say(team.slack.mention("hello"), to=channel)
    request = await team.intake.next()
    team.slack.delete_channel(channel)
    gone = await asyncio.wait_for(team.intake.gone.get(), 5)
    assert gone == Place("slack", team.slack.team, channel)
    assert (request.place.workspace, request.place.channel) == (gone.workspace, gone.channel)


async def test_removing_the_bot_is_told(team: Town) -> None:
    team.slack.event({"type": "tokens_revoked", "tokens": {"oauth": [team.ada], "bot": []}})
    await team.slack.settled()
    assert team.intake.left.empty()
    team.slack.uninstall()
    assert await asyncio.wait_for(team.intake.left.get(), 5) == team.slack.team


async def test_that_the_token_works_is_told(team: Town) -> None:
    assert team.intake.there == {team.slack.team}


# Words of its own -----------------------------------------------------------------------------------------------------


async def test_a_post_is_said_once_and_mentions_nobody(team: Town) -> None:
    place = Place("slack", team.slack.team, team.channel)
    team.slack.fail("chat.postMessage", drop="after")
    with pytest.raises(PlatformError, match="cannot be reached"):
        await team.adapter.post(place, f"<@{team.ben}> changed **language**", "audit-1")
    for key in ("audit-1", "audit-2"):
        await team.adapter.post(place, f"<@{team.ben}> changed **language**", key)
    assert len(team.shown("")) == 2
    team.slack.fail("conversations.history", "missing_scope")
    await team.adapter.post(replace(place, channel=team.slack.add_direct(team.ada)), "hello", "audit-3")
    with pytest.raises(Gone):
        await team.adapter.post(replace(place, channel="C0"), "hello", "audit-4")
