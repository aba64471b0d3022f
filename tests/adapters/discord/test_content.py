"""The whole content of messages, wherever the bot reads one, through the real discord.py."""

from __future__ import annotations

import asyncio

import pytest

from bot.interfaces.command import Command, Option
from bot.interfaces.messages import Manner, Message
from tests.adapters.discord.town import Town
from tests.fakes.discord.world import Json

EMBED: Json = {
    "type": "rich",
    "author": {"name": "CI"},
    "title": "Build 7 failed",
    "description": "In the step test",
    "fields": [{"name": "Branch", "value": "main", "inline": True}],
    "footer": {"text": "after 3 minutes"},
}
EMBEDDED = "CI\nBuild 7 failed\nIn the step test\nBranch: main\nafter 3 minutes"
PREVIEW: Json = {"type": "link", "title": "A page", "description": "What Discord found there"}


def media(path: str, kind: str) -> Json:
    url = f"https://cdn.discordapp.com/attachments/1/{path}?ex=1"
    return {"id": "2", "url": url, "proxy_url": url, "width": 1, "height": 1, "content_type": kind}


THUMBNAIL: Json = {
    "type": 11,
    "id": 4,
    "media": media("1/face.png", "image/png"),
    "description": None,
    "spoiler": False,
}
PANEL: Json = {
    "type": 17,
    "id": 1,
    "accent_color": None,
    "spoiler": False,
    "components": [
        {
            "type": 9,
            "id": 2,
            "components": [{"type": 10, "id": 3, "content": "Deploying *now*"}],
            "accessory": THUMBNAIL,
        },
        {
            "type": 12,
            "id": 5,
            "items": [{"media": media("2/chart%201.png", "image/png"), "description": None, "spoiler": False}],
        },
        {"type": 13, "id": 6, "file": media("3/log.txt", "text/plain"), "name": "log.txt", "size": 3, "spoiler": False},
        {"type": 14, "id": 7, "spacing": 1, "divider": True},
    ],
}
POLL: Json = {
    "question": {"text": "Lunch?"},
    "answers": [{"answer_id": n, "poll_media": {"text": text}} for n, text in enumerate(("Pizza", "Soup"), 1)],
    "expiry": "2030-01-01T00:00:00+00:00",
    "allow_multiselect": False,
    "layout_type": 1,
    "results": {"is_finalized": False, "answer_counts": []},
}
POINTED = (Command("shorten", "Shorten a text", (Option("text", "The text"),), shortcut="Shorten"),)
STICKER: Json = {"id": "749054660769218631", "name": "Wave", "format_type": 1}


def from_bot(team: Town, **more: object) -> str:
    """Return a message of another bot."""
    return team.discord.post(team.channel, team.discord.add_user("CI", bot=True), "", more=more)


async def history(team: Town) -> list[Message]:
    _, request = await team.asked("/model")
    messages = await team.adapter.history(request, 50, 0)
    return [message for message in messages if message.id != request.message]


async def test_a_forward_is_read_wherever_messages_are(team: Town) -> None:
    news = team.discord.add_channel(team.guild, "news")
    bob = team.discord.add_member(team.guild, team.discord.add_user("Bob"))
    original = team.discord.post(news, bob, f"The merger is off, <@{team.ada}>.", files=["notes.txt"])
    forward, words = team.discord.forward(original, team.channel, team.ada), "The merger is off, @Ada."
    (message,) = await history(team)
    assert (message.text, [file.name for file in message.attachments]) == (f"(Forwarded) {words}", ["notes.txt"])
    team.say(team.discord.mention("really?"), reply_to=forward)
    request = await team.intake.next()
    assert [one.text for one in await team.adapter.context(request, 9)] == [f"(Forwarded) {words}"]
    pointed = await team.adapter.pointed(request)
    assert pointed is not None
    assert (pointed.text, [file.name for file in pointed.attachments]) == (words, ["notes.txt"])


async def test_a_forward_to_the_bot_contains_no_command(team: Town) -> None:
    direct = team.discord.add_direct(team.ada)
    team.discord.forward(team.say("/new", to=direct), direct, team.ada)
    assert (await team.intake.next()).command == "new"
    forwarded = await team.intake.next()
    assert (forwarded.command, forwarded.text, forwarded.replies_to) == ("chat", "(Forwarded) /new", "")
    original = team.discord.post(team.channel, team.ada, "See", files=["cat.png"])
    team.discord.forward(original, direct, team.ada)
    forwarded = await team.intake.next()
    assert (forwarded.text, [file.name for file in forwarded.attachments]) == ("(Forwarded) See", ["cat.png"])


async def test_a_forwarded_answer_is_not_a_reply(team: Town) -> None:
    _, request = await team.asked("hello")
    await team.answer(request, "Hi.")
    team.intake.manners = Manner(speaks="everything")
    team.discord.forward(team.discord.messages(team.channel)[-1].id, team.channel, team.ada)
    forwarded = await team.intake.next()
    assert (forwarded.text, forwarded.replies_to) == ("(Forwarded) Hi.", "")
    assert not await team.adapter.context(forwarded, 9)


