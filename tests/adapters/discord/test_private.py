"""Private answers, answers in threads, and files on Discord, through the real discord.py."""

from __future__ import annotations

import logging

import pytest

from adapters.discord.outgoing.channel_surface import PRIVATE_NOTE
from adapters.discord.rest_api import ERRORS, NO_DIRECT_MESSAGES, REFUSALS
from adapters.shared.paced_draft import REST_FILE
from adapters.shared.private_draft import NOT_SHOWN
from bot.interfaces.errors import PlatformError
from bot.interfaces.messages import Manner, Place, Request
from bot.interfaces.replies import Answer, Choice, File, Note, Part, Private, Status, Text
from tests.adapters.discord.town import Town
from tests.fakes.discord import Message
from tests.fakes.discord.world import ATTACH, OPEN_THREADS

CHART = File("chart.png", b"\x89PNG" * 400_000, "Tokens by day")
TABLE = File("usage.csv", b"day,tokens\n", "The same as a table")
MINUTE = 60.0


def whispered(team: Town) -> list[str]:
    """Return the bot's direct messages to Ada."""
    return team.shown(team.discord.add_direct(team.ada))


def seen_alone(team: Town) -> list[str]:
    """Return the messages in the channel that only Ada sees."""
    return [message.content for message in team.discord.only_seen_by(team.ada)]


# Privately ------------------------------------------------------------------------------------------------------------


async def test_a_setting_makes_commands_answer_privately(team: Town) -> None:
    team.intake.private = True
    interaction, request = await team.used("ask", text="why?")
    assert request.private
    assert interaction.ephemeral
    await team.answer(request, "Because.")
    assert (seen_alone(team), team.shown()) == (["Because."], [])


async def test_a_private_mention_gets_a_direct_message(team: Town) -> None:
    team.intake.private = True
    _, request = await team.asked("why?")
    draft = team.draft(request)
    draft.write(Status("Thinking…"))
    await team.discord.wait(lambda: team.discord.rest.typing)
    draft.write(Text("Be"))
    await team.discord.wait(lambda: whispered(team))
    await draft.finish(Answer("Because. " * 400))
    first, second = whispered(team)
    assert first.startswith(f"{PRIVATE_NOTE.format(team.channel)}Because.")
    assert second.startswith("Because.")
    assert (team.shown(), set(team.discord.rest.typing)) == ([], {team.discord.add_direct(team.ada)})


async def test_a_mention_may_ask_for_privacy_itself(team: Town) -> None:
    _, request = await team.asked("/ask --private why?")
    assert (request.private, request.arguments) == (True, {"private": "yes", "text": "why?"})
    await team.answer(request, "Because.")
    assert (whispered(team)[0].endswith("Because."), team.shown()) == (True, [])


async def test_after_a_crash_one_direct_message_is_sent(team: Town) -> None:
    team.intake.private = True
    _, request = await team.asked("why?")
    draft = team.draft(request)
    draft.write(Text("Be"))
    await team.discord.wait(lambda: whispered(team))
    await draft.abandon()
    await team.restart()
    team.discord.clock.ahead = 40 * MINUTE  # Discord has forgotten the nonce
    await team.draft(request, Part(1000, "Be")).finish(Answer("Because."))
    assert [text.split("\n")[1] for text in whispered(team)] == ["Because."]
    assert team.shown() == []


async def test_closed_direct_messages_are_reported_without_the_answer(team: Town) -> None:
    team.intake.private = True
    team.discord.world.users[team.ada].closed = True
    asked, request = await team.asked("why?")
    await team.answer(request, "A secret.")
    explanation = await team.discord.answer_to(asked)
    assert explanation.content.startswith(NOT_SHOWN)
    assert explanation.content.endswith(REFUSALS[NO_DIRECT_MESSAGES])
    assert "secret" not in str([message.versions for message in team.discord.world.messages.values()])


async def test_in_direct_messages_privacy_changes_nothing(team: Town) -> None:
    team.intake.private = True
    direct = team.discord.add_direct(team.ada)
    team.say("why?", to=direct)
    request = await team.intake.next()
    await team.draft(request).finish(Answer("Because.", private=True))
    assert whispered(team) == ["Because."]


