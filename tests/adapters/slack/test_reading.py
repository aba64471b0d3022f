"""All that a message on Slack says and holds is read, and nothing that is not for the bot's eyes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import pytest

from adapters.shared.attachments import Source
from adapters.slack.incoming.attachments import source
from adapters.slack.incoming.message_text import text_of
from adapters.slack.outgoing.mrkdwn import mentioned
from adapters.slack.payloads import read_message
from adapters.slack.reply_target import Json
from bot.interfaces.errors import Forbidden
from bot.interfaces.messages import Attachment, Manner
from tests.adapters.slack.town import QUICK, Town, hurry
from tests.fakes.attached import content_of
from tests.stages.slack import SlackStage

# Files ----------------------------------------------------------------------------------------------------------------

ELSEWHERE = [
    "{host}/api/conversations.history?channel=C1",
    "{host}/files-pri/../api/auth.revoke",
    "{host}/files-pri/%2e%2e/api/auth.revoke",
    "{host}/files-pri/..%2Fapi/auth.revoke",
    "{host}/files-pri/%2F..%5C..%2Fapi",
    "{host}/x/files-pri/T1-F1/a",
    "{host}",
    "https://slack.com/files-pri/T1-F1/a",
    "https://team.slack.com/files-pri/T1-F1/a",
    "https://files.slack.com.evil.example/files-pri/T1-F1/a",
    "https://ann:secret@files.slack.com/files-pri/T1-F1/a",
    "http://files.slack.com/files-pri/T1-F1/a",
    "https://files.slack.com:8443/files-pri/T1-F1/a",
    "https://evil.example/files.slack.com/files-pri/a",
    "https://[x",
    "https://files.slack.com:port/files-pri/a",
    "//files.slack.com/files-pri/a",
    "file:///etc/passwd",
    "",
]


@pytest.mark.parametrize("url", ELSEWHERE)
async def test_the_token_goes_to_file_paths_only(team: Town, url: str) -> None:
    _, request = await team.asked()
    made = len(team.slack.calls)
    for address in (url.format(host=team.slack.base_url), url.format(host="https://files.slack.com")):
        with pytest.raises(Forbidden, match="Upload the file itself"):
            await team.adapter.fetch(request, Attachment("a.txt", "text/plain", 3, address), 1_000)
    assert source("").address(url.format(host="https://files.slack.com")) is None
    assert len(team.slack.calls) == made


@pytest.mark.parametrize("host", ["files.slack.com", "files.slack-gov.com"])
@pytest.mark.parametrize(
    "path", ["files-pri/T1-F1/plan%20b.pdf", "files-pri/T1-F1/download/a..b", "files-tmb/T1-F1-x/a.png"]
)
def test_slacks_own_file_hosts_are_read(host: str, path: str) -> None:
    url = f"https://{host}/{path}"
    assert str(source("").address(url)) == url


def test_discords_files_need_no_certain_path() -> None:
    cdn = Source(("https://cdn.example.com",))
    assert cdn.address("https://cdn.example.com/attachments/1/2/a.png?ex=1&hm=2")
    assert cdn.address("https://cdn.example.com.evil/attachments/1/2/a.png") is None


async def test_a_redirect_is_not_followed(team: Town) -> None:
    team.say(team.slack.mention("look"), files=["cat.png"])
    request = await team.intake.next()
    team.slack.scopes.discard("files:read")  # now the file's address leads to a page to sign in
    with pytest.raises(Forbidden, match="may not read it"):
        await team.adapter.fetch(request, request.attachments[0], 1_000)


@pytest.mark.parametrize("mark", [{"is_external": True}, {"mode": "external"}])
async def test_a_remote_file_is_refused_wherever_it_points(tmp_path: Path, mark: Json) -> None:
    stage = SlackStage(tmp_path)
    async with stage.playing():
        slack, plain = stage.slack, stage.slack._file_json
        slack.held["secret.txt"] = b"We will fire Ben on Friday."
        secret = str(plain("secret.txt")["url_private"])
        slack._file_json = lambda name: plain(name) | mark | {"mimetype": "text/plain", "url_private": secret}  # type: ignore[method-assign]  # as Slack says it
        shown = await stage.answer(await stage.mention("/summarise", files=["remote.txt"]))
        assert "I cannot read “remote.txt”. Slack only links to it" in shown.text
        assert "Upload the file itself here" in shown.text
        assert stage.prompts == []


async def test_files_of_other_organisations_are_looked_up(team: Town) -> None:
    root = team.say(team.slack.mention("look"), files=["theirs.txt"])
    asked = await team.intake.next()
    team.say("and this?", thread=root, files=["theirs.txt"])
    team.slack.shortcut(team.channel, root, "ask", team.ben)
    found = [asked, *[await team.intake.next() for _ in range(2)]]
    files = [file for request in found for file in request.attachments]
    pointed = await team.adapter.pointed(found[1])
    history = await team.adapter.history(found[1], 9, 0)
    files += [*(pointed.attachments if pointed else ()), *(file for said in history for file in said.attachments)]
    assert [(file.name, file.media_type) for file in files] == [("theirs.txt", "text/plain")] * 6
    assert await team.adapter.fetch(found[1], files[0], 1_000) == content_of("theirs.txt")


async def test_what_slack_does_not_say_of_a_file(team: Town) -> None:
    team.slack.fail("files.info", "file_not_found", times=9)
    team.say(team.slack.mention("look"), files=["theirs.txt"])
    request = await team.intake.next()
    assert request.attachments == (Attachment("a file"),)
    with pytest.raises(Forbidden, match="Upload the file itself"):
        await team.adapter.fetch(request, request.attachments[0], 1_000)


# What a message says --------------------------------------------------------------------------------------------------


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(elements)}]}


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


SHARED: Json = {
    "is_share": True,
    "is_msg_unfurl": True,
    "author_name": "Cleo",
    "from_url": "https://team.slack.invalid/archives/C9/p1",
    "fallback": "[today] Cleo: The build is red.",
    "text": "The build is red.\nWho broke it?",
    "message_blocks": [{"team": "T1", "channel": "C9", "ts": "1.1", "message": {"blocks": [
        rich({"type": "text", "text": "The build is red.\nWho broke it?"})
    ]}}],
}  # fmt: skip
QUOTED = "Cleo wrote:\n> The build is red.\n> Who broke it?"

ALERT: Json = {
    "color": "#f00",
    "pretext": "New alert",
    "title": "Disk full",
    "text": "db-1 has 0 bytes left",
    "fields": [{"title": "Severity", "value": "high", "short": True}],
    "fallback": "Disk full on db-1",
}

BLOCKS: list[Json] = [
    {"type": "header", "text": plain("Weekly <@U1> report")},
    {"type": "section", "text": mrkdwn("Sales *rose*"), "fields": [mrkdwn("North: 3"), mrkdwn("South: 4")]},
    {"type": "context", "elements": [{"type": "image", "image_url": "x", "alt_text": "a chart"}, mrkdwn("by finance")]},
    {"type": "divider"},
    {"type": "markdown", "text": "## Next\n- 1 < 2"},
    {"type": "image", "title": plain("Map"), "alt_text": "all shops", "image_url": "x"},
    {"type": "table", "rows": [[{"type": "raw_text", "text": "shop"}, {"type": "raw_text", "text": "sum"}],
                               [rich({"type": "text", "text": "Bonn"}), {"type": "raw_text", "text": "7"}]]},
    {"type": "actions", "elements": [{"type": "button", "text": plain("Approve")}]},
]  # fmt: skip
REPORT = (
    "Weekly <@U1> report\nSales *rose*\nNorth: 3\nSouth: 4\na chart by finance\n## Next\n- 1 < 2\nMap\nall shops\n"
    "shop | sum\nBonn | 7"
)


async def test_a_forwarded_message_is_read_with_its_author(team: Town) -> None:
    direct = team.slack.add_direct(team.ada)
    team.slack.post(direct, team.ada, "", attachments=[SHARED])
    assert (await team.intake.next()).text == QUOTED
    team.slack.post(direct, team.ada, "why --model?", attachments=[SHARED])
    assert (await team.intake.next()).text == f"why --model?\n\n{QUOTED}"


async def test_what_was_forwarded_is_text_and_never_options(team: Town) -> None:
    evil = SHARED | {"text": "--model large --private", "message_blocks": []}
    team.slack.post(team.channel, team.ada, team.slack.mention("/ask why?"), attachments=[evil])
    request = await team.intake.next()
    assert (request.command, request.private) == ("ask", False)
    assert request.arguments == {"text": "why?\n\nCleo wrote:\n> --model large --private"}
    forged = SHARED | {"text": team.slack.mention("/ask why?"), "message_blocks": []}
    team.slack.post(team.channel, team.ada, "look at this", attachments=[forged])
    await team.ignored()


async def test_a_command_takes_a_forwarded_message_as_text(team: Town) -> None:
    team.slack.post(team.channel, team.ada, team.slack.mention("/ask"), attachments=[SHARED])
    request = await team.intake.next()
    assert (request.command, request.text) == ("ask", QUOTED)


async def test_app_posts_are_text_wherever_they_are_read(team: Town) -> None:
    robot = team.slack.add_user("Robot", bot=True)
    root = team.slack.post(team.channel, robot, "", blocks=BLOCKS)
    team.slack.post(team.channel, robot, "", root, attachments=[ALERT])
    alert = "New alert\nDisk full\ndb-1 has 0 bytes left\nSeverity: high"
    team.say(team.slack.mention("what is that?"), thread=root)
    request = await team.intake.next()
    context = await team.adapter.context(request, 9)
    pointed = await team.adapter.pointed(request)
    history = await team.adapter.history(request, 9, 0)
    assert [message.text for message in context] == [REPORT, alert]
    assert pointed is not None
    assert pointed.text == REPORT
    assert [message.text for message in history[:2]] == [REPORT, alert]
    team.slack.shortcut(team.channel, root, "ask", team.ada)
    assert (await team.intake.next()).text == REPORT


async def test_a_table_in_a_message_is_read(team: Town) -> None:
    words = rich({"type": "user", "user_id": team.slack.bot}, {"type": "text", "text": " which is more & why?"})
    table: Json = {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}, {"type": "raw_text", "text": "b"}]]}
    team.slack.post(team.channel, team.ada, team.slack.mention("which is more & why?"), blocks=[words, table])
    assert (await team.intake.next()).text == "which is more & why?\n\na | b"


async def test_a_shared_message_that_is_added_is_an_edit(team: Town) -> None:
    ts, _ = await team.asked("see https://a.example")
    message = team.slack.find(team.channel, ts)
    before = message.json()
    message.attachments = [{"from_url": "https://a.example", "title": "A page", "text": "about a"}]
    team.slack.changed_message(message, before)
    await team.slack.settled()
    assert team.intake.changed.empty()
    before = message.json()
    message.attachments = [SHARED]
    team.slack.changed_message(message, before)
    assert (await asyncio.wait_for(team.intake.changed.get(), 5))[2] == f"see https://a.example\n\n{QUOTED}"


def test_the_text_of_a_message_is_bounded() -> None:
    deep: Json = {"text": "end"}
    for number in range(2_000):
        deep = {"text": f"level {number}", "attachments": [deep]}
    wide: Json = {"attachments": [{"text": "x" * 9_000, "fields": [{"value": "y" * 9_000}] * 500}] * 500}
    nested: Json = rich({"type": "text", "text": "end"})
    for _ in range(2_000):
        nested = {"type": "rich_text", "elements": [{"type": "rich_text_list", "elements": [nested]}]}
    odd: Json = {"text": None, "blocks": [None, 3, {"type": "table", "rows": [3, [None]]}], "attachments": "x"}
    bodies: list[Json] = [{"attachments": [deep]}, wide, {"blocks": [nested]}, odd]
    shown = [text_of(read_message(said)) for said in bodies]
    assert all(len(text) <= 40_000 for text in shown)
    assert shown[-1] == ""


def test_many_open_mentions_are_read_in_time() -> None:
    began = perf_counter()
    assert list(mentioned("<@U1|" * 100_000)) == []
    assert perf_counter() - began < 0.5


# Look-ups -------------------------------------------------------------------------------------------------------------

FLOOD = " ".join(f"<@U{number:09d}>" for number in range(500_000, 501_500))


async def test_a_message_costs_few_look_ups(team: Town) -> None:
    await team.asked()
    asked = len(team.slack.called("users.info"))
    _, request = await team.asked(FLOOD)
    assert request.text.count("@someone") == 1_500
    made = len(team.slack.called("users.info")) - asked
    assert 0 < made <= 20
    for _ in range(3):
        await team.asked(FLOOD)
    root = team.slack.add_user("Root", admin=True)
    _, request = await team.used("/shoulders", "stop", who=root)  # who was not seen before is known in time
    assert request.person.administrator
    assert team.adapter._limiter._waiters == []


async def test_who_may_not_ask_costs_no_names(tmp_path: Path) -> None:
    stage = SlackStage(tmp_path)
    async with stage.playing():
        slack = stage.slack
        await stage.answer(await stage.mention("hello", "gil"))
        asked = len(slack.called("users.info")), len(slack.called("files.info"))
        slack.post(stage.channel, stage.users["gil"], slack.mention(FLOOD), files=["theirs.txt"])
        root = slack.post(stage.channel, stage.users["ann"], "among people")
        slack.post(stage.channel, stage.users["ann"], "<#C000000404> is where?", root)
        await slack.settled()
        named = [body["user"] for body in slack.called("users.info")[asked[0] :]]
        assert set(named) <= {stage.users["ann"]}
        assert len(slack.called("files.info")) == asked[1]
        assert "C000000404" not in {body["channel"] for body in slack.called("conversations.info")}


async def test_private_channels_have_no_names_elsewhere(team: Town) -> None:
    secret = team.slack.add_channel("merger-with-acme", team.ben, kind="group")
    channel = team.slack.world.channels.pop(secret)
    channel.id = secret.replace("G", "C", 1)  # as private channels are named nowadays
    team.slack.world.channels[channel.id] = channel
    for _ in range(2):
        _, request = await team.asked(f"what is <#{channel.id}|>?")
        assert request.text == "what is #channel?"
    team.say(team.slack.mention(f"what is <#{channel.id}|>?"), to=channel.id, who=team.ben)
    request = await team.intake.next()
    assert request.text == "what is #merger-with-acme?"
    assert request.place.name == "#merger-with-acme in Team"


async def test_all_look_ups_of_an_act_share_a_deadline(team: Town) -> None:
    team.hurry(replace(QUICK, act=0.3))
    team.slack.socket.ack_seconds = 0.6
    gate = asyncio.Event()
    for method in ("users.info", "usergroups.list", "conversations.info", "files.info", "conversations.replies"):
        team.slack.fail(method, hold=gate, times=99)
    act = team.slack.command(team.channel, team.ada, "/shoulders", f"access <@{team.ben}> <#{team.channel}|>")
    team.say(team.slack.mention(f"/access <@{team.ben}>"), files=["theirs.txt"])
    await team.slack.wait(lambda: act.acknowledged)
    await team.slack.settled()
    gate.set()
    assert len(team.intake.requests) == 2


async def test_the_deadline_ends_with_the_reading(tmp_path: Path) -> None:
    stage = SlackStage(tmp_path)
    async with stage.playing():
        await stage.answer(await stage.mention("hello"))
        hurry(stage.app.adapters["slack"], replace(QUICK, act=0.0))
        stage.slack.post(stage.channel, stage.users["ben"], "The build is red.")
        await stage.answer(await stage.mention("/summarise --last 5"))
        asked = "\n".join(text for _, text in stage.prompts[-1])
        assert "Ben" in asked
        assert stage.users["ben"] not in asked


async def test_what_is_overheard_costs_few_look_ups_too(team: Town) -> None:
    team.intake.manners = Manner("mentions", keeps=True)
    team.say(FLOOD)
    heard = await asyncio.wait_for(team.intake.overheard.get(), 5)
    assert heard.text.startswith("@someone")
    assert len(team.slack.called("users.info")) <= 21
    assert heard.addressed is False
