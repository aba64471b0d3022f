"""Messages between people, edits, deletions and removals on Discord, through the real discord.py."""

from __future__ import annotations

import asyncio

from bot.interfaces.messages import Manner, Place
from bot.interfaces.replies import Answer, Text
from tests.adapters.discord.town import Town


async def assert_kept(team: Town, text: str) -> None:
    """Assert that the core keeps this message next, as one between people."""
    request = await asyncio.wait_for(team.intake.overheard.get(), 5)
    assert (request.command, request.text, request.addressed) == ("chat", text, False)


async def changed(team: Town) -> tuple[Place, str, str | None]:
    return await asyncio.wait_for(team.intake.changed.get(), 5)


# Manners --------------------------------------------------------------------------------------------------------------


async def test_unmentioned_thread_messages_can_be_ignored(team: Town) -> None:
    team.intake.manners = Manner(speaks="mentions")
    thread = team.discord.add_thread(team.channel, "plans", team.ada)
    team.say("what is next?", to=thread)
    team.say(team.discord.mention("what is next?"), to=thread)
    await team.intake.next()
    assert [request.addressed for request in team.intake.requests] == [True]


async def test_every_message_but_those_to_others_counts(team: Town) -> None:
    team.intake.manners = Manner(speaks="everything")
    bob = team.discord.add_member(team.guild, team.discord.add_user("Bob"))
    theirs = team.discord.post(team.channel, bob, "/new")
    team.say(f"<@{bob}> lunch?")
    team.say("sure", reply_to=theirs)
    team.say("is it raining?")
    await team.intake.next()
    await team.intake.next()
    assert [(request.command, request.addressed) for request in team.intake.requests] == [("new", True), ("chat", True)]
    assert team.intake.requests[-1].text == "is it raining?"


async def test_messages_between_people_are_kept_where_set(team: Town) -> None:
    team.say("before")
    await team.asked("hello")
    team.intake.manners = Manner(keeps=True)
    bob = team.discord.add_member(team.guild, team.discord.add_user("Bob"))
    team.say("between us")
    await assert_kept(team, "between us")
    thread = team.discord.add_thread(team.channel, "plans", team.ada)
    team.say(f"<@{bob}> lunch?", to=thread)
    await assert_kept(team, "@Bob lunch?")
    await team.asked("hello")
    assert team.intake.overheard.empty()


async def test_what_was_missed_follows_the_manners_too(team: Town) -> None:
    _, request = await team.asked("before")
    team.intake.places = [(request.place, request.act.order)]
    team.intake.manners = Manner(speaks="everything", answers_in="thread", keeps=True)
    bob = team.discord.add_member(team.guild, team.discord.add_user("Bob"))
    await team.stop()
    asked = team.say("is it raining?")
    team.say(f"<@{bob}> lunch?")
    team.say(team.discord.mention("/config set --skope me model large"))
    team.discord.post(team.channel, team.discord.add_user("Other", bot=True), "beep")
    await team.start()
    request = await team.intake.next()
    assert (request.text, request.place.thread) == ("is it raining?", asked)
    await assert_kept(team, "@Bob lunch?")
    assert len(team.intake.requests) == 2


# What people change ---------------------------------------------------------------------------------------------------


async def test_an_edit_reaches_the_message_and_its_thread(team: Town) -> None:
    message, request = await team.asked("What is a mean?")
    team.discord.edit(message, team.discord.mention("What is a *median*?"))
    assert await changed(team) == (request.place, message, "What is a *median*?")
    grown = Place("discord", team.guild, team.channel, message)
    assert await changed(team) == (grown, message, "What is a *median*?")
    thread = team.discord.add_thread(team.channel, "plans", team.ada)
    inside = team.say("one", to=thread)
    team.discord.edit(inside, "two")
    assert await changed(team) == (Place("discord", team.guild, team.channel, thread), inside, "two")
    direct = team.discord.add_direct(team.ada)
    inside = team.say("one", to=direct)
    team.discord.edit(inside, "two")
    assert await changed(team) == (Place("discord", "@me", direct), inside, "two")


