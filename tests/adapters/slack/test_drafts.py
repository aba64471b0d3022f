"""Answers on Slack, shown once and complete after any fault, through the real slack_sdk."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from adapters.shared.paced_draft import REST_FILE
from adapters.shared.rate_limiter import RateLimit, RateLimiter
from adapters.slack.errors import ERRORS, RATE_LIMITED, TEMPORARY
from adapters.slack.outgoing.markdown import WORD_JOINER
from adapters.slack.timeouts import SlackTimeouts
from adapters.slack.web_api import PER_MINUTE, rate_limit_for
from bot.interfaces.adapter import Draft
from bot.interfaces.errors import Forbidden, Gone, PlatformError
from bot.interfaces.messages import Manner
from bot.interfaces.replies import Answer, Choice, Choices, Part, Status, Text
from tests.adapters.slack.town import QUICK, Town, town
from tests.clock import now, run_fast
from tests.fakes.slack.rules import Rates

STOP = Choice("Stop", "stop", {"request": "1"})
RETRY = Choice("Retry", "retry", {"request": "1"})
DELAYS = (0.01, 0.01)


@pytest.fixture(autouse=True)
def fast_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.slack.web_api.EDITS_A_SECOND", 100.0)


def no_streams(team: Town) -> None:
    """Use all of Slack's streams."""
    while team.adapter._limiter.try_acquire(("chat.startStream",)):
        pass


def no_updates(team: Town) -> None:
    while team.adapter._limiter.try_acquire(("chat.update",)):
        pass


# Streams --------------------------------------------------------------------------------------------------------------


async def test_an_answer_to_a_direct_message_is_streamed(team: Town) -> None:
    root, request = await team.wrote()
    draft = team.draft(request)
    draft.write(Choices((STOP,)))
    draft.write(Text("Hello world"))
    first = await team.shows("Hello ")
    draft.write(Text(". Well"))
    await team.shows("Hello world. ")
    await draft.finish(Answer("Hello world. Well.", ("A note.",), (RETRY,)))
    assert await team.slack.answer_to(team.direct, root) is first
    assert (first.shown, list(first.buttons)) == ("Hello world. Well.\n\n> A note.", ["Retry"])
    (start,) = team.slack.called("chat.startStream")
    assert (start["recipient_user_id"], start["recipient_team_id"]) == (team.ada, team.slack.team)
    assert team.slack.called("chat.update") == []
    assert len(team.shown(root, team.direct)) == 1


async def test_an_answer_in_a_channel_grows_for_everybody(team: Town) -> None:
    root, request = await team.asked()
    draft = team.draft(request)
    draft.write(Text("Hello"))
    message = await team.shows("Hello")
    draft.write(Text(" world."))
    await team.shows("Hello world.")
    await draft.finish(Answer("Hello world.", (), (RETRY,)))
    assert team.slack.answers(team.channel, root) == [message]
    assert team.slack.called("chat.startStream") == []


async def test_no_chunk_of_a_stream_begins_with_blanks(team: Town) -> None:
    root, request = await team.wrote()
    draft = team.draft(request)
    text = "One two\n\n- three\n- four\n\n    five\n" + "語" * 50 + " and six"
    for end in range(0, len(text), 3):
        draft.write(Text(text[end : end + 3]))
        await asyncio.sleep(0.02)
    await draft.finish(Answer(text))
    methods = ("chat.startStream", "chat.appendStream", "chat.stopStream")
    chunks = [str(call.get("markdown_text", "")) for method in methods for call in team.slack.called(method)]
    assert [chunk for chunk in chunks if chunk[:1].isspace()] == []
    assert len(chunks) > 5
    assert team.shown(root, team.direct) == [text]


