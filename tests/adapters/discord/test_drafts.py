"""Answers on Discord, shown once and complete after any fault, through the real discord.py."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from adapters.discord.adapter import DiscordAdapter
from adapters.discord.outgoing.channel_surface import PRIVATE_NOTE
from adapters.discord.settings import DiscordSettings
from adapters.shared.rate_limiter import RateLimiter
from bot.interfaces.errors import Forbidden, Gone, PlatformError
from bot.interfaces.messages import Request
from bot.interfaces.replies import Answer, Choice, Choices, Part, Status, Text
from tests.adapters.discord.town import QUICK, Town
from tests.clock import now, run_fast
from tests.fakes.discord import Message
from tests.fakes.discord.rules import Rates
from tests.fakes.discord.world import SEND

STOP = Choice("Stop", "stop", {"request": "1"})
RETRY = Choice("Retry", "retry", {"request": "1"})
MINUTE = 60.0


def direct_messages(team: Town) -> list[str]:
    """Return the bot's direct messages to Ada about a question in the channel, without their first line."""
    direct = team.shown(team.discord.add_direct(team.ada))
    asked = PRIVATE_NOTE.format(team.channel)
    assert all(text.startswith(asked) for text in direct)
    return [text.removeprefix(asked) for text in direct]


async def shown_now(team: Town, text: str) -> Message:
    """Wait for the bot's message with exactly this text."""
    messages = team.discord.world.messages
    return await team.discord.wait(lambda: next((m for m in messages.values() if m.content == text), None))


async def test_an_answer_grows_in_one_reply(team: Town) -> None:
    asked, request = await team.asked()
    draft = team.draft(request)
    draft.write(Choices((STOP,)))
    draft.write(Text("Hello"))
    first = await shown_now(team, "Hello")
    assert list(first.buttons) == ["Stop"]
    draft.write(Text(" world. @everyone https://example.org"))
    await shown_now(team, "Hello world. @everyone https://example.org")
    await draft.finish(Answer("Hello world. @everyone https://example.org"))
    assert await team.discord.answer_to(asked) is first
    assert (first.versions[0], first.buttons, first.reference) == ("Hello", {}, asked)
    assert len(team.shown()) == 1


async def test_only_the_first_message_is_a_reply(team: Town) -> None:
    _, request = await team.asked()
    await team.answer(request, "\n\n".join(["word " * 150] * 6), RETRY)
    parts = [m for m in team.discord.messages(team.channel) if m.author == team.discord.bot]
    assert len(parts) == 3
    assert [bool(part.reference) for part in parts] == [True, False, False]
    assert [list(part.buttons) for part in parts] == [[], [], ["Retry"]]


async def test_notes_are_shown_after_the_answer(team: Town) -> None:
    asked, request = await team.asked()
    await team.draft(request).finish(Answer("Half of", ("⚠️ It broke off.",), (RETRY,)))
    answer = await team.discord.answer_to(asked)
    assert answer.content == "Half of\n\n> ⚠️ It broke off."
    assert list(answer.buttons) == ["Retry"]


async def test_waiting_shows_typing_or_the_queue(team: Town) -> None:
    _, request = await team.asked()
    draft = team.draft(request)
    draft.write(Status("Thinking…"))
    await team.discord.wait(lambda: team.discord.rest.typing)
    assert team.shown() == []
    draft.write(Status("Waiting: 2 answers before this one.", 2))
    waiting = await shown_now(team, "_Waiting: 2 answers before this one._")
    await draft.finish(Answer("Here.", ("A note.",)))
    assert waiting.content == "Here.\n\n> A note."
    assert len(team.shown()) == 1


async def test_a_draft_left_alone_types_no_longer(team: Town) -> None:
    team.hurry(replace(QUICK, typing=0.01))
    _, request = await team.asked()
    draft = team.draft(request)
    draft.write(Status("Thinking…"))
    await team.discord.wait(lambda: len(team.discord.rest.typing) > 2)
    await draft.abandon()
    await asyncio.sleep(0)
    assert "typing" not in [task.get_name() for task in asyncio.all_tasks()]


@pytest.mark.parametrize("known", [True, False])
async def test_after_a_crash_an_existing_message_is_finished(team: Town, known: bool) -> None:
    asked, request = await team.asked()
    draft = team.draft(request)
    draft.write(Text("Half"))
    half = await shown_now(team, "Half")
    await draft.abandon()
    await team.restart()
    await team.answer(request, "Half and half.", parts=[Part(0, "Half", half.id if known else "")])
    assert await team.discord.answer_to(asked) is half
    assert team.shown() == ["Half and half."]


async def test_a_crash_before_sending_sends_once(team: Town) -> None:
    _, request = await team.asked()
    team.say("Half")  # somebody else's words are not the bot's, and not all that the bot says belongs to this answer
    _, other = await team.asked("something else")
    await team.answer(other, "word " * 500)
    before = team.shown()
    await team.restart()
    await team.answer(request, "All.", parts=[Part(0, "Half")])
    assert team.shown() == [*before, "All."]


