"""Forms, menus, the Home tab and files on Slack, through the real slack-bolt and slack_sdk."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from adapters.shared.paced_draft import FILES
from adapters.slack.outgoing.mrkdwn import mrkdwn
from adapters.slack.shortcuts import MORE
from bot.interfaces.command import Command
from bot.interfaces.errors import PlatformError, UserError
from bot.interfaces.messages import Manner, Request
from bot.interfaces.replies import Answer, Choice, Choices, Field, File, Form, Item, Menu, Part, Text
from tests.adapters.slack.town import Town, town
from tests.fakes.intake import COMMANDS
from tests.stages.base import Said
from tests.stages.slack import SlackStage

SCOPES = (Item("workspace", "Everywhere", "In this workspace"), Item("me", "Only me"))
FORM = Form(
    "How the bot behaves in this channel",
    "config set",
    (
        Field("value", "Language", "line", "French", hint="Such as German"),
        Field("prompt", "Prompt", "text", required=False),
        Field("scope", "For whom", "choice", "me", SCOPES),
        Field("models", "Models", "several", "small,large", tuple(Item(n, n) for n in ("small", "large", "huge"))),
    ),
    {"key": "language"},
)
SENT = {"key": "language", "value": "French", "prompt": "", "scope": "me", "models": "small,large"}

MENU = Menu("Change…", "config set", "key", (Item("language", "Language", "Of answers"), Item("model", "Model")))
CHANGE = Choice("Change", "config set", {"key": "language"})
CHART = File("chart.png", b"\x89PNG", "Tokens by day")
TABLE = File("usage.csv", b"day,tokens\n")


@pytest.fixture
async def team() -> AsyncGenerator[Town, None]:
    async with town() as made:
        made.intake.form = FORM
        await made.start()
        yield made


async def opened(team: Town, words: str = "config set language", who: str = "") -> None:
    """Use a slash command that opens a form."""
    act = team.slack.command(team.channel, who or team.ada, "/shoulders", words)
    await team.slack.wait(lambda: act.acknowledged)
    assert (act.response_text, team.slack.modal(who or team.ada) is None) == ("", False)


async def answered(team: Town, *choices: Choice | Menu, words: str = "hello") -> tuple[str, Request]:
    """Send an answer with a button or menu under it; return its message."""
    root, request = await team.asked(words)
    await team.draft(request).finish(Answer("Hi", choices=choices))
    return (await team.slack.answer_to(team.channel, root)).ts, request


# Forms ----------------------------------------------------------------------------------------------------------------


async def test_a_sent_form_is_its_senders_request(team: Town) -> None:
    await opened(team)
    assert team.intake.requests == []
    await team.restart()
    team.slack.change(team.ada, admin=True)
    act = team.slack.send(team.ada, {"value": "German", "models": "huge", "scope": "workspace"})
    request = await team.intake.next()
    assert (request.command, request.act.id, request.place.channel) == ("config set", act.trigger, team.channel)
    assert request.arguments == SENT | {"value": "German", "models": "huge", "scope": "workspace"}
    assert (request.private, request.person.administrator) == (True, True)
    await team.answer(request, "Done.")
    assert [message.shown for message in team.slack.only_seen_by(team.ada)] == ["Done."]
    assert team.shown() == []


async def test_an_unchanged_form_can_be_sent(team: Town) -> None:
    await opened(team, "config set language " + "word\n" * 600)
    team.slack.send(team.ada, {})
    assert (await team.intake.next()).arguments == SENT


async def test_a_buttons_form_is_answered_in_its_thread(team: Town) -> None:
    ts, asked = await answered(team, Choice("Again", "config set", {}), words="one")
    team.intake.form = Form("Again", "retry", (Field("request", "Which", value="1"),))
    team.slack.press(team.channel, ts, "Again", team.ben)
    await team.slack.wait(lambda: team.slack.modal(team.ben))
    await team.restart()
    team.slack.send(team.ben, {})
    request = await team.intake.next()
    assert (request.command, request.place.thread, request.person.name) == ("retry", asked.place.thread, "Ben")


async def test_a_public_form_posts_its_question(team: Town) -> None:
    team.intake.form = Form("Again", "retry", (Field("request", "Which", value="1"),))
    await opened(team)
    team.slack.send(team.ada, {})
    request = await team.intake.next()
    await team.answer(request, "Here.")
    assert team.shown() == ["**Ada** asked:\n> /retry", "Here."]


async def test_a_late_form_is_answered_directly(team: Town) -> None:
    await opened(team)
    team.slack.clock.ahead += 1_801
    team.slack.send(team.ada, {})
    await team.answer(await team.intake.next(), "Done.")
    assert team.shown(None, team.slack.add_direct(team.ada)) == ["Done."]


async def test_an_unstored_form_can_be_sent_again(team: Town) -> None:
    team.slack.socket.ack_seconds = 0.2
    await opened(team)
    team.intake.broken = True
    act = team.slack.send(team.ada, {})
    await team.slack.wait(lambda: team.slack.violations)
    assert not act.acknowledged
    team.slack.violations.clear()


async def test_a_refused_form_is_explained_privately(team: Town) -> None:
    team.intake.form = UserError("That is for administrators.")
    act = team.slack.command(team.channel, team.ada, "/shoulders", "config set language")
    await team.slack.wait(lambda: act.acknowledged)
    assert act.response_text == "That is for administrators."
    ts, _ = await answered(team, CHANGE)
    team.slack.press(team.channel, ts, "Change", team.ada)
    hidden = await team.slack.wait(lambda: team.slack.only_seen_by(team.ada))
    assert [message.shown for message in hidden] == ["That is for administrators."]
    assert [request.command for request in team.intake.requests] == ["chat"]


@pytest.mark.parametrize(("words", "files"), [("Guten Tag", ()), ("lang " * 1_000, ()), ("", ("cat.png",))])
async def test_other_tasks_on_a_message_are_chosen(team: Town, words: str, files: Sequence[str]) -> None:
    names = ("sentiment", "summarise", "translate", "describe", "speak", "detect")
    team.intake.commands = [*COMMANDS, *(Command(name, "A task", shortcut=name.title()) for name in names)]
    await team.restart()
    root = team.say("a thread")
    ts = team.slack.post(team.channel, team.ada, words, root, files=files, quiet=True)
    team.slack.shortcut(team.channel, ts, MORE, team.ben)
    view = await team.slack.wait(lambda: team.slack.modal(team.ben))
    assert "Sentiment" in str(view.content)
    await team.restart()
    team.slack.send(team.ben, {"task": "sentiment"})
    request = await team.intake.next()
    assert (request.command, request.replies_to, request.place.thread) == ("sentiment", ts, root)
    assert request.person.name == "Ben"
    pointed = await team.adapter.pointed(request)
    assert pointed is not None
    assert [file.name for file in pointed.attachments] == list(files)
    assert request.arguments == ({"text": words} if words == "Guten Tag" else {})


async def test_an_unneeded_form_is_not_opened(team: Town) -> None:
    team.intake.form = None
    _, request = await team.used("/shoulders", "config set language French")
    assert request.arguments == {"key": "language", "value": "French"}
    assert team.slack.called("views.open") == []


async def test_a_mention_opens_no_form(team: Town) -> None:
    team.say(team.slack.mention("/config set language"))
    assert (await team.intake.next()).command == "config set"


@pytest.mark.parametrize(
    ("form", "explanation"),
    [
        (FORM, "Ask again"),
        (Form("Prompt", "config set", (Field("value", "Prompt", "text", "a" * 3_001),)), "`/config set …`"),
        (
            Form("Prompt", "config set", (Field("value", "Prompt"),), {"key": "k" * 3_000}),
            "`/config set …`",
        ),
    ],
)
async def test_a_form_that_cannot_be_opened_is_explained(team: Town, form: Form, explanation: str) -> None:
    team.intake.form = form
    if form is FORM:
        team.slack.fail("views.open", "expired_trigger_id")
    act = team.slack.command(team.channel, team.ada, "/shoulders", "config set language")
    await team.slack.wait(lambda: act.acknowledged)
    assert explanation in act.response_text
    assert team.intake.requests == []


# Menus ----------------------------------------------------------------------------------------------------------------


async def test_picking_from_a_menu_asks_for_its_command(team: Town) -> None:
    team.intake.form = None
    menu = Menu("Model…", "model", "name", (Item("large", "Large"),), {"here": "yes"})
    ts, asked = await answered(team, menu, CHANGE)
    await team.restart()
    act = team.slack.pick(team.channel, ts, "Model…", "large", team.ben)
    request = await team.intake.next()
    assert (request.command, request.arguments) == ("model", {"here": "yes", "name": "large"})
    assert (request.act.id, request.place, request.private) == (act.trigger, asked.place, True)


async def test_picking_may_open_a_form(team: Town) -> None:
    ts, _ = await answered(team, MENU)
    team.slack.pick(team.channel, ts, "Change…", "language", team.ada)
    await team.slack.wait(lambda: team.slack.modal(team.ada))
    assert team.slack.modal(team.ben) is None


async def test_private_menus_are_answered_privately(team: Town) -> None:
    team.intake.form = None
    _, request = await team.used("/ask", "--private why?")
    draft = team.draft(request)
    await draft.finish(Answer("Because.", choices=(Menu("Again…", "retry", "request", (Item("1", "One"),)),)))
    hidden = team.slack.only_seen_by(team.ada)[0]
    team.slack.pick(team.channel, hidden.ts, "Again…", "1", team.ada)
    request = await team.intake.next()
    await team.answer(request, "Still.")
    assert (request.command, request.private, team.shown()) == ("retry", True, [])


async def test_a_stream_ends_with_its_menus(team: Town) -> None:
    root, request = await team.asked()
    draft = team.draft(request)
    draft.write(Choices((MENU, CHANGE)))
    draft.write(Text("Hello"))
    await team.shows("Hello")
    await draft.finish(Answer("Hello", choices=(MENU, CHANGE)))
    message = await team.slack.answer_to(team.channel, root)
    assert (list(message.menus), list(message.buttons)) == (["Change…"], ["Change"])


# The bot's own page ---------------------------------------------------------------------------------------------------


async def test_opening_the_home_tab_publishes_it(team: Town) -> None:
    team.slack.change(team.ada, admin=True)
    direct = team.slack.add_direct(team.ada)
    team.intake.page = Answer(
        "# Settings\n\n- **model** is <large>\n\n```text\na | b\n```", ("A note.",), (MENU, CHANGE)
    )
    team.slack.open_home(team.ada, direct, "messages")
    team.slack.open_home(team.ada, direct)
    await team.slack.settled()
    assert len(team.slack.called("views.publish")) == 1
    assert team.slack.home(team.ada) == ("*Settings*\n\n• *model* is &lt;large&gt;\n\n```\na | b\n```\n\n&gt; A note.")


async def test_home_tab_actions_are_answered_and_published(team: Town) -> None:
    team.intake.form = None
    direct = team.slack.add_direct(team.ada)
    team.intake.page = Answer("French", choices=(MENU, Choice("Stop", "stop")))
    team.slack.open_home(team.ada, direct)
    await team.slack.settled()
    await team.restart()
    team.slack.pick_home(team.ada, "Change…", "language")
    request = await team.intake.next()
    assert (request.command, request.arguments) == ("config set", {"key": "language"})
    assert (request.place.channel, request.place.thread, request.place.direct) == (direct, "", True)
    team.intake.page = Answer("German")
    await team.answer(request, "Now it is German.")
    assert (team.shown("", direct), team.slack.home(team.ada)) == (["Now it is German."], "German")


async def test_a_home_tab_form_updates_the_tab(team: Town) -> None:
    direct = team.slack.add_direct(team.ada)
    team.intake.page = Answer("French", choices=(CHANGE,))
    team.slack.open_home(team.ada, direct)
    await team.slack.settled()
    team.slack.press_home(team.ada, "Change")
    await team.slack.wait(lambda: team.slack.modal(team.ada))
    team.slack.send(team.ada, {"value": "German"})
    request = await team.intake.next()
    team.intake.page = Answer("German")
    await team.answer(request, "Now it is German.")
    assert (team.shown("", direct), team.slack.home(team.ada)) == (["Now it is German."], "German")
    team.intake.form = UserError("That is for administrators.")
    team.intake.page = Answer("German", choices=(CHANGE,))
    team.slack.open_home(team.ada, direct)
    await team.slack.settled()
    team.slack.press_home(team.ada, "Change")
    await team.shows("That is for administrators.")


async def test_a_refused_home_tab_affects_nothing_else(team: Town) -> None:
    team.slack.fail("views.publish", "not_enabled")
    team.slack.open_home(team.ada, team.slack.add_direct(team.ada))
    await team.slack.settled()
    await team.ignored()


async def test_a_long_page_is_cut_into_sections(team: Town) -> None:
    rows = "\n".join(f"| setting {number} | {'<&>' * 20} |" for number in range(200))
    team.intake.page = Answer(f"```\n{rows}\n```")
    team.slack.open_home(team.ada, team.slack.add_direct(team.ada))
    await team.slack.settled()
    assert team.slack.home(team.ada).count("setting ") == 200


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("**a** & <!here>", "*a* &amp; &lt;\u2060!here&gt;"),
        ("~~~py\n**x**\n~~~\n**y**", "```\n**x**\n```\n*y*"),
        ("## Title ##\n- one\n  * two", "*Title*\n• one\n  • two"),
    ],
)
def test_the_home_tab_is_written_in_mrkdwn(markdown: str, shown: str) -> None:
    assert mrkdwn(markdown) == shown


# Files ----------------------------------------------------------------------------------------------------------------


async def test_files_come_after_the_text_in_the_thread(team: Town) -> None:
    root, request = await team.asked()
    await team.draft(request).finish(Answer("See:", files=(CHART, TABLE)))
    text, held = team.slack.answers(team.channel, root)
    assert (text.shown, held.thread) == ("See:", root)
    assert team.slack.contents(held) == [("chart.png", b"\x89PNG"), ("usage.csv", b"day,tokens\n")]
    assert held.files[0]["alt_txt"] == "Tokens by day"


async def test_files_stay_in_the_answers_place(team: Town) -> None:
    team.intake.manners = Manner(answers_in="place")
    _, request = await team.asked()
    await team.draft(request).finish(Answer("", files=(CHART,)))
    assert [(m.shown, m.thread) for m in team.slack.answers(team.channel)] == [("chart.png", ""), ("", "")]


@pytest.mark.parametrize("where", ["mention", "slash"])
async def test_files_of_a_private_answer_are_sent_directly(team: Town, where: str) -> None:
    team.intake.private = True
    request = (await team.asked())[1] if where == "mention" else (await team.used("/ask", "why?"))[1]
    for _ in range(2):
        await team.draft(request).finish(Answer("See:", files=(CHART, TABLE)))
    hidden = [message.shown for message in team.slack.only_seen_by(team.ada)]
    assert [text.endswith("in our direct messages: chart.png, usage.csv.") for text in hidden] == [True]
    [held] = team.slack.answers(team.slack.add_direct(team.ada))
    assert [name for name, _ in team.slack.contents(held)] == ["chart.png", "usage.csv"]
    assert team.shown() == []


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "upload_url", "files.completeUploadExternal"])
@pytest.mark.parametrize("late", [False, True])
async def test_files_are_shown_once_whatever_breaks(team: Town, method: str, late: bool) -> None:
    root, earlier = await team.asked()
    await team.draft(earlier).finish(Answer("Before:", files=(CHART,)))
    team.say("again", thread=root)
    request = await team.intake.next()
    if method == "upload_url":
        team.slack.fail(method, status=500, times=9 if late else 1)
    else:
        team.slack.fail(method, drop="after" if late else "before", times=1)
    try:
        await team.draft(request).finish(Answer("See:", files=(CHART,)))
    except PlatformError:
        team.slack.faults.clear()
        await team.restart()
        await team.draft(request).finish(Answer("See:", files=(CHART,)))
    shown = [(m.shown, team.slack.contents(m)) for m in team.slack.answers(team.channel, root)]
    assert shown == [
        ("Before:", []),
        ("", [("chart.png", b"\x89PNG")]),
        ("See:", []),
        ("", [("chart.png", b"\x89PNG")]),
    ]


async def test_after_a_crash_sent_files_are_found(team: Town) -> None:
    root, request = await team.asked()
    await team.draft(request).finish(Answer("See:", files=(CHART,)))
    text = team.slack.answers(team.channel, root)[0].ts
    await team.restart()
    known = (Part(0, "See:", text), Part(FILES, "chart.png"))
    await team.draft(request, *known).finish(Answer("See:", files=(CHART,)))
    assert len(team.slack.answers(team.channel, root)) == 2


@pytest.mark.parametrize("private", [False, True])
async def test_files_that_slack_does_not_take_are_named(team: Town, private: bool) -> None:
    team.slack.scopes.discard("files:write")
    team.intake.private = private
    root, request = await team.asked()
    await team.draft(request).finish(Answer("See:", files=(CHART,)))
    shown = "\n".join(m.shown for m in team.slack.only_seen_by(team.ada)) if private else team.shown(root)[0]
    assert "chart.png" in shown
    assert "The app lacks a permission" in shown


async def test_files_that_are_too_large_are_named(team: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.slack.outgoing.thread_surface.ThreadSurface.largest", 10)
    root, request = await team.asked()
    await team.draft(request).finish(Answer("See:", files=(TABLE, CHART)))
    text, held = team.slack.answers(team.channel, root)
    assert "usage.csv has 0.0 MiB and is not shown" in text.shown
    assert [name for name, _ in team.slack.contents(held)] == ["chart.png"]


async def test_without_rights_files_are_sent_privately(team: Town) -> None:
    team.slack.world.channels[team.channel].members.discard(team.slack.bot)
    _, request = await team.used("/ask", "why?")
    await team.draft(request).finish(Answer("See:", files=(CHART,)))
    [held] = team.slack.answers(team.slack.add_direct(team.ada))
    assert [name for name, _ in team.slack.contents(held)] == ["chart.png"]
    assert "in our direct messages: chart.png." in team.slack.only_seen_by(team.ada)[0].shown


# With the whole bot ---------------------------------------------------------------------------------------------------


async def test_settings_are_changed_on_the_home_tab(tmp_path: Path) -> None:
    stage = SlackStage(tmp_path)
    async with stage.playing():
        slack, ann = stage.slack, stage.users["ann"]
        slack.open_home(ann, slack.add_direct(ann))
        await slack.wait(lambda: "language" in slack.home(ann))
        slack.pick_home(ann, "Change your settings…", "language")
        await slack.wait(lambda: slack.modal(ann))
        act = slack.send(ann, {"value": "Thai"})
        shown = await stage.answer(Said(act.trigger, "ann", slack.add_direct(ann)))
        assert "Thai" in shown.text
        assert "Thai" in slack.home(ann)