@pytest.mark.parametrize("code", ["stopped_by_user", "user_not_found", "team_not_found", "missing_recipient_user_id"])
@pytest.mark.parametrize("method", ["chat.appendStream", "chat.stopStream"])
async def test_a_refused_stream_ends_as_an_edited_message(team: Town, method: str, code: str) -> None:
    team.slack.fail(method, code, times=9)
    root, request = await team.wrote()
    draft = team.draft(request)
    draft.write(Text("One, two"))
    message = await team.shows("One, ")
    if method == "chat.appendStream":
        draft.write(Text(", three"))
        await team.shows("One, two, three")
    else:
        team.slack.end_streams()
    await draft.finish(Answer("One, two, three.", (), (RETRY,)))
    assert (team.shown(root, team.direct), list(message.buttons)) == (["One, two, three."], ["Retry"])
    assert team.slack.web.statuses[team.direct, root] == "active"


@pytest.mark.parametrize("method", ["chat.appendStream", "chat.stopStream"])
async def test_a_rate_limit_does_not_end_a_stream(team: Town, method: str) -> None:
    root, request = await team.wrote()
    draft = team.draft(request)
    draft.write(Text("One, two"))
    await team.shows("One, ")
    team.slack.fail(method, status=429, retry_after=1)
    draft.write(Text(", three"))
    await team.slack.wait(lambda: team.slack.called("chat.appendStream"))
    await draft.finish(Answer("One, two, three."))
    assert team.shown(root, team.direct) == ["One, two, three."]
    assert team.slack.called("chat.stopStream")


async def test_an_open_stream_is_followed_by_a_message(team: Town) -> None:
    root, request = await team.wrote()
    draft = team.draft(request)
    draft.write(Text("One, two"))
    await team.shows("One, ")
    team.slack.world.stream_error = "user_not_found"
    await draft.finish(Answer("One, two, three.", (), (RETRY,)))
    assert team.shown(root, team.direct) == ["One, ", "One, two, three."]
    await team.restart()
    await team.answer(request, "One, two, three.", RETRY)
    assert team.shown(root, team.direct) == ["One, ", "One, two, three."]


@pytest.mark.parametrize("breaks", ["chat.postMessage", "chat.delete"])
async def test_after_a_crash_one_new_message_is_sent(team: Town, breaks: str) -> None:
    root, request = await team.asked()
    draft = team.draft(request)
    draft.write(Text("One, "))
    await team.shows("One, ")
    team.slack.fail("chat.update", "edit_window_closed", times=9)

    async def die(stage: str, method: str) -> None:
        if (stage, method) == ("applied", breaks):
            raise ConnectionResetError

    team.slack.on_request = die
    with suppress(PlatformError):
        await draft.finish(Answer("One, two."))
    team.slack.on_request = None
    await team.restart()
    await team.answer(request, "One, two.")
    assert team.shown(root) == ["One, two."]


async def test_slacks_own_stop_keeps_what_was_said(team: Town) -> None:
    root, request = await team.wrote()
    draft = team.draft(request)
    draft.write(Text("One, two"))
    message = await team.shows("One, ")
    team.slack.stop_session(team.direct, root, team.ada)
    draft.write(Text(", three"))
    await draft.finish(Answer("One, two", ("Stopped.",), (RETRY,)))
    assert team.shown(root, team.direct) == ["One, two\n\n> Stopped."]
    assert list(message.buttons) == ["Retry"]


async def test_an_ended_stream_becomes_an_edited_message(team: Town) -> None:
    root, request = await team.wrote()
    draft = team.draft(request)
    draft.write(Text("One, two"))
    await team.shows("One, ")
    team.slack.end_streams()
    draft.write(Text(", three"))
    message = await team.shows("One, two, three")
    await draft.finish(Answer("One, two, three.", (), (RETRY,)))
    assert (team.shown(root, team.direct), list(message.buttons)) == (["One, two, three."], ["Retry"])


async def test_a_stream_that_ends_early_is_completed(team: Town) -> None:
    root, request = await team.wrote()
    draft = team.draft(request)
    draft.write(Text("One, two"))
    await team.shows("One, ")
    team.slack.clock.ahead += 301
    await draft.finish(Answer("One, two."))
    assert team.shown(root, team.direct) == ["One, two."]
    assert team.slack.web.statuses[team.direct, root] == "active"


async def test_a_changed_answer_replaces_its_stream(team: Town) -> None:
    root, request = await team.wrote()
    draft = team.draft(request)
    draft.write(Text("Half of"))
    await team.shows("Half ")
    await draft.finish(Answer("Something else", (), (RETRY,)))
    assert team.shown(root, team.direct) == ["Something else"]