async def test_link_previews_and_bots_changes_are_ignored(team: Town) -> None:
    message, request = await team.asked("see https://example.org")
    team.discord.preview(message)
    await team.answer(request, "Hello.")
    await team.answer(request, "Hello again.")
    other = team.discord.post(team.channel, team.discord.add_user("Other", bot=True), "beep")
    team.discord.edit(other, "boop")
    team.discord.edit(message, team.discord.mention("seen"))
    assert (await changed(team))[1:] == (message, "seen")


async def test_single_and_bulk_deletions_are_reported(team: Town) -> None:
    first, request = await team.asked("one")
    second, third = team.say("two"), team.say("three")
    team.discord.delete(first)
    grown = [Place("discord", team.guild, team.channel, message) for message in (first, second, third)]
    assert [await changed(team) for _ in range(2)] == [(request.place, first, None), (grown[0], first, None)]
    team.discord.delete(second, third)
    assert [await changed(team) for _ in range(4)] == [
        (request.place, second, None),
        (request.place, third, None),
        (grown[1], second, None),
        (grown[2], third, None),
    ]


async def test_deletions_in_an_archived_thread_are_reported(team: Town) -> None:
    thread = team.discord.add_thread(team.channel, "plans", team.ada)
    message = team.say("one", to=thread)
    await team.intake.next()
    team.discord.archive(thread)
    await team.restart()
    team.discord.delete(message)
    assert await changed(team) == (Place("discord", team.guild, team.channel, thread), message, None)


async def test_channels_and_threads_that_are_deleted_are_told(team: Town) -> None:
    listed, archived = (team.discord.add_thread(team.channel, name, team.ada) for name in ("plans", "old plans"))
    team.discord.archive(archived)
    other = team.discord.add_channel(team.guild, "other")
    await team.restart()
    for gone in (listed, archived, other):
        team.discord.delete_channel(gone)
    assert [await asyncio.wait_for(team.intake.gone.get(), 5) for _ in range(3)] == [
        Place("discord", team.guild, team.channel, listed),
        Place("discord", team.guild, team.channel, archived),
        Place("discord", team.guild, other),
    ]
    await team.asked()


async def test_the_bots_own_deletions_are_ignored(team: Town) -> None:
    _, request = await team.asked()
    draft = team.draft(request)
    draft.write(Text("word " * 500))
    await team.discord.wait(lambda: len(team.shown()) == 2)
    await draft.finish(Answer("Short."))
    assert team.shown() == ["Short."]
    mine = team.discord.messages(team.channel)[-1].id
    team.discord.delete(mine)
    assert (await changed(team))[1:] == (mine, None)


async def test_leaving_a_server_is_reported_unlike_its_outage(team: Town) -> None:
    other = team.discord.add_guild("Other")
    team.discord.add_channel(other, "lobby")
    team.discord.join(other)
    await team.intake.next()
    team.discord.leave(team.guild, unavailable=True)
    team.discord.leave(other)
    assert await asyncio.wait_for(team.intake.left.get(), 5) == other
    assert team.intake.left.empty()


async def test_a_removal_while_away_is_reported(team: Town) -> None:
    team.intake.places = [(Place("discord", guild, "1"), 1) for guild in (team.guild, "12345")]
    await team.restart()
    assert await asyncio.wait_for(team.intake.left.get(), 5) == "12345"
    team.intake.places = [(Place("discord", "12345", "1"), 1)]
    await team.restart()
    await team.asked()
    assert team.intake.left.empty(), "another bot, which was in none of the guilds, removes nothing"


async def test_current_and_new_servers_are_reported(team: Town) -> None:
    other = team.discord.add_guild("Other")
    team.discord.add_channel(other, "lobby")
    await team.asked()
    assert team.intake.there == {team.guild}
    team.discord.join(other)
    await team.intake.next()
    assert team.intake.there == {team.guild, other}