async def test_a_reference_into_another_channel_is_no_reply(team: Town) -> None:
    """A channel that follows another one receives its messages with such references."""
    news = team.discord.add_channel(team.guild, "news")
    original = team.discord.post(news, team.ada, "Big news")
    reference = {"type": 0, "message_id": original, "channel_id": news}
    more: Json = {"message_reference": reference}
    copy = team.discord.post(team.channel, team.ada, team.discord.mention("Big news"), more=more)
    assert (await team.intake.next()).replies_to == ""
    team.say(team.discord.mention("which?"), reply_to=copy)
    request = await team.intake.next()
    assert request.replies_to == copy
    assert [message.id for message in await team.adapter.context(request, 9)] == [copy]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"embeds": [EMBED]}, EMBEDDED),
        ({"components": [PANEL], "flags": 1 << 15}, "Deploying *now*"),
        ({"poll": POLL}, "Poll: Lunch?\n- Pizza\n- Soup"),
        ({"sticker_items": [STICKER]}, "(Sticker: Wave)"),
    ],
)
async def test_what_bots_write_beside_text_is_read(team: Town, more: Json, text: str) -> None:
    posted = from_bot(team, **more)
    (found,) = await history(team)
    assert (found.id, found.text) == (posted, text)


async def test_forwarded_embeds_and_panels_are_read(team: Town) -> None:
    direct = team.discord.add_direct(team.ada)
    for more, text in (({"embeds": [EMBED, PREVIEW]}, EMBEDDED), ({"components": [PANEL]}, "Deploying *now*")):
        team.discord.forward(from_bot(team, **more), direct, team.ada)
        request = await team.intake.next()
        assert request.text == f"(Forwarded) {text}"
    assert [file.name for file in request.attachments] == ["chart 1.png", "log.txt"]


async def test_previews_of_links_are_not_what_people_said(team: Town) -> None:
    message = team.discord.mention("see https://example.org")
    team.discord.post(team.channel, team.ada, message, more={"embeds": [PREVIEW]})
    assert (await team.intake.next()).text == "see https://example.org"
    from_bot(team, embeds=[PREVIEW])
    assert [message.text for message in await history(team)][-1] == "A page\nWhat Discord found there"


async def test_polls_and_stickers_of_people_are_read(team: Town) -> None:
    direct = team.discord.add_direct(team.ada)
    team.discord.post(direct, team.ada, "", more={"poll": POLL, "sticker_items": [STICKER]})
    assert (await team.intake.next()).text == "Poll: Lunch?\n- Pizza\n- Soup\n(Sticker: Wave)"


async def test_a_shortcut_reads_all_of_its_message(team: Town) -> None:
    forward = team.discord.forward(from_bot(team, embeds=[EMBED]), team.channel, team.ada)
    team.intake.commands = (*team.intake.commands, *POINTED)
    await team.restart()
    team.discord.shortcut(forward, "Shorten", team.ada)
    request = await team.intake.next()
    assert (request.text, request.replies_to) == (EMBEDDED, forward)


async def test_an_edit_of_a_poll_keeps_it(team: Town) -> None:
    message = team.discord.post(team.channel, team.ada, team.discord.mention("vote"), more={"poll": POLL})
    assert (await team.intake.next()).text == "vote\nPoll: Lunch?\n- Pizza\n- Soup"
    team.discord.edit(message, team.discord.mention("please vote"))
    _, _, text = await asyncio.wait_for(team.intake.changed.get(), 5)
    assert text == "please vote\nPoll: Lunch?\n- Pizza\n- Soup"


async def test_a_forward_said_meanwhile_is_caught_up(team: Town) -> None:
    direct = team.discord.add_direct(team.ada)
    team.say("before", to=direct)
    request = await team.intake.next()
    team.intake.places = [(request.place, request.act.order)]
    await team.stop()
    team.discord.forward(from_bot(team, embeds=[EMBED]), direct, team.ada)
    await team.start()
    assert (await team.intake.next()).text == f"(Forwarded) {EMBEDDED}"


async def test_answers_to_message_commands_are_in_the_history(team: Town) -> None:
    posted = team.discord.post(team.channel, team.discord.add_user("CI", bot=True), "Shortened.")
    team.discord.message(posted).type = 23
    assert [message.text for message in await history(team)] == ["Shortened."]


async def test_the_longest_message_is_read_within_bounds(team: Town) -> None:
    deep: Json = {"type": 10, "content": "deep"}
    for _ in range(50):
        deep = {"type": 17, "components": [deep]}
    from_bot(team, components=[{"type": 10, "id": n, "content": "x" * 4_000} for n in range(40)], embeds=[EMBED])
    team.discord.judge.silent = True  # Discord puts no containers into containers
    from_bot(team, components=[deep])
    long, *_ = await history(team)
    assert len(long.text) == 20_000