@pytest.mark.parametrize("crash", [False, True])
async def test_a_command_refused_late_shows_nothing_publicly(team: Town, crash: bool) -> None:
    interaction, request = await team.used("ask", text="why?")
    assert not interaction.ephemeral
    if crash:
        await team.restart()
    else:
        draft = team.draft(request)
        draft.write(Private())
        draft.write(Note("You may not ask here."))
    draft = team.draft(request) if crash else draft
    await draft.finish(Answer("", ("You may not ask here.",), private=True))
    assert (seen_alone(team), team.shown()) == (["> You may not ask here."], [])
    assert team.discord.message(interaction.original).deleted


async def test_what_discord_does_not_hide_goes_on_directly(team: Town) -> None:
    team.discord.rest.forgetful = True
    _, request = await team.used("ask", text="why?")
    await team.draft(request).finish(Answer("", ("You may not ask here.",), private=True))
    assert whispered(team)[0].endswith("> You may not ask here.")
    assert (team.shown(), seen_alone(team)) == ([], [])


async def test_a_mention_refused_late_gets_a_direct_message(team: Town) -> None:
    _, request = await team.asked("why?")
    draft = team.draft(request)
    draft.write(Private())
    await draft.finish(Answer("", ("You may not ask here.",), private=True))
    assert whispered(team)[0].endswith("> You may not ask here.")
    assert team.shown() == []


async def test_a_refused_press_is_answered_privately(team: Town) -> None:
    _, request = await team.asked()
    await team.answer(request, "Hello.", Choice("Retry", "retry", {"request": "1"}))
    message = team.discord.messages(team.channel)[-1]
    interaction = team.discord.press(message.id, "Retry", team.ada)
    request = await team.intake.next()
    await team.discord.wait(lambda: interaction.callback)
    await team.draft(request).finish(Answer("", ("Only the person who asked can do that.",), private=True))
    assert seen_alone(team) == ["> Only the person who asked can do that."]
    assert team.shown() == ["Hello."]


# In threads -----------------------------------------------------------------------------------------------------------


async def test_a_mention_is_answered_in_its_new_thread(team: Town) -> None:
    team.intake.manners = Manner(answers_in="thread")
    asked, request = await team.asked("What is a mean?\nAnd why?")
    assert (request.place.channel, request.place.thread) == (team.channel, asked)
    draft = team.draft(request)
    draft.write(Text("A"))
    await team.discord.wait(lambda: team.shown(asked)[1:])
    await draft.finish(Answer("A sum, divided."))
    assert team.discord.world.channels[asked].name == "What is a mean?"
    assert team.shown(asked)[1:] == ["A sum, divided."]
    assert team.shown() == []
    team.say("and a median?", to=asked)
    request = await team.intake.next()
    assert (request.addressed, request.place.channel, request.place.thread) == (False, team.channel, asked)
    assert await team.adapter.context(request, 9)


async def test_after_a_crash_an_existing_thread_is_used(team: Town) -> None:
    team.intake.manners = Manner(answers_in="thread")
    asked, request = await team.asked("What is a mean?")
    draft = team.draft(request)
    draft.write(Text("A"))
    await team.discord.wait(lambda: team.shown(asked)[1:])
    await draft.abandon()
    await team.restart()
    await team.answer(request, "A sum, divided.", parts=[Part(0, "A")])
    assert team.shown(asked)[1:] == ["A sum, divided."]


async def test_what_replies_before_the_thread_is_its_context(team: Town) -> None:
    team.intake.manners = Manner(answers_in="thread")
    first = team.say("The mean is 4.")
    team.say(team.discord.mention("Is that right?"), reply_to=first)
    request = await team.intake.next()
    assert [message.text for message in await team.adapter.context(request, 9)] == ["The mean is 4."]


async def test_without_new_threads_answers_stay_in_place(team: Town) -> None:
    team.intake.manners = Manner(answers_in="thread")
    thread = team.discord.add_thread(team.channel, "plans", team.ada)
    team.say(team.discord.mention("hello"), to=thread)
    assert (await team.intake.next()).place.thread == thread
    direct = team.discord.add_direct(team.ada)
    team.say("hello", to=direct)
    assert (await team.intake.next()).place == Place("discord", "@me", direct)
    closed = team.discord.add_channel(team.guild, "news")
    team.discord.world.channels[closed].denied |= OPEN_THREADS
    await team.restart()
    team.say(team.discord.mention("hello"), to=closed)
    request = await team.intake.next()
    assert (request.place.channel, request.place.thread) == (closed, "")