async def test_a_long_answer_fills_several_messages(team: Town) -> None:
    root, request = await team.wrote()
    text = "Code:\n\n```py\n" + "\n".join(f"print({number:05})" for number in range(1_700)) + "\n```\nDone."
    draft = team.draft(request)
    draft.write(Text(text[:9_000]))
    await team.slack.wait(lambda: len(team.shown(root, team.direct)) == 2)
    await draft.finish(Answer(text, (), (RETRY,)))
    shown = team.shown(root, team.direct)
    assert len(shown) == 3
    assert [(part.count("```"), len(part) < 12_000) for part in shown] == [(2, True)] * 3
    assert [list(message.buttons) for message in team.slack.answers(team.direct, root)] == [[], [], ["Retry"]]


async def test_the_rest_of_an_endless_answer_is_attached(team: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.shared.paced_draft.TEXT_PARTS", 1)
    root, request = await team.asked()
    await team.answer(request, "".join(f"{number} " for number in range(2_000)))
    *texts, shared = team.slack.answers(team.channel, root)
    assert REST_FILE in texts[-1].shown
    (file,) = shared.files
    assert file["name"] == "answer.md"


async def test_a_models_text_pings_and_loads_nothing(team: Town) -> None:
    text = "<!channel> <@U000000001> [here](https://evil.example/?q=1) ![x](https://a.b) and `https://ok.example` @here"
    for where, one in ((team.direct, "https://evil.example/?q=1"), (team.channel, "`https://evil.example/?q=1`")):
        team.say(text if where == team.direct else team.slack.mention("hello"), to=where)
        draft = team.draft(await team.intake.next())
        for end in range(len(text)):
            draft.write(Text(text[end]))
            await asyncio.sleep(0)
        await draft.finish(Answer(text))
        shown = team.shown(None, where)[0]
        assert shown.count(WORD_JOINER) == 2
        assert f"here ({one}) x (" in shown
        assert shown.endswith("and `https://ok.example` @here")
    assert len(team.slack.called("chat.startStream")) == 1
    assert team.slack.called("chat.update")


async def test_links_of_an_unedited_answer_work(team: Town) -> None:
    root, request = await team.asked()
    await team.answer(request, "See https://a.example/x and [a.example](https://a.example/y).", RETRY)
    post = team.slack.called("chat.postMessage")[0]
    assert (post["unfurl_links"], post["unfurl_media"]) == (False, False)
    assert team.shown(root) == ["See https://a.example/x and [a.example](https://a.example/y)."]
    message = team.slack.answers(team.channel, root)[0]
    team.slack.press(team.channel, message.ts, "Retry", team.ada)
    draft = team.draft(await team.intake.next())
    draft.write(Text("Again"))
    await team.slack.wait(lambda: not message.buttons)
    await draft.finish(Answer("Again"))
    assert message.shown == "See `https://a.example/x` and a.example (`https://a.example/y`)."


async def test_links_in_edits_are_the_operators_choice() -> None:
    async with town(links_in_edits=True) as team:
        await team.start()
        root, request = await team.asked()
        draft = team.draft(request)
        draft.write(Text("See "))
        await team.shows("See ")
        await draft.finish(Answer("See https://a.example/x"))
        assert team.shown(root) == ["See https://a.example/x"]
        assert team.slack.violations == ["chat.update unfurls a link"]
        team.slack.violations.clear()


# Posts ----------------------------------------------------------------------------------------------------------------


async def test_without_a_free_stream_answers_are_edited(team: Town) -> None:
    no_streams(team)
    root, request = await team.asked()
    draft = team.draft(request)
    draft.write(Choices((STOP,)))
    draft.write(Text("```py\nx"))
    message = await team.shows("```py\nx\n```")
    assert list(message.buttons) == ["Stop"]
    draft.write(Text(" = 1"))
    await team.shows("```py\nx = 1\n```")
    await draft.finish(Answer("```py\nx = 1\n```", (), (RETRY,)))
    assert (team.shown(root), list(message.buttons)) == (["```py\nx = 1\n```"], ["Retry"])
    assert team.slack.called("chat.startStream") == []


async def test_under_load_only_the_finished_answer_is_shown(team: Town) -> None:
    no_streams(team)
    no_updates(team)
    root, request = await team.asked()
    draft = team.draft(request)
    draft.write(Choices((STOP,)))
    draft.write(Text("One, "))
    draft.write(Text("two."))
    await draft.finish(Answer("One, two.", (), (RETRY,)))
    message = await team.slack.answer_to(team.channel, root)
    assert message.versions == ["One, two."]
    assert team.slack.called("chat.update") == []


async def test_many_answers_at_once_all_show_something(team: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def few_edits(pace: float, name: str) -> RateLimit:
        return RateLimit(20, 3, 1) if name == "chat.update" else rate_limit_for(1_000, name)

    monkeypatch.setattr("adapters.slack.adapter.rate_limit_for", few_edits)
    await team.restart()
    team.slack.rates.on = False
    drafts, whole = dict[str, tuple[Draft, asyncio.Task[None]]](), "One, two, three."

    async def talk(draft: Draft) -> None:
        while True:
            draft.write(Text("One, "))
            await asyncio.sleep(0.01)

    for _ in range(12):
        root, request = await team.asked()
        draft = team.draft(request)
        drafts[root] = draft, asyncio.create_task(talk(draft))
    await team.slack.wait(lambda: all(team.shown(root) for root in drafts))
    before = len(team.slack.called("chat.update"))
    for _, talking in drafts.values():
        talking.cancel()
    async with asyncio.timeout(2):
        await asyncio.gather(*(draft.finish(Answer(whole)) for draft, _ in drafts.values()))
    assert [team.shown(root) for root in drafts] == [[whole]] * 12
    assert len(team.slack.called("chat.update")) - before <= 13


async def test_unused_tokens_are_refunded(team: Town) -> None:
    limiter = team.adapter._limiter
    for _ in range(3):
        root, request = await team.asked()
        limiter.pause(f"channel:{team.channel}", 0.2)  # nothing is shown before the end
        draft = team.draft(request)
        draft.write(Text("One"))
        for _ in range(20):
            await asyncio.sleep(0)
        await draft.finish(Answer("One."))
        assert team.slack.answers(team.channel, root)[0].versions == ["One."]
    assert limiter.try_acquire(("chat.update",) * 12)


async def test_the_queues_message_becomes_the_answer(team: Town) -> None:
    root, request = await team.asked()
    draft = team.draft(request)
    draft.write(Status("Waiting: 2 answers before this one.", 2))
    message = await team.shows("_Waiting: 2 answers before this one._")
    draft.write(Text("Here"))
    await team.shows("Here")
    await draft.finish(Answer("Here it is."))
    assert team.slack.answers(team.channel, root) == [message]


async def test_a_welcome_starts_no_thread(team: Town) -> None:
    other = team.slack.add_channel("other", joined=False)
    team.slack.join(other)
    draft = team.draft(await team.intake.next())
    draft.write(Text("Hello, "))
    await draft.finish(Answer("Hello, I am a bot."))
    assert team.shown("", other) == ["Hello, I am a bot."]


def test_no_minute_has_more_calls_than_slack_allows() -> None:
    """Acquire as much as the limiter allows, against the server's own rules."""

    async def press() -> list[tuple[str, float]]:
        limiter, rates, late = RateLimiter(lambda name: rate_limit_for(1.0, name)), Rates(now), []
        for method in [*PER_MINUTE, "chat.update"]:
            for number in range(200):
                budgets = (method, "channel:C1") if method == "chat.postMessage" else (method,)
                await limiter.acquire(budgets, urgent=bool(number % 2))
                late.append((method, rates.spend(method, "C1")))
        return [entry for entry in late if entry[1]]

    assert run_fast(press()) == []


# Status ---------------------------------------------------------------------------------------------------------------


async def test_the_status_lasts_until_the_answer_is_complete(team: Town) -> None:
    team.hurry(replace(QUICK, status=0.05))
    root, request = await team.asked()
    draft = team.draft(request)
    draft.write(Status("Thinking…"))
    await team.slack.wait(lambda: len(team.slack.called("agents.sessions.setStatus")) >= 3)
    assert team.slack.web.statuses[team.channel, root] == "processing"
    await draft.finish(Answer("Done."))
    assert team.slack.web.statuses[team.channel, root] == "active"


@pytest.mark.parametrize("error", ["not_allowed", "missing_scope", "feature_not_enabled"])
async def test_a_refused_status_is_requested_once(team: Town, error: str) -> None:
    team.slack.fail("agents.sessions.setStatus", error, times=9)
    for _ in range(2):
        root, request = await team.asked()
        draft = team.draft(request)
        draft.write(Status("Thinking…"))
        await team.slack.wait(lambda: team.slack.called("agents.sessions.setStatus"))
        await draft.finish(Answer("Done."))
        assert team.shown(root) == ["Done."]
    assert len(team.slack.called("agents.sessions.setStatus")) == 1


def test_a_status_is_renewed_within_an_hour() -> None:
    assert 600 <= SlackTimeouts().status <= 3_000


async def test_with_the_plain_manifest_answers_are_edited(team: Town) -> None:
    team.slack.scopes.discard("assistant:write")
    team.slack.subscribed.discard("agent_session_stopped")
    await team.restart()
    for ask, where in ((team.wrote, team.direct), (team.asked, team.channel)):
        root, request = await ask()
        draft = team.draft(request)
        draft.write(Status("Thinking…"))
        draft.write(Choices((STOP,)))
        draft.write(Text("One, "))
        message = await team.shows("One, ")
        assert list(message.buttons) == ["Stop"]
        await draft.finish(Answer("One, two."))
        assert team.shown(root, where) == ["One, two."]
    for method in ("chat.startStream", "agents.sessions.setStatus"):
        assert team.slack.called(method) == []


# Commands -------------------------------------------------------------------------------------------------------------


async def test_ask_posts_the_question_and_answers_below(team: Town) -> None:
    _, request = await team.used("/ask", "why <@U123|Ben>, <!channel>?\nReally?")
    draft = team.draft(request)
    draft.write(Status("Thinking…"))
    draft.write(Text("Because"))
    await team.shows("Because")
    await draft.finish(Answer("Because."))
    opening = team.slack.messages(team.channel, "")[0]
    assert opening.shown == "**Ada** asked:\n> why @Ben, @channel?\n> Really?"
    assert team.shown(opening.ts) == [opening.shown, "Because."]
    assert {part.index: part.message for part in team.logs[request.act.id].parts}[-1] == opening.ts


@pytest.mark.parametrize("drop", ["before", "after"])
async def test_a_question_whose_post_breaks_is_there_once(team: Town, drop: str) -> None:
    team.slack.fail("chat.postMessage", drop=drop)
    _, request = await team.used("/ask", "why?")
    await team.answer(request, "Because.")
    assert team.shown() == ["**Ada** asked:\n> why?", "Because."]


@pytest.mark.parametrize("breaks", [1, 2])
async def test_after_a_crash_question_and_answer_exist_once(team: Town, breaks: int) -> None:
    _, request = await team.used("/ask", "why?")
    draft = team.draft(request)
    posts = 0

    async def die(stage: str, method: str) -> None:
        nonlocal posts
        posts += (stage, method) == ("applied", "chat.postMessage")
        if posts >= breaks:
            raise ConnectionResetError

    team.slack.on_request = die
    with pytest.raises(PlatformError):
        await draft.finish(Answer("Because."))
    team.slack.on_request = None
    await team.restart()
    await team.answer(request, "Because.")
    assert team.shown() == ["**Ada** asked:\n> why?", "Because."]


async def test_without_rights_a_command_is_answered_privately(team: Town) -> None:
    other = team.slack.add_channel("other", team.ada, joined=False)
    _, request = await team.used("/ask", "why?", to=other)
    await team.answer(request, "Because.")
    hidden = team.slack.only_seen_by(team.ada)
    assert [m.shown.split("\n")[0] for m in hidden] == ["Because."]
    assert "Only you see this" in hidden[0].shown


async def test_only_the_asker_sees_a_private_answer(team: Town) -> None:
    act, request = await team.used("/ask", "--private why?")
    draft = team.draft(request)
    draft.write(Text("Be"))
    await draft.finish(Answer("Because.", (), (RETRY,)))
    hidden = team.slack.only_seen_by(team.ada)
    assert [(m.shown, list(m.buttons), m.source) for m in hidden] == [("Because.", ["Retry"], act.trigger)]
    assert team.shown() == []


async def test_a_used_up_url_continues_as_direct_message(team: Town) -> None:
    act, request = await team.used("/ask", "--private why?")
    act.uses = 4
    team.slack.fail("response_url", status=404)
    text = "\n\n".join(f"{number} " + "a" * 1_000 for number in range(10))
    await team.answer(request, text)
    direct = team.slack.add_direct(team.ada)
    assert [m.shown[0] for m in team.slack.only_seen_by(team.ada)] == ["7"]
    assert [m.shown[0] for m in team.slack.answers(direct)] == ["0"]


async def test_a_late_private_answer_is_one_direct_message(team: Town) -> None:
    _, request = await team.used("/ask", "--private why?")
    team.slack.clock.ahead += 1_790
    team.slack.fail("chat.postMessage", drop="after")
    await team.answer(request, "Because.")
    await team.restart()
    await team.answer(request, "Because.")
    direct = team.slack.add_direct(team.ada)
    assert team.shown(None, direct) == ["Because."]
    assert team.slack.only_seen_by(team.ada) == []


async def test_an_uncertain_direct_message_is_looked_up(team: Town) -> None:
    _, request = await team.used("/ask", "--private why?")
    team.slack.fail("response_url", status=404, times=9)
    team.slack.fail("chat.postMessage", drop="after")
    await team.answer(request, "Because.")
    assert team.shown(None, team.slack.add_direct(team.ada)) == ["Because."]


async def test_a_private_answer_of_unknown_fate_says_so(team: Town) -> None:
    _, request = await team.used("/ask", "--private why?")
    team.slack.fail("response_url", drop="after")
    await team.answer(request, "Because.")
    assert [m.shown for m in team.slack.only_seen_by(team.ada)] == [
        "Because.",
        "_You may have seen this part already._\n\nBecause.",
    ]


async def test_a_quiet_command_is_answered_in_its_thread(team: Town) -> None:
    root, _ = await team.asked()
    team.say(team.slack.mention("/stop"), thread=root)
    await team.answer(await team.intake.next(), "Nothing to stop.")
    assert [(m.shown, m.thread) for m in team.slack.only_seen_by(team.ada)] == [("Nothing to stop.", root)]


# Buttons --------------------------------------------------------------------------------------------------------------


async def test_a_pressed_button_is_removed_and_answered_below(team: Town) -> None:
    root, request = await team.asked()
    await team.answer(request, "First.", RETRY)
    first = await team.slack.answer_to(team.channel, root)
    team.slack.press(team.channel, first.ts, "Retry", team.ada)
    draft = team.draft(await team.intake.next())
    draft.write(Choices((STOP,)))
    await draft.finish(Answer("Second.", (), (RETRY,)))
    assert team.shown(root) == ["First.", "Second."]
    assert [list(m.buttons) for m in team.slack.answers(team.channel, root)] == [[], ["Retry"]]


async def test_a_pressed_button_in_a_channel_is_removed(team: Town) -> None:
    team.intake.manners = Manner(answers_in="place")
    _, request = await team.asked()
    await team.answer(request, "First.", RETRY)
    first = team.slack.answers(team.channel, "")[0]
    team.slack.press(team.channel, first.ts, "Retry", team.ada)
    draft = team.draft(await team.intake.next())
    draft.write(Choices((STOP,)))
    await draft.finish(Answer("Second."))
    assert list(first.buttons) == []


async def test_a_press_that_is_refused_leaves_the_button(team: Town) -> None:
    root, request = await team.asked()
    await team.answer(request, "First.", RETRY)
    first = await team.slack.answer_to(team.channel, root)
    team.slack.press(team.channel, first.ts, "Retry", team.ben)
    draft = team.draft(await team.intake.next())
    draft.write(Choices(()))
    await draft.finish(Answer("", ("Only the person who asked can do that.",)))
    assert list(first.buttons) == ["Retry"]


# What breaks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drop", ["before", "after"])
@pytest.mark.parametrize("method", ["chat.startStream", "chat.appendStream", "chat.stopStream"])
async def test_a_broken_stream_doubles_and_loses_nothing(team: Town, method: str, drop: str) -> None:
    team.slack.fail(method, drop=drop)
    root, request = await team.wrote()
    draft = team.draft(request)
    for word in ("One, ", "two, ", "three"):
        draft.write(Text(word))
        await team.slack.wait(lambda: team.slack.called("chat.startStream"))
        await asyncio.sleep(0.02)
    await draft.finish(Answer("One, two, three.", (), (RETRY,)))
    assert team.shown(root, team.direct) == ["One, two, three."]
    assert list(team.slack.answers(team.direct, root)[0].buttons) == ["Retry"]


@pytest.mark.parametrize("drop", ["before", "after"])
@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
async def test_a_broken_connection_doubles_and_loses_nothing(team: Town, method: str, drop: str) -> None:
    team.slack.fail(method, drop=drop)
    root, request = await team.asked()
    draft = team.draft(request)
    for word in ("One, ", "two, "):
        draft.write(Text(word))
        await team.slack.wait(lambda: team.slack.called("chat.postMessage"))
        await asyncio.sleep(0.02)
    await draft.finish(Answer("One, two, three.", (), (RETRY,)))
    assert team.shown(root) == ["One, two, three."]
    assert list(team.slack.answers(team.channel, root)[0].buttons) == ["Retry"]


@pytest.mark.parametrize("fault", ["fatal_error", "", "internal_error"])
async def test_short_failures_of_slack_are_retried(team: Town, fault: str) -> None:
    team.slack.fail("chat.postMessage", fault, status=0 if fault else 503, times=2)
    root, request = await team.asked()
    await team.answer(request, "Here.")
    assert team.shown(root) == ["Here."]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("is_archived", Gone),
        ("channel_not_found", Gone),
        ("thread_not_found", Gone),
        ("not_in_channel", Forbidden),
        ("restricted_action", Forbidden),
        ("missing_scope", Forbidden),
        ("msg_too_long", Forbidden),
        ("invalid_blocks", Forbidden),
    ],
)
async def test_final_refusals_are_not_retried(team: Town, error: str, kind: type[PlatformError]) -> None:
    team.slack.fail("chat.postMessage", error, times=9)
    _, request = await team.asked()
    with pytest.raises(kind):
        await team.answer(request, "Here.")
    assert len(team.slack.called("chat.postMessage")) == 1