async def test_a_surplus_part_is_deleted(team: Town) -> None:
    _, request = await team.asked()
    long = "word " * 500
    draft = team.draft(request)
    draft.write(Text(long))
    await team.discord.wait(lambda: len(team.shown()) == 2)
    await draft.abandon()
    ids = [m.id for m in team.discord.messages(team.channel) if m.author == team.discord.bot]
    known = [Part(index, text, ids[index]) for index, text in enumerate(team.shown())]
    await team.restart()
    await team.answer(request, "Short.", parts=known)
    assert team.shown() == ["Short."]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_lost_connection_makes_no_second_answer(team: Town, when: str) -> None:
    _, request = await team.asked()
    team.discord.fail("POST", r"/channels/\d+/messages$", drop=when)
    await team.answer(request, "Once.")
    assert team.shown() == ["Once."]


async def test_failures_and_rate_limits_are_retried(team: Town) -> None:
    _, request = await team.asked()
    path = r"/channels/\d+/messages"
    team.discord.fail("POST", path, 429, retry_after=0.05)
    team.discord.fail("POST", path, 429, retry_after=0.05, everywhere=True)
    team.discord.fail("POST", path, 503)
    await team.answer(request, "Patience.")
    assert team.shown() == ["Patience."]
    team.discord.fail("PATCH", path, 503, times=9)
    with pytest.raises(PlatformError):
        await team.answer(request, "More.", parts=[Part(0, "Patience.", team.discord.messages(team.channel)[-1].id)])


async def test_refusals_and_deletions_raise_their_own_errors(team: Town) -> None:
    _, request = await team.asked()
    team.discord.world.channels[team.channel].denied |= SEND
    with pytest.raises(Forbidden, match="may not"):
        await team.answer(request, "Hello.")
    del team.discord.world.channels[team.channel]
    with pytest.raises(Gone):
        await team.answer(request, "Hello.")


async def test_a_deleted_question_is_still_answered(team: Town) -> None:
    asked, request = await team.asked()
    team.discord.delete(asked)
    await team.answer(request, "Anyway.")
    assert team.shown() == ["Anyway."]


async def test_an_interactions_token_is_not_logged(team: Town, caplog: pytest.LogCaptureFixture) -> None:
    interaction, request = await team.used("ask", text="why?")
    team.discord.fail("PATCH", "/webhooks/", 429, retry_after=0.01)
    await team.answer(request, "Because.")
    assert "rate limited" in caplog.text
    assert interaction.token not in caplog.text


async def test_a_slash_command_fills_its_deferred_message(team: Town) -> None:
    interaction, request = await team.used("ask", text="why?")
    original = team.discord.message(interaction.original)
    assert original.loading
    draft = team.draft(request)
    draft.write(Text("Be"))
    await shown_now(team, "Be")
    await draft.finish(Answer("Because.", (), (RETRY,)))
    assert await team.discord.answer_to(interaction) is original
    assert (original.content, original.loading, list(original.buttons)) == ("Because.", False, ["Retry"])
    assert len(team.shown()) == 1


async def test_a_private_answer_stays_private_however_long(team: Town) -> None:
    _, request = await team.used("ask", text="why?", private=True)
    await team.answer(request, "word " * 500)
    assert len(team.discord.only_seen_by(team.ada)) == 2
    assert team.shown() == []


async def test_in_a_direct_message_nothing_is_hidden(team: Town) -> None:
    direct = team.discord.add_direct(team.ada)
    _, request = await team.used("ask", to=direct, text="why?", private=True)
    await team.answer(request, "word " * 500)
    assert len(team.shown(direct)) == 2
    assert team.discord.only_seen_by(team.ada) == []


async def test_an_early_answer_waits_for_the_acknowledgement(team: Town) -> None:
    hold = asyncio.Event()
    team.discord.fail("POST", "/callback", hold=hold)
    interaction = team.discord.slash(team.channel, team.ada, "ask", {"text": "why?"})
    request = await team.intake.next()
    answering = asyncio.create_task(team.answer(request, "Because."))
    await team.discord.complete(team.channel, team.ada, "ask", "model", "")
    await team.asked("something else meanwhile")
    assert not [method for method, path in team.discord.requests if method == "PATCH"]
    hold.set()
    await answering
    assert (await team.discord.answer_to(interaction)).id == interaction.original


async def test_after_a_crash_a_deferred_message_is_filled(team: Town) -> None:
    interaction, request = await team.used("ask", text="why?", private=True)
    await team.restart()
    await team.answer(request, "Because.", parts=[Part(0, "Be")])
    assert [m.content for m in team.discord.only_seen_by(team.ada)] == ["Because."]
    assert (await team.discord.answer_to(interaction)).id == interaction.original


async def test_a_possibly_repeated_hidden_follow_up_is_marked(team: Town) -> None:
    _, request = await team.used("ask", text="why?", private=True)
    original = team.discord.only_seen_by(team.ada)[0]
    text = "word " * 500
    await team.restart()
    await team.answer(request, text, parts=[Part(0, text[:1900], original.id), Part(1, "word word")])
    assert "may have seen this" in team.discord.only_seen_by(team.ada)[1].content