@pytest.mark.parametrize("why", ["forbidden", "deleted"])
async def test_a_refused_thread_makes_the_answer_a_reply(team: Town, why: str) -> None:
    team.intake.manners = Manner(answers_in="thread")
    asked, request = await team.asked("What is a mean?")
    if why == "deleted":
        team.discord.delete(asked)
    else:
        team.discord.world.channels[team.channel].denied |= OPEN_THREADS
    await team.answer(request, "A sum, divided.")
    assert team.shown() == ["A sum, divided."]
    assert bool(team.discord.answers_to(asked)) == (why == "forbidden")


async def test_a_private_answer_makes_no_thread(team: Town) -> None:
    team.intake.manners, team.intake.private = Manner(answers_in="thread"), True
    asked, request = await team.asked("What is a mean?")
    assert (request.place.channel, request.place.thread) == (team.channel, "")
    await team.answer(request, "A sum, divided.")
    assert asked not in team.discord.world.channels
    assert whispered(team)[0].endswith("A sum, divided.")


# With files -----------------------------------------------------------------------------------------------------------


def uploads(team: Town) -> int:
    """Return the number of files that Discord received."""
    return sum(len(message.files) for message in team.discord.world.messages.values())


def attached(message: Message) -> list[tuple[str, bytes, object]]:
    """Return names, contents and descriptions of a message's files."""
    shown = message.attachments
    return [(str(one["filename"]), message.files[str(one["id"])], one.get("description")) for one in shown]


BOTH = [("chart.png", CHART.content, "Tokens by day"), ("usage.csv", TABLE.content, "The same as a table")]


async def test_files_are_in_the_last_message_once(team: Town) -> None:
    asked, request = await team.asked()
    draft = team.draft(request)
    draft.write(Text("Here"))
    await team.discord.wait(lambda: team.shown())
    draft.write(CHART)
    await draft.finish(Answer("Here is your usage.", files=(CHART, TABLE)))
    message = await team.discord.answer_to(asked)
    assert attached(message) == BOTH
    await team.restart()
    known = (Part(0, "Here", message.id), Part(500, "chart.png", message.id))
    await team.draft(request, *known).finish(Answer("Here is your usage.", files=(CHART, TABLE)))
    assert (attached(message), uploads(team)) == (BOTH, 2)


async def test_files_whose_arrival_is_unknown_replace_themselves(team: Town) -> None:
    asked, request = await team.asked()
    team.discord.fail("PATCH", r"/channels/\d+/messages/", drop="after")
    await team.draft(request).finish(Answer("Here.", files=(CHART, TABLE)))
    message = await team.discord.answer_to(asked)
    assert attached(message) == BOTH


@pytest.mark.parametrize("private", [False, True])
async def test_files_of_a_command_are_in_its_answer(team: Town, private: bool) -> None:
    interaction, request = await team.used("ask", text="usage?", private=private)
    await team.draft(request).finish(Answer("Here.", files=(CHART,)))
    message = team.discord.message(interaction.original)
    assert attached(message) == BOTH[:1]
    assert (seen_alone(team) == ["Here."]) == private


async def test_files_of_a_private_mention_are_sent_directly(team: Town) -> None:
    team.intake.private = True
    _, request = await team.asked("usage?")
    await team.draft(request).finish(Answer("", files=(TABLE,)))
    (message,) = team.discord.messages(team.discord.add_direct(team.ada))
    assert message.content.endswith("usage.csv")
    assert attached(message) == BOTH[1:]


async def test_files_follow_an_expired_private_answer(team: Town) -> None:
    _, request = await team.used("ask", text="usage?", private=True)
    draft = team.draft(request)
    draft.write(Text("He"))
    await team.discord.wait(lambda: seen_alone(team) == ["He"])
    team.discord.clock.ahead = 20 * MINUTE
    await draft.finish(Answer("Here.", files=(TABLE,)))
    (message,) = team.discord.messages(team.discord.add_direct(team.ada))
    assert attached(message) == BOTH[1:]


async def test_a_file_that_is_too_large_is_named(team: Town) -> None:
    _, request = await team.asked()
    huge = File("all.json", b"x" * (11 << 20))
    await team.draft(request).finish(Answer("Here.", files=(huge, TABLE)))
    message = team.discord.messages(team.channel)[-1]
    assert "> all.json has 11.0 MiB and is not shown" in message.content
    assert attached(message) == BOTH[1:]