@pytest.mark.parametrize("code", sorted(ERRORS))
async def test_no_final_error_is_tried_again(team: Town, code: str) -> None:
    team.slack.fail("chat.postMessage", code, times=9)
    _, request = await team.asked()
    with pytest.raises((Forbidden, Gone)):
        await team.answer(request, "Here.")
    assert len(team.slack.called("chat.postMessage")) == 1


def test_the_documented_final_errors_are_listed() -> None:
    documented = """
        restricted_action_read_only_channel restricted_action_thread_locked restricted_action_non_threadable_channel
        messages_tab_disabled channel_type_not_supported invalid_blocks_format team_access_not_granted
        slack_connect_file_link_sharing_blocked duplicate_channel_not_found trigger_exchanged invalid_trigger_id
        msg_blocks_too_many metadata_too_large too_many_attachments cannot_reply_to_message posting_to_channel_denied
    """
    assert set(documented.split()) <= set(ERRORS)
    assert set(ERRORS).isdisjoint((*RATE_LIMITED, *TEMPORARY))


@pytest.mark.parametrize("code", ["rate_limited", "message_limit_exceeded"])
async def test_a_limit_by_name_is_waited_for(team: Town, code: str) -> None:
    team.hurry(replace(QUICK, limit=0.5))
    team.slack.fail("chat.postMessage", code)
    root, request = await team.asked()
    start = asyncio.get_running_loop().time()
    await team.answer(request, "Here.")
    assert team.shown(root) == ["Here."]
    assert asyncio.get_running_loop().time() - start >= 0.5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_a_dead_response_url_is_not_used_again(team: Town, status: int) -> None:
    team.slack.fail("response_url", status=status, times=9)
    _, request = await team.used("/ask", "--private why?")
    await team.answer(request, "Because.")
    assert team.shown(None, team.direct) == ["Because."]
    assert len(team.slack.called("response_url")) == 1


