"""Requests from Slack's events, through the real slack-bolt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.shared.attachments import NO_ACCESS
from adapters.slack import PLATFORM
from adapters.slack.incoming.events import WORKING_PRIVATELY
from adapters.slack.manifest import EVENTS, SCOPES
from adapters.slack.outgoing.markdown import WORD_JOINER, harmless, streamed
from adapters.slack.outgoing.message_finder import without_buttons
from adapters.slack.outgoing.mrkdwn import readable
from adapters.slack.reply_target import Json, ts_of
from adapters.slack.settings import SlackSettings
from adapters.slack.shortcuts import menu_and_form
from bot.commands._registry import load_commands
from bot.interfaces.command import Command
from bot.interfaces.errors import Forbidden
from bot.interfaces.messages import Attachment
from bot.interfaces.replies import Choice
from tests.adapters.slack.town import QUICK, Town
from tests.fakes.intake import COMMANDS
from tests.fakes.media import PNG
from tests.fakes.slack.rules import sins
from tests.fakes.slack.world import as_list

RETRY = Choice("Retry", "retry", {"request": "1"})


# Messages -------------------------------------------------------------------------------------------------------------


async def test_two_events_of_a_mention_are_one_request(team: Town) -> None:
    ts, request = await team.asked("what is a <b> & a mean?")
    assert (request.command, request.text, request.addressed) == ("chat", "what is a <b> & a mean?", True)
    assert request.act.id == f"{team.channel}:{ts}"
    assert request.act.order == int(ts.replace(".", ""))
    assert (request.place.workspace, request.place.channel, request.place.thread) == (team.slack.team, team.channel, ts)
    assert (request.place.name, request.place.direct) == ("#general in Team", False)
    assert (request.person.name, request.person.administrator, request.message) == ("Ada", False, ts)
    await team.slack.settled()
    assert len(team.intake.requests) == 1


async def test_a_bare_mention_is_an_empty_question(team: Town) -> None:
    _, request = await team.asked("")
    assert (request.command, request.text) == ("chat", "")


async def test_mentions_channels_and_links_are_readable(team: Town) -> None:
    _, request = await team.asked(
        f"ask <@{team.ben}> in <#C1|lounge> or <!here> about <https://a.example/x|this> and <https://b.example> "
        "and <mailto:a@b.example|a@b.example>"
    )
    assert request.text == (
        "ask @Ben in #lounge or @here about this (https://a.example/x) and https://b.example and a@b.example"
    )


async def test_threads_are_followed_except_for_messages_to_others(team: Town) -> None:
    root, _ = await team.asked()
    ts = team.say("and why?", thread=root)
    request = await team.intake.next()
    assert (request.act.id, request.place.thread, request.addressed) == (f"{team.channel}:{ts}", root, False)
    team.say(f"<@{team.ben}> what do you think?", thread=root)
    team.say("<!here> look", thread=root)
    team.say("not in a thread")
    await team.ignored()
    team.say(f"<@{team.ben}> and <@{team.slack.bot}>: agreed?", thread=root)
    request = await team.intake.next()
    assert (request.addressed, request.text) == (True, "@Ben and : agreed?")


async def test_bots_edits_and_deletions_are_no_requests(team: Town) -> None:
    robot = team.slack.add_user("Robot", bot=True)
    team.say(team.slack.mention("hello"), who=robot)
    event: Json = {"type": "message", "channel": team.channel, "ts": "1.1", "text": team.slack.mention("hello")}
    event |= {"channel_type": "channel", "event_ts": "1.1"}
    team.slack.event(event | {"subtype": "bot_message", "bot_id": "B2"})
    team.slack.event(event | {"bot_id": "B2", "user": team.ada})
    ts, _ = await team.asked()
    team.slack.edit(team.channel, ts, team.slack.mention("hello again"))
    team.slack.delete(team.channel, ts)
    await team.ignored()
    assert len(team.intake.requests) == 2


async def test_what_the_bot_says_itself_is_no_request(team: Town) -> None:
    ts, request = await team.asked()
    await team.answer(request, "hello")
    team.slack.tell(team.slack.answers(team.channel, ts)[0])
    await team.ignored()


async def test_files_are_listed(team: Town) -> None:
    ts = team.say(team.slack.mention("look"), files=["plan.pdf", "map.png"])
    request = await team.intake.next()
    assert [(file.name, file.media_type, file.size) for file in request.attachments] == [
        ("plan.pdf", "application/pdf", 3),
        ("map.png", "image/png", len(PNG)),
    ]
    assert request.message == ts


async def test_files_are_fetched_with_the_bots_token(team: Town) -> None:
    team.say(team.slack.mention("look"), files=["cat.png", "lost.png", "huge-map.png"])
    request = await team.intake.next()
    cat, lost, huge = request.attachments
    assert await team.adapter.fetch(request, cat, 1_000) == PNG
    with pytest.raises(Forbidden, match=NO_ACCESS):
        await team.adapter.fetch(request, lost, 1_000)
    for limit in (10, 1_000):  # the payload's size, and the real one, exceed it
        with pytest.raises(Forbidden, match="larger than"):
            await team.adapter.fetch(request, huge, limit)
    team.slack.scopes.discard("files:read")
    with pytest.raises(Forbidden, match=NO_ACCESS):
        await team.adapter.fetch(request, cat, 1_000)


async def test_a_mention_without_its_message_is_looked_up(team: Town) -> None:
    ts = team.slack.post(team.channel, team.ada, team.slack.mention("look"), files=["plan.pdf"], quiet=True)
    event = team.slack.find(team.channel, ts).json()
    lean = {key: value for key, value in event.items() if key not in ("files", "subtype")}
    team.slack.event(lean | {"type": "app_mention", "channel": team.channel, "event_ts": ts})
    request = await team.intake.next()
    assert request.attachments == (Attachment("plan.pdf", "application/pdf", 3, request.attachments[0].url),)


async def test_a_failed_look_up_keeps_the_mention(team: Town) -> None:
    team.slack.fail("conversations.replies", "missing_scope")
    ts = team.slack.post(team.channel, team.ada, team.slack.mention("hello"), quiet=True)
    event = team.slack.find(team.channel, ts).json() | {"type": "app_mention", "channel": team.channel, "event_ts": ts}
    team.slack.event(event)
    assert (await team.intake.next()).text == "hello"


async def test_a_mention_can_be_a_command(team: Town) -> None:
    root, _ = await team.asked()
    team.say(team.slack.mention("/model large"), thread=root)
    request = await team.intake.next()
    assert (request.command, request.arguments, request.private) == ("model", {"name": "large"}, True)
    team.say(team.slack.mention("/ask --model=large why?"), thread=root)
    request = await team.intake.next()
    assert (request.command, request.arguments) == ("ask", {"model": "large", "text": "why?"})
    team.say(team.slack.mention("/nonsense"), thread=root)
    assert (await team.intake.next()).text == "/nonsense"
    team.say(team.slack.mention("/welcome"), thread=root)
    assert (await team.intake.next()).command == "chat"


# People and places ----------------------------------------------------------------------------------------------------


async def test_administrators_and_guests_are_known(team: Town) -> None:
    users = {
        team.slack.add_user("Root", admin=True): (True, False),
        team.slack.add_user("Olga", owner=True): (True, False),
        team.slack.add_user("Gus", guest=True): (False, True),
        team.ada: (False, False),
    }
    for user, expected in users.items():
        team.say(team.slack.mention("hello"), who=user)
        person = (await team.intake.next()).person
        assert (person.administrator, person.guest) == expected
        assert (person.roles, person.home) == ((), team.slack.team)


@pytest.mark.parametrize("change", [{"team": "T999"}, {"stranger": True}])
async def test_people_of_other_workspaces_are_guests(team: Town, change: Mapping[str, str | bool]) -> None:
    eve = team.slack.add_user("Eve", admin=True)
    for name, value in change.items():
        setattr(team.slack.world.users[eve], name, value)
    team.say(team.slack.mention("hello"), who=eve)
    person = (await team.intake.next()).person
    assert (person.administrator and "team" in change, person.guest) == (False, True)


async def test_rights_are_asked_anew_where_they_matter(team: Town) -> None:
    root = team.slack.add_user("Root", admin=True)
    team.say(team.slack.mention("hello"), who=root)
    assert (await team.intake.next()).person.administrator
    team.slack.subscribed.discard("user_change")
    team.slack.change(root, admin=False)
    _, request = await team.used("/shoulders", "stop", who=root)
    assert request.person.administrator  # a minute has not passed
    team.hurry(replace(QUICK, rights=0.0))
    _, request = await team.used("/shoulders", "stop", who=root)
    assert not request.person.administrator


async def test_rights_that_change_hold_at_once(team: Town) -> None:
    root = team.slack.add_user("Root", admin=True)
    team.say(team.slack.mention("hello"), who=root)
    assert (await team.intake.next()).person.administrator
    team.slack.change(root, admin=False, guest=True)
    await team.slack.settled()
    team.say(team.slack.mention("hello"), who=root)
    person = (await team.intake.next()).person
    assert (person.administrator, person.guest) == (False, True)


async def test_an_answer_before_a_change_is_not_remembered(team: Town) -> None:
    root, answered, gate = team.slack.add_user("Root", admin=True), asyncio.Event(), asyncio.Event()

    async def hold(stage: str, method: str) -> None:
        if (stage, method) == ("applied", "users.info"):
            answered.set()
            await gate.wait()

    team.slack.on_request = hold
    team.say(team.slack.mention("hello"), who=root)
    await answered.wait()
    team.slack.change(root, admin=False)
    await team.slack.wait(lambda: team.slack.socket.envelopes[-1].acknowledged)
    gate.set()
    await team.intake.next()
    team.say(team.slack.mention("hello"), who=root)
    assert not (await team.intake.next()).person.administrator


async def test_an_unknown_person_has_no_rights(team: Town) -> None:
    root = team.slack.add_user("Root", admin=True)
    team.slack.fail("users.info", status=500, times=9)
    team.slack.fail("conversations.info", "missing_scope", times=9)
    team.say(team.slack.mention("hello"), who=root)
    request = await team.intake.next()
    assert (request.person.name, request.person.administrator, request.place.name) == (root, False, "Team")
    assert request.person.guest


async def test_simultaneous_people_are_looked_up_once_each(team: Town) -> None:
    for who in (team.ada, team.ben) * 5:
        team.say(team.slack.mention("hello"), who=who)
    for _ in range(10):
        await team.intake.next()
    assert [len(team.slack.called(method)) for method in ("users.info", "conversations.info")] == [2, 1]


async def test_exhausted_rate_limits_keep_known_people(team: Town) -> None:
    await team.asked()
    team.hurry(replace(QUICK, rights=0.0, look_up=0.05))
    while team.adapter._limiter.try_acquire(("users.info",)):
        pass
    _, request = await team.asked()
    assert (request.person.name, request.person.guest) == ("Ada", False)
    team.say(team.slack.mention("hello"), who=team.ben)
    person = (await team.intake.next()).person
    assert (person.name, person.guest) == (team.ben, True)


# Commands, buttons and what else happens ------------------------------------------------------------------------------


async def test_ask(team: Town) -> None:
    act, request = await team.used("/ask", "—model large --private what is a mean?")
    assert (request.command, request.private) == ("ask", True)
    assert request.arguments == {"model": "large", "private": "yes", "text": "what is a mean?"}
    assert (request.act.id, request.message) == (act.trigger, "")
    assert act.response_text == WORKING_PRIVATELY


async def test_the_other_commands_come_by_name(team: Town) -> None:
    _, request = await team.used("/shoulders", "model large")
    assert (request.command, request.arguments, request.private) == ("model", {"name": "large"}, True)
    _, request = await team.used("/shoulders", "/retry")
    assert (request.command, request.private) == ("retry", False)
    assert request.place.thread == ""


@pytest.mark.parametrize(
    ("command", "text", "explanation"),
    [
        ("/shoulders", "dance now", "`/shoulders ask` Ask a model"),
        ("/shoulders", "welcome", "There is no command “welcome”"),
        ("/shoulders", "modle large", "Did you mean `/shoulders model`?"),
        ("/ask", "", "`/ask …`"),
        ("/shoulders", "ask --private", "`/shoulders ask …`"),
        ("/shoulders", "access --wo ann", "`/access` has no option `--wo`."),
    ],
)
async def test_a_wrong_command_is_explained_privately(team: Town, command: str, text: str, explanation: str) -> None:
    act = team.slack.command(team.channel, team.ada, command, text)
    await team.slack.wait(lambda: act.acknowledged)
    assert explanation in act.response_text
    assert team.intake.requests == []


async def test_a_press_is_a_request_in_its_thread(team: Town) -> None:
    root, request = await team.asked()
    await team.answer(request, "Hello", RETRY)
    answer = await team.slack.answer_to(team.channel, root)
    act = team.slack.press(team.channel, answer.ts, "Retry", team.ben)
    request = await team.intake.next()
    assert (request.command, request.arguments, request.act.id) == ("retry", {"request": "1"}, act.trigger)
    assert (request.place.thread, request.person.name, request.private) == (root, "Ben", False)
    action = as_list(team.slack.socket.envelopes[-1].payload["actions"])[0]
    assert ts_of(request.act.order) == action["action_ts"]


async def test_private_buttons_are_answered_privately(team: Town) -> None:
    _, request = await team.used("/ask", "--private why?")
    await team.answer(request, "Because.", RETRY)
    hidden = team.slack.only_seen_by(team.ada)[0]
    team.slack.press(team.channel, hidden.ts, "Retry", team.ada)
    assert (await team.intake.next()).private


async def test_buttons_of_another_version_are_acknowledged_and_ignored(team: Town) -> None:
    root, request = await team.asked()
    await team.answer(request, "Hello", Choice("Dance", "dance"), RETRY)
    answer = await team.slack.answer_to(team.channel, root)
    answer.buttons["Retry"]["value"] = "1"
    acts = [team.slack.press(team.channel, answer.ts, label, team.ada) for label in ("Dance", "Retry")]
    await team.slack.wait(lambda: all(act.acknowledged for act in acts))
    await team.ignored()


async def test_joining_a_channel_brings_a_welcome_each_time(team: Town) -> None:
    other = team.slack.add_channel("other", joined=False)
    team.slack.join(other, inviter=team.ada)
    request = await team.intake.next()
    assert (request.command, request.place.channel, request.person.name) == ("welcome", other, "Ada")
    await team.answer(request, "Hello everybody")
    assert team.shown("", other) == ["Hello everybody"]
    team.slack.join(other)
    assert (await team.intake.next()).act.id != request.act.id
    team.slack.join(other, team.ben)
    await team.ignored()


async def test_slacks_own_stop_button_is_the_stop_command(team: Town) -> None:
    root, request = await team.asked()
    await team.answer(request, "Here.")
    team.slack.stop_session(team.channel, root, team.ben)
    request = await team.intake.next()
    assert (request.command, request.place.thread, request.person.name) == ("stop", root, "Ben")
    await team.answer(request, "Stopped.")
    assert [(m.shown, m.thread) for m in team.slack.only_seen_by(team.ben)] == [("Stopped.", root)]


async def test_earlier_messages_of_a_thread_are_context(team: Town) -> None:
    root = team.say("I like red.")
    for number in range(3):
        team.say(f"<@{team.ben}> number {number}", thread=root)
    team.say(team.slack.mention("what was that?"), thread=root)
    request = await team.intake.next()
    found = await team.adapter.context(request, 3)
    assert [(m.author, m.text, m.mine) for m in found] == [("Ada", f"@Ben number {n}", False) for n in range(3)]
    assert (await team.adapter.context(request, 9))[0].text == "I like red."
    await team.answer(request, "Numbers.")
    team.say("more?", thread=root)
    assert (await team.adapter.context(await team.intake.next(), 1))[0].mine
    _, request = await team.asked()
    assert await team.adapter.context(request, 9) == ()


# Text -----------------------------------------------------------------------------------------------------------------

PIECES = [
    "<!channel>",
    "<@U123>",
    "https://a.b/?q=1",
    "https://good.example@evil.example/",
    "[here](https://a.b)",
    "[a.b](https://a.b/c)",
    "[good.example](https://evil.example)",
    "![x](https://a.b)",
    "[x]: https://a.b",
    "[x][x]",
    "<https://a.b|good.example>",
    "`code`",
    "\n```py\nx\n```\n",
    "- ```\n  x\n  ```\n",
    "  ```\n",
    "\\`",
    "`",
    "```",
    "~~~",
    "<b>",
    "<",
    "\n",
    "\n\n",
]


@pytest.mark.parametrize(
    ("text", "clickable", "edited"),
    [
        ("<!here> and <@U1>", f"<{WORD_JOINER}!here> and <{WORD_JOINER}@U1>", None),
        ("see https://a.b/c.", "see https://a.b/c.", "see `https://a.b/c`."),
        ("[here](https://a.b) ok", "here (https://a.b) ok", "here (`https://a.b`) ok"),
        ("![x](http://c.d)", "x (http://c.d)", "x (`http://c.d`)"),
        ("[a.b](https://a.b/c)", "[a.b](https://a.b/c)", "a.b (`https://a.b/c`)"),
        ("[https://a.b/c](https://a.b/d)", "[https://a.b/c](https://a.b/d)", "`https://a.b/c` (`https://a.b/d`)"),
        ("[a.b](https://c.d)", "a.b (https://c.d)", "a.b (`https://c.d`)"),
        ("[a.b@c.d](https://c.d)", "a.b@c.d (https://c.d)", "a.b@c.d (`https://c.d`)"),
        ("https://a.b@c.d/", f"https:{WORD_JOINER}//a.b@c.d/", "`https://a.b@c.d/`"),
        ("https://\u0430.b", f"https:{WORD_JOINER}//\u0430.b", "`https://\u0430.b`"),
        ("[x][1]\n\n[1]: https://a.b", f"[x][1]\n\n[1]{WORD_JOINER}: https://a.b", None),
        ("[a [b] c](https://d.e)", f"[a [b] c]{WORD_JOINER}(https://d.e)", None),
        ("<https://a.b|c.d>", f"<{WORD_JOINER}https://a.b|c.d>", None),
        ("`curl https://a.b` and 1 < 2", "`curl https://a.b` and 1 < 2", "`curl https://a.b` and 1 < 2"),
        ("`x`https://a.b", "`x`https://a.b", f"`x`https:{WORD_JOINER}//a.b"),
        ("\\`https://a.b\\`", "\\`https://a.b\\`", f"\\`https:{WORD_JOINER}//a.b\\`"),
        ("```html\nhttps://a.b\n```", "```html\nhttps://a.b\n```", "```html\nhttps://a.b\n```"),
        ("1. ```\n   https://a.b\n   ```", "1. ```\n   https://a.b\n   ```", "1. ```\n   https://a.b\n   ```"),
        ("```\n<!channel>\n```", f"```\n<{WORD_JOINER}!channel>\n```", None),
        ("`open\nhttps://a.b `", "`open\nhttps://a.b `", f"`open\nhttps:{WORD_JOINER}//a.b `"),
        ("https://a.b![a.b](https://a.b/c)", "https://a.b!a.b (https://a.b/c)", None),
        ("https://a.b\x00c", f"https:{WORD_JOINER}//a.b\ufffdc", "`https://a.b\ufffdc`"),
        ("- ```\n  x\n  ```\nhttps://a.b", "- ```\n  x\n  ```\nhttps://a.b", "- ```\n  x\n  ```\n`https://a.b`"),
    ],
)
def test_a_models_text_is_harmless_except_code(text: str, clickable: str, edited: str | None) -> None:
    assert harmless(text, links=True) == clickable
    if edited is not None:
        assert harmless(text) == edited


def test_links_of_older_messages_are_quiet_in_edits() -> None:
    link: Json = {"type": "link", "url": "https://a.b", "text": "here"}
    rich: Json = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [link]}]}
    body = without_buttons({"text": "here", "blocks": [rich, {"type": "actions", "elements": []}]}, links=False)
    assert "here (https://a.b)" in str(body["blocks"])
    assert "'link'" not in str(body["blocks"])
    assert "actions" not in str(body["blocks"])
    assert without_buttons({"text": "x", "blocks": [rich]}, links=True)["blocks"] == [rich]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text("ab <!@[]()`~>:/|\\\n", max_size=8)), max_size=9))
@example([":`[here](https://a.b) \\`"])
def test_nothing_pings_hides_or_is_fetched(pieces: list[str]) -> None:
    text = "".join(pieces)
    for shown in (streamed(text), harmless(text, links=True)):
        assert list(sins("chat.appendStream", shown, {})) == []
    for shown in (harmless(text, growing=True), harmless(text), harmless(harmless(text))):
        assert list(sins("chat.update", shown, {"parse": "none"})) == []


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "word ",
                "https://a.b ",
                "https://a.b@c ",
                "[x](http://c.d) ",
                "[c.d](http://c.d) ",
                "<@U1> ",
                "a <b> ",
                "\n",
                "`c` ",
                "``a`b`` ",
                "語" * 30,
            ]
        ),
        max_size=9,
    )
)
def test_text_that_grows_begins_as_it_began(pieces: list[str]) -> None:
    text, shown = "".join(pieces), ""
    for end in range(len(text) + 1):
        now = streamed(text[:end])
        assert now.startswith(shown) or shown.startswith(now)
        assert not now[len(shown) :][:1].isspace() or not shown
        assert harmless(text, links=True).startswith(now)
        shown = max(shown, now, key=len)


def test_entities_are_undone_once() -> None:
    assert readable("&amp;lt; &lt;@U1&gt;", {"U1": "x"}, "U0") == "&lt; <@U1>"


# Manifest -------------------------------------------------------------------------------------------------------------


def test_the_manifest_has_what_the_bot_needs() -> None:
    assert PLATFORM.setup is not None
    made = json.loads(PLATFORM.setup(SlackSettings(command="/shoulders-test"), COMMANDS, {}))
    assert made["settings"]["socket_mode_enabled"]
    assert made["features"]["agent_view"]["agent_description"]
    assert made["features"]["app_home"]["home_tab_enabled"]
    assert made["oauth_config"]["scopes"]["bot"] == list(SCOPES)
    assert made["settings"]["event_subscriptions"]["bot_events"] == list(EVENTS)
    assert all(slash["should_escape"] for slash in made["features"]["slash_commands"])
    names = [slash["command"] for slash in made["features"]["slash_commands"]]
    assert names == ["/ask", "/shoulders-test"]
    assert "[--model MODEL] [--private] [what to ask]" in made["features"]["slash_commands"][0]["usage_hint"]
    assert "welcome" not in made["features"]["slash_commands"][1]["usage_hint"]


def test_the_plain_manifest_is_no_agents() -> None:
    assert PLATFORM.setup is not None
    assert PLATFORM.plain_setup is not None
    whole, plain = (json.loads(make(SlackSettings(), COMMANDS, {})) for make in (PLATFORM.setup, PLATFORM.plain_setup))
    assert "agent_view" not in plain["features"]
    assert set(whole["oauth_config"]["scopes"]["bot"]) - set(plain["oauth_config"]["scopes"]["bot"]) == {
        "assistant:write"
    }
    events = [made["settings"]["event_subscriptions"]["bot_events"] for made in (whole, plain)]
    assert set(events[0]) - set(events[1]) == {"agent_session_stopped"}
    assert plain["features"]["app_home"]["messages_tab_enabled"]


def test_at_most_five_shortcuts_are_declared() -> None:
    assert PLATFORM.setup is not None
    declared = [module.COMMAND for module in load_commands().values()]
    made = json.loads(PLATFORM.setup(SlackSettings(), declared, {}))["features"]["shortcuts"]
    labels = [shortcut["name"] for shortcut in made]
    assert labels == ["Summarise", "Translate", "Transcribe", "Describe", "Do something with this…"]
    assert all(len(label) <= 24 for label in labels)
    direct, rest = menu_and_form(declared)
    assert {one.shortcut for one in declared if one.shortcut} == {one.shortcut for one in (*direct, *rest)}
    added = Command("brand-new", "A new task", shortcut="Something new")
    assert added in menu_and_form([*declared, added])[1]