async def test_files_above_25_mib_are_in_several_messages(team: Town) -> None:
    _, request = await team.asked()
    files = tuple(File(f"{number}.json", bytes([number]) * (9 << 20)) for number in range(4))
    await team.draft(request).finish(Answer("Here.", files=files))
    shown = [message for message in team.discord.messages(team.channel) if message.author == team.discord.bot]
    assert [message.content for message in shown] == ["Here.", "2.json\n3.json"]
    assert [[name for name, _, _ in attached(message)] for message in shown] == [
        ["0.json", "1.json"],
        ["2.json", "3.json"],
    ]


async def test_the_rest_of_an_endless_answer_is_attached(team: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.shared.paced_draft.TEXT_PARTS", 2)
    _, request = await team.asked()
    await team.answer(request, "".join(f"{number} " for number in range(2_000)))
    message = team.discord.messages(team.channel)[-1]
    ((name, content, _),) = attached(message)
    assert (name, REST_FILE in team.shown()[-1], len(team.shown())) == (REST_FILE, True, 3)
    shown_text = " ".join(text.partition(">")[0] for text in team.shown())
    assert f"{shown_text} {content.decode()}".split() == [str(number) for number in range(2_000)]


@pytest.mark.parametrize("private", [False, True])
async def test_a_command_may_show_what_its_server_takes(team: Town, private: bool) -> None:
    team.discord.world.guilds[team.guild].largest_file = 50 << 20
    interaction, request = await team.used("ask", text="usage?", private=private)
    large, huge = File("large.json", b"x" * (20 << 20)), File("huge.json", b"x" * (26 << 20))
    await team.draft(request).finish(Answer("Here.", files=(large, huge)))
    message = team.discord.message(interaction.original)
    assert [name for name, _, _ in attached(message)] == ["large.json"]
    assert "> huge.json has 26.0 MiB and is not shown" in message.content


async def test_files_that_discord_finds_too_large_are_named(team: Town) -> None:
    _, request = await team.asked()
    team.discord.fail("PATCH", r"/channels/\d+/messages/", 413, code=40005)
    await team.draft(request).finish(Answer("Here.", files=(TABLE,)))
    assert f"> usage.csv can't be shown: {ERRORS[413][1]}" in team.shown()[0]


async def test_refused_files_become_a_note(team: Town) -> None:
    _, request = await team.asked()
    team.discord.world.channels[team.channel].denied |= ATTACH
    await team.draft(request).finish(Answer("Here.", files=(TABLE,)))
    assert f"usage.csv can't be shown: {ERRORS[403][1]}" in team.shown()[0]


# Of its own accord ----------------------------------------------------------------------------------------------------


async def test_an_announcement_is_posted_once_and_pings_nobody(team: Town) -> None:
    place = Place("discord", team.guild, team.channel)
    for _ in range(2):
        await team.adapter.post(place, f"<@{team.ada}> changed model: see https://example.org", "audit-1")
    assert len(team.shown()) == 1
    with pytest.raises(PlatformError):
        await team.adapter.post(Place("discord", team.guild, "12345"), "hello", "audit-2")


async def test_rights_are_those_of_this_moment(team: Town, caplog: pytest.LogCaptureFixture) -> None:
    _, request = await team.asked()
    staff = team.discord.add_role(team.guild, "Staff", manages=True)
    team.discord.add_member(team.guild, team.ada, staff)
    person = await team.adapter.whois(request)
    assert (person.id, person.name, person.roles, person.administrator) == (team.ada, "Ada", (staff,), True)
    team.discord.add_member(team.guild, team.ada)
    assert (await team.adapter.whois(request)).administrator is False
    team.discord.world.guilds[team.guild].owner = team.ada
    assert (await team.adapter.whois(request)).administrator
    team.discord.world.guilds[team.guild].owner = "1"
    del team.discord.world.guilds[team.guild].members[team.ada]
    assert (await team.adapter.whois(request)).roles == ()
    team.discord.fail("GET", r"/guilds/\d+$", 503)
    with pytest.raises(PlatformError):
        await team.adapter.whois(request)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_in_direct_messages_nobody_has_rights(team: Town) -> None:
    team.say("hello", to=team.discord.add_direct(team.ada))
    request: Request = await team.intake.next()
    person = await team.adapter.whois(request)
    assert (person.id, person.roles, person.administrator) == (team.ada, (), False)