async def test_a_429_is_obeyed(team: Town) -> None:
    team.slack.fail("chat.postMessage", status=429, retry_after=1)
    root, request = await team.asked()
    start = asyncio.get_running_loop().time()
    await team.answer(request, "Here.")
    assert team.shown(root) == ["Here."]
    assert asyncio.get_running_loop().time() - start >= 1.0


async def test_a_stream_that_slack_refuses_is_posted_instead(team: Town) -> None:
    team.slack.fail("chat.startStream", "feature_not_enabled", times=9)
    root, request = await team.wrote()
    draft = team.draft(request)
    draft.write(Text("One, "))
    await team.shows("One, ")
    draft.write(Text("two."))
    await draft.finish(Answer("One, two."))
    assert team.shown(root, team.direct) == ["One, two."]
    _, request = await team.wrote()
    draft = team.draft(request)
    draft.write(Text("One, "))
    await draft.finish(Answer("One, two."))
    assert len(team.slack.called("chat.startStream")) == 1


# After a restart ------------------------------------------------------------------------------------------------------


async def test_an_open_stream_is_ended_and_completed(team: Town) -> None:
    root, request = await team.wrote()
    draft = team.draft(request)
    draft.write(Text("Half of"))
    message = await team.shows("Half ")
    await draft.abandon()
    await team.restart()
    await team.answer(request, "Half of it is not enough.", RETRY)
    assert team.slack.answers(team.direct, root) == [message]
    assert (message.shown, list(message.buttons)) == ("Half of it is not enough.", ["Retry"])
    assert team.slack.web.statuses[team.direct, root] == "active"