async def test_an_expired_public_answer_continues_in_the_channel(team: Town) -> None:
    interaction, request = await team.used("ask", text="why?")
    team.discord.clock.ahead = 20 * MINUTE
    await team.answer(request, "word " * 500)
    first, second = (m for m in team.discord.messages(team.channel) if m.author == team.discord.bot)
    assert first.id == interaction.original
    assert second.interaction == ""


async def test_an_expired_private_answer_becomes_a_direct_message(team: Town) -> None:
    _, request = await team.used("ask", text="why?", private=True)
    draft = team.draft(request)
    draft.write(Text("Be"))
    half = await shown_now(team, "Be")
    team.discord.clock.ahead = 20 * MINUTE
    await draft.finish(Answer("Because."))
    assert direct_messages(team) == ["Because."]
    assert team.shown() == []
    await team.restart()
    team.discord.clock.ahead = 40 * MINUTE  # Discord has forgotten the nonce
    await team.answer(request, "Because.", parts=[Part(0, "Be", half.id)])
    assert direct_messages(team) == ["Because."]


async def test_an_acknowledgement_that_came_too_late_falls_back(team: Town) -> None:
    team.intake.gate = asyncio.Event()
    public = team.discord.slash(team.channel, team.ada, "ask", {"text": "why?"})
    private = team.discord.slash(team.channel, team.ada, "ask", {"text": "who?", "private": True})
    await team.intake.offered()
    await team.intake.offered()
    team.discord.clock.ahead = 10.0
    team.intake.gate.set()
    await team.answer(await team.intake.next(), "Because.")
    await team.answer(await team.intake.next(), "You.")
    assert team.shown() == ["Because."]
    assert direct_messages(team) == ["You."]
    assert (public.callback, private.callback) == (0, 0)
    assert len(team.discord.violations) == 2
    team.discord.violations.clear()


async def test_nothing_to_say_leaves_no_thinking_behind(team: Town) -> None:
    interaction, request = await team.used("stop")
    await team.draft(request).finish(Answer(""))
    assert team.discord.message(interaction.original).deleted


async def pressed(team: Town, message: str, label: str) -> Request:
    interaction = team.discord.press(message, label, team.ada)
    request = await team.intake.next()
    await team.discord.wait(lambda: interaction.callback)
    assert interaction.callback == 6
    return request


async def test_a_button_works_after_a_restart(team: Town) -> None:
    asked, request = await team.asked()
    await team.answer(request, "word " * 500, RETRY)
    last = team.discord.messages(team.channel)[-1]
    await team.restart()
    request = await pressed(team, last.id, "Retry")
    assert (request.command, request.arguments, request.private) == ("retry", {"request": "1"}, False)
    assert (request.place.channel, request.person.id) == (team.channel, team.ada)
    await team.answer(request, "Again.")
    assert [m.content for m in team.discord.answers_to(asked)][-1] == "Again."


async def test_a_quiet_button_answers_only_its_person(team: Town) -> None:
    _, request = await team.asked()
    draft = team.draft(request)
    draft.write(Choices((STOP,)))
    draft.write(Text("Hello"))
    shown = await shown_now(team, "Hello")
    stop = await pressed(team, shown.id, "Stop")
    await team.draft(stop).finish(Answer(""))
    assert team.shown() == ["Hello"]
    again = await pressed(team, shown.id, "Stop")
    await team.answer(again, "Nothing is being written.")
    assert [m.content for m in team.discord.only_seen_by(team.ada)] == ["Nothing is being written."]
    await draft.finish(Answer("Hello", ("Stopped.",), (RETRY,)))
    assert list(shown.buttons) == ["Retry"]


async def test_private_buttons_are_answered_privately(team: Town) -> None:
    interaction, request = await team.used("ask", text="why?", private=True)
    await team.answer(request, "Because.", RETRY)
    request = await pressed(team, interaction.original, "Retry")
    assert request.private
    await team.answer(request, "Still because.")
    assert [m.content for m in team.discord.only_seen_by(team.ada)] == ["Because.", "Still because."]
    assert team.shown() == []


def test_the_bots_own_pace_earns_no_429() -> None:
    """In a minute of as many calls as the limiter allows, discord.py never waits for a rate limit."""

    async def call(limiter: RateLimiter, rates: Rates, kind: str, channel: int) -> None:
        for _ in range(20):
            await limiter.acquire(("all", f"{kind}:{channel}"))
            _, headers = rates.spend(f"{kind} {channel}", 5, 5.0)
            assert int(headers["X-RateLimit-Remaining"]) > 0
            assert rates.spend("global", 50, 1.0)[0]

    async def everywhere() -> None:
        adapter = DiscordAdapter(DiscordSettings(), "token")
        limiter, rates = RateLimiter(adapter.rate_limit), Rates(now)
        await asyncio.gather(*(call(limiter, rates, kind, n) for kind in ("create", "edit") for n in range(30)))

    run_fast(everywhere())