async def test_an_unrecorded_stream_is_found_by_its_text(team: Town) -> None:
    root, request = await team.wrote()
    other, unrelated = await team.wrote()
    await team.answer(unrelated, "Half of something else")
    draft = team.draft(request)
    draft.write(Text("Half of"))
    message = await team.shows("Half ")
    await draft.abandon()
    await team.restart()
    await team.draft(request, Part(0, "Half of")).finish(Answer("Half of it."))
    assert team.slack.answers(team.direct, root) == [message]
    assert team.shown(other, team.direct) == ["Half of something else"]


async def test_a_part_that_was_never_sent_is_sent(team: Town) -> None:
    root, request = await team.asked()
    await team.draft(request, Part(0, "Here")).finish(Answer("Here."))
    assert team.shown(root) == ["Here."]


async def test_delivering_twice_looks_like_delivering_once(team: Town) -> None:
    root, request = await team.asked()
    await team.answer(request, "Here.", RETRY)
    await team.restart()
    await team.answer(request, "Here.", RETRY)
    assert team.shown(root) == ["Here."]


async def test_a_surplus_part_is_deleted(team: Town) -> None:
    root, request = await team.asked()
    draft = team.draft(request)
    draft.write(Text("a " * 5_000))
    await team.slack.wait(lambda: len(team.shown(root)) == 2)
    await draft.abandon()
    await team.restart()
    await team.answer(request, "Short.")
    assert team.shown(root) == ["Short."]


async def test_a_possibly_repeated_part_is_marked(team: Town) -> None:
    team.slack.fail("conversations.replies", "missing_scope", times=9)
    root, request = await team.asked()
    await team.draft(request, Part(0, "Here")).finish(Answer("Here."))
    assert team.shown(root) == ["_You may have seen this part already._\n\nHere."]
