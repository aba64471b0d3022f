"""The fake Slack reports every call that Slack refuses or that harms its people: a test breaks each rule once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import aiohttp
import orjson
import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.slack.world import Json, as_list

SILENT: Json = {"unfurl_links": False, "unfurl_media": False}


@dataclass
class Bot:
    """A client that makes any call, valid or not."""

    slack: FakeSlack
    http: aiohttp.ClientSession
    channel: str
    ada: str

    async def call(self, method: str, /, **body: object) -> Json:
        return await self.send(method, self.slack.bot_token, json=body)

    async def read(self, method: str, /, **body: str) -> Json:
        return await self.send(method, self.slack.bot_token, form=body)

    async def send(self, method: str, token: str, *, json: object = None, form: dict[str, str] | None = None) -> Json:
        headers = {"Authorization": f"Bearer {token}"}
        async with self.http.post(self.slack.api_url + method, headers=headers, json=json, data=form) as response:
            answer: Json = await response.json()
            return answer | {"status": response.status, "retry": response.headers.get("Retry-After")}

    async def post(self, **body: object) -> Json:
        return await self.call("chat.postMessage", channel=self.channel, **body)

    @property
    def direct(self) -> str:
        return self.slack.add_direct(self.ada)

    async def stream(self, text: str = "Hello") -> str:
        root = self.slack.post(self.direct, self.ada, "question")
        started = await self.call("chat.startStream", channel=self.direct, thread_ts=root, markdown_text=text)
        return str(started["ts"])

    async def append(self, ts: str, text: str) -> Json:
        return await self.call("chat.appendStream", channel=self.where(ts), ts=ts, markdown_text=text)

    async def stop(self, ts: str, **body: object) -> Json:
        return await self.call("chat.stopStream", channel=self.where(ts), ts=ts, **body)

    async def update(self, ts: str, **body: object) -> Json:
        return await self.call("chat.update", channel=self.where(ts), ts=ts, parse="none", **body)

    def where(self, ts: str) -> str:
        return next((channel for channel, known in self.slack.world.messages if known == ts), self.channel)

    async def respond(self, trigger: str, **body: object) -> int:
        async with self.http.post(f"{self.slack.base_url}/response/{trigger}", json=body) as response:
            return response.status

    async def socket(self) -> aiohttp.ClientWebSocketResponse:
        opened = await self.send("apps.connections.open", self.slack.app_token)
        ws = await self.http.ws_connect(str(opened["url"]))
        assert (await receive(ws))["type"] == "hello"
        return ws


@pytest.fixture
async def bot() -> AsyncGenerator[Bot, None]:
    async with FakeSlack() as slack, aiohttp.ClientSession() as http:
        ada = slack.add_user("Ada")
        yield Bot(slack, http, slack.add_channel("general", ada), ada)


async def receive(ws: aiohttp.ClientWebSocketResponse) -> Json:
    message = await ws.receive(5)
    found = orjson.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else {"type": message.type.name}
    assert isinstance(found, dict)
    return found


async def acknowledge(ws: aiohttp.ClientWebSocketResponse, envelope: Json, **more: object) -> None:
    await ws.send_str(orjson.dumps({"envelope_id": envelope["envelope_id"], **more}).decode())


def button(label: str = "Go", action: str = "go", value: str = "1") -> Json:
    return {"type": "button", "text": {"type": "plain_text", "text": label}, "action_id": action, "value": value}


def actions(*buttons: Json) -> Json:
    return {"type": "actions", "elements": list(buttons)}


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def select(values: list[str], label: str = "Entry", **more: object) -> Json:
    options = [{"text": plain(label), "value": value} for value in values]
    return {"type": "static_select", "action_id": "pick", "options": options, **more}


def entry(**element: object) -> Json:
    box: Json = {"type": "plain_text_input", "action_id": "a", **element}
    return {"type": "input", "block_id": "a", "label": plain("A"), "element": box}


def modal(*blocks: Json, **more: object) -> Json:
    return {"type": "modal", "title": plain("Form"), "submit": plain("Send"), "blocks": list(blocks), **more}


def markdown(text: str) -> Json:
    return {"type": "markdown", "text": text}


@pytest.mark.parametrize(
    ("body", "error", "violation"),
    [
        ({"text": "a", "colour": 1}, "invalid_arguments", "unknown arguments ['colour']"),
        ({}, "no_text", "without content"),
        ({"text": "a" * 40_001}, "msg_too_long", "cut at 40,000"),
        ({"markdown_text": "a" * 12_001}, "msg_too_long", "above 12,000"),
        ({"markdown_text": "a", "text": "b"}, "markdown_text_conflict", "together with text"),
        ({"markdown_text": "a", "blocks": [markdown("b")]}, "markdown_text_conflict", "together with text"),
        ({"blocks": [markdown("a")] * 51}, "invalid_blocks", "51 blocks"),
        ({"blocks": "nonsense"}, "invalid_blocks", "not a list"),
        ({"blocks": [{"type": "carousel"}]}, "invalid_blocks", "unknown type"),
        ({"blocks": [{"type": "section", "text": {"text": "a" * 3_001}}]}, "invalid_blocks", "section block of 3001"),
        ({"blocks": [markdown("a" * 12_001)]}, "invalid_blocks", "markdown block of 12001"),
        ({"blocks": [markdown("a" * 7_000), markdown("b" * 7_000)]}, "invalid_blocks", "above 13,200"),
        ({"blocks": [actions()]}, "invalid_blocks", "0 elements"),
        ({"blocks": [actions(button("L" * 76))]}, "invalid_blocks", "label of 76"),
        ({"blocks": [actions(button(value="v" * 2_001))]}, "invalid_blocks", "above 2,000"),
        ({"blocks": [actions(button(action="a" * 256))]}, "invalid_blocks", "action_id"),
        ({"blocks": [actions(button(), button())]}, "invalid_blocks", "one action_id"),
        ({"blocks": [actions(select([]))]}, "invalid_blocks", "menu of 0 options"),
        ({"blocks": [actions(select(list("abc") * 34))]}, "invalid_blocks", "menu of 102 options"),
        ({"blocks": [actions(select(["a", "a"]))]}, "invalid_blocks", "two options with one value"),
        ({"blocks": [actions(select(["v" * 151]))]}, "invalid_blocks", "option's value"),
        ({"blocks": [actions(select(["a"], "L" * 76))]}, "invalid_blocks", "label of 76"),
        ({"blocks": [actions(select(["a"]) | {"type": "multi_static_select"})]}, "invalid_blocks", "unknown type"),
        ({"blocks": [markdown("a") | {"block_id": "b"}] * 2}, "invalid_blocks", "one block_id"),
        ({"blocks": [entry()]}, "invalid_blocks", "unknown type input"),
        ({"text": "a", "metadata": {}}, "invalid_metadata_format", "without an event_type"),
        ({"text": "a", "thread_ts": "1.000001"}, "thread_not_found", "does not exist"),
    ],
)
async def test_a_message_that_slack_refuses(bot: Bot, body: Json, error: str, violation: str) -> None:
    assert (await bot.post(**SILENT, **body))["error"] == error
    assert violation in bot.slack.violations[0]
    assert bot.slack.messages(bot.channel) == []


@pytest.mark.parametrize(
    ("text", "violation"),
    [
        ("a" * 4_001, "above the advised 4,000"),
        ("hey <!channel>", "pings"),
        ("hey <!here|here>", "pings"),
        ("<!everyone>", "pings"),
        ("<@U000000001> hello", "pings"),
        ("<!subteam^S1>", "pings"),
        ("```\n<!channel>\n```", "pings"),
    ],
)
async def test_a_message_that_people_would_suffer_from(bot: Bot, text: str, violation: str) -> None:
    sent = await bot.post(text="fine", **SILENT)
    assert bot.slack.violations == []
    assert (await bot.post(text=text, **SILENT))["ok"]
    assert violation in bot.slack.violations[0]
    await bot.update(str(sent["ts"]), text=text)
    assert violation in bot.slack.violations[1]


@pytest.mark.parametrize("text", ["see https://example.org", "`open\nhttp://example.org `", "a ```\nhttps://b.example"])
async def test_a_link_that_slack_fetches(bot: Bot, text: str) -> None:
    await bot.post(text=text, **SILENT)
    assert bot.slack.violations == []
    await bot.post(text=text, unfurl_links=False)
    await bot.update(str((await bot.post(text="fine", **SILENT))["ts"]), text=text)
    await bot.stream(text)
    assert [violation.split()[1] for violation in bot.slack.violations] == ["unfurls"] * 2


@pytest.mark.parametrize(
    ("text", "violation"),
    [
        ("[good.example](https://evil.example)", "hides where 'good.example' leads"),
        ("[good.example][1]\n\n[1]: https://evil.example", "hides where 'good.example' leads"),
        ("![a picture](https://evil.example)", "loads an image"),
        ("[evil.example](https://evil.example/x)", ""),
    ],
)
async def test_a_link_shows_where_it_leads(bot: Bot, text: str, violation: str) -> None:
    await bot.post(text=text, **SILENT)
    assert bot.slack.violations == ([f"chat.postMessage {violation}"] if violation else [])


@pytest.mark.parametrize("text", ["`https://example.org`", "```\nhttps://example.org\n```", "~~~\nhttp://a.b", "https"])
async def test_no_link_is_fetched_from_code(bot: Bot, text: str) -> None:
    await bot.post(text=text)
    assert bot.slack.violations == []


async def test_an_update_parses_names_by_default(bot: Bot) -> None:
    ts = (await bot.post(text="@channel", **SILENT))["ts"]
    await bot.update(str(ts), text="@channel")
    assert bot.slack.violations == []
    await bot.call("chat.update", channel=bot.channel, ts=ts, text="@channel")
    await bot.post(text="@here", link_names=True, **SILENT)
    assert [v.split(" by ")[0] for v in bot.slack.violations] == ["chat.update pings", "chat.postMessage pings"]


async def test_only_the_bots_own_messages_can_be_changed(bot: Bot) -> None:
    theirs = bot.slack.post(bot.channel, bot.ada, "mine")
    assert (await bot.update(theirs, text="yours"))["error"] == "cant_update_message"
    assert (await bot.call("chat.delete", channel=bot.channel, ts=theirs))["error"] == "cant_delete_message"
    assert len(bot.slack.violations) == 2
    assert (await bot.update("1.000001", text="a"))["error"] == "message_not_found"


async def test_a_stream_grows_and_ends_with_buttons(bot: Bot) -> None:
    ts = await bot.stream("Hel")
    await bot.append(ts, "lo")
    await bot.stop(
        ts, markdown_text="!", blocks=[actions(button("Retry"))], metadata={"event_type": "x", "event_payload": {}}
    )
    message = bot.slack.find(bot.direct, ts)
    assert (message.text, list(message.buttons)) == ("Hello!", ["Retry"])
    assert message.versions == ["Hel", "Hello", "Hello!", "Hello!"]
    assert bot.slack.web.status_changes == [(bot.direct, message.thread, state) for state in ("processing", "active")]
    assert bot.slack.violations == []


async def test_an_open_stream_takes_no_update(bot: Bot) -> None:
    ts = await bot.stream()
    assert (await bot.update(ts, text="a"))["error"] == "streaming_state_conflict"
    assert (await bot.call("chat.delete", channel=bot.direct, ts=ts))["error"] == "cant_delete_message"
    assert len(bot.slack.violations) == 2


async def test_a_stopped_stream_takes_no_more_text(bot: Bot) -> None:
    ts = await bot.stream()
    await bot.stop(ts)
    assert (await bot.append(ts, "more"))["error"] == "message_not_in_streaming_state"
    assert "was stopped" in bot.slack.violations[0]


async def test_a_stream_that_its_person_stopped_says_so(bot: Bot) -> None:
    ts = await bot.stream()
    bot.slack.stop_session(bot.direct, bot.slack.find(bot.direct, ts).thread, bot.ada)
    assert (await bot.append(ts, "more"))["error"] == "stopped_by_user"
    assert (await bot.update(ts, text="whole"))["ok"]
    assert bot.slack.violations == []


async def test_an_ended_stream_takes_updates(bot: Bot) -> None:
    first = await bot.stream()
    bot.slack.clock.ahead += 299
    assert (await bot.append(first, "more"))["ok"]
    bot.slack.clock.ahead += 2
    second = await bot.stream()
    bot.slack.end_streams()
    for ts in (first, second):
        assert (await bot.append(ts, "more"))["error"] == "message_not_in_streaming_state"
        assert (await bot.stop(ts))["error"] == "message_not_in_streaming_state"
        assert (await bot.update(ts, text="whole"))["ok"]
    assert bot.slack.violations == []


async def test_streams_have_limits_of_their_own(bot: Bot) -> None:
    root = bot.slack.post(bot.channel, bot.ada, "question")
    assert (await bot.call("chat.startStream", channel=bot.channel, thread_ts=root))["error"] == "missing_recipient"
    assert (await bot.call("chat.startStream", channel=bot.channel))["error"] == "invalid_arguments"
    ts = await bot.stream("a" * 12_000)
    assert (await bot.append(ts, ""))["error"] == "no_text"
    for _ in range(2):
        await bot.append(ts, "a" * 12_000)
    assert (await bot.append(ts, "a" * 12_000))["error"] == "msg_too_long"
    assert (await bot.stop(ts, session_status="asleep"))["error"] == "invalid_arguments"
    assert len(bot.slack.violations) == 6


@pytest.mark.parametrize(
    ("method", "limit", "body"),
    [
        ("chat.update", 50, {"ts": "1.1", "text": "a"}),
        ("chat.appendStream", 100, {"ts": "1.1", "markdown_text": "a"}),
        ("chat.stopStream", 20, {"ts": "1.1"}),
    ],
)
async def test_each_method_has_its_rate(bot: Bot, method: str, limit: int, body: Json) -> None:
    for _ in range(limit):
        assert (await bot.call(method, channel=bot.channel, **body))["status"] == 200
    refused = await bot.call(method, channel=bot.channel, **body)
    assert (refused["status"], refused["error"]) == (429, "ratelimited")
    assert 58 <= int(str(refused["retry"])) <= 62
    assert bot.slack.violations == [f"too many calls of {method}"]
    bot.slack.clock.ahead += 61
    assert (await bot.call(method, channel=bot.channel, **body))["status"] == 200


async def test_a_channel_takes_about_one_post_a_second(bot: Bot) -> None:
    for _ in range(5):
        assert (await bot.post(text="a", **SILENT))["ok"]
    assert (await bot.post(text="a", **SILENT))["retry"] == "1"
    bot.slack.clock.ahead += 1.1
    assert (await bot.post(text="a", **SILENT))["ok"]
    bot.slack.rates.on = False
    assert (await bot.post(text="a", **SILENT))["ok"]
    assert bot.slack.violations == ["too many calls of chat.postMessage"]


async def test_unknown_methods_and_wrong_tokens(bot: Bot) -> None:
    assert (await bot.call("chat.shout"))["error"] == "unknown_method"
    assert (await bot.send("auth.test", "xoxb-other"))["error"] == "invalid_auth"
    assert (await bot.call("apps.connections.open"))["error"] == "invalid_auth"
    assert bot.slack.violations == ["unknown method chat.shout"]


async def test_methods_that_read_take_no_json(bot: Bot) -> None:
    assert (await bot.call("users.info", user=bot.ada))["error"] == "invalid_arguments"
    assert (await bot.read("users.info", user=bot.ada))["ok"]


async def test_a_response_url_has_five_uses(bot: Bot) -> None:
    act = bot.slack.command(bot.channel, bot.ada, "/ask", "why?")
    for _ in range(5):
        assert await bot.respond(act.trigger, text="Because.") == 200
    assert await bot.respond(act.trigger, text="Because.") == 404
    late = bot.slack.command(bot.channel, bot.ada, "/ask", "why?")
    bot.slack.clock.ahead += 1_801
    assert await bot.respond(late.trigger, text="Because.") == 404
    assert [v.split("used ")[1] for v in bot.slack.violations] == ["more than 5 times", "after 30 minutes"]
    assert len(bot.slack.only_seen_by(bot.ada)) == 5


async def test_the_rules_hold_for_response_urls(bot: Bot) -> None:
    act = bot.slack.command(bot.channel, bot.ada, "/ask", "why?")
    assert await bot.respond(act.trigger, markdown_text="a") == 404
    assert await bot.respond(act.trigger, text="<!here>", response_type="in_channel") == 200
    assert ["unknown arguments" in bot.slack.violations[0], "pings" in bot.slack.violations[1]] == [True, True]
    assert bot.slack.messages(bot.channel)[0].text == "<!here>"


async def test_a_status_is_one_of_four(bot: Bot) -> None:
    root = bot.slack.post(bot.channel, bot.ada, "question")
    status = "agents.sessions.setStatus"
    assert (await bot.call(status, channel_id=bot.channel, thread_ts=root, status="processing"))["ok"]
    wrong = await bot.call(status, channel_id=bot.channel, thread_ts=root, status="is thinking…")
    lost = await bot.call(status, channel_id=bot.channel, thread_ts="1.1", status="active")
    assert (wrong["error"], lost["error"]) == ("invalid_arguments", "thread_not_found")
    assert len(bot.slack.violations) == 2


async def test_the_bot_acts_only_in_its_channels(bot: Bot) -> None:
    other = bot.slack.add_channel("other", bot.ada, joined=False)
    assert (await bot.call("chat.postMessage", channel=other, text="a", **SILENT))["error"] == "not_in_channel"
    assert (await bot.read("conversations.history", channel=other))["error"] == "not_in_channel"
    assert (await bot.call("chat.postMessage", channel="C0", text="a", **SILENT))["error"] == "channel_not_found"
    bot.slack.world.channels[bot.channel].archived = True
    assert (await bot.post(text="a", **SILENT))["error"] == "is_archived"


async def test_history_leaves_out_the_replies_in_threads(bot: Bot) -> None:
    root = bot.slack.post(bot.channel, bot.ada, "one")
    replies = [bot.slack.post(bot.channel, bot.ada, text, root) for text in ("two", "three", "four")]
    marked = {"event_type": "x", "event_payload": {"a": 1}}
    await bot.post(text="five", metadata=marked, **SILENT)
    history = await bot.read("conversations.history", channel=bot.channel, include_all_metadata="1")
    five, one = as_list(history["messages"])
    assert (five["text"], five["metadata"], one["latest_reply"]) == ("five", marked, replies[-1])
    first: dict[str, str] = {"channel": bot.channel, "ts": root, "oldest": replies[0]}
    page = await bot.read("conversations.replies", **first, limit="1")
    assert [message["text"] for message in as_list(page["messages"])] == ["one", "three"]
    cursor = page["response_metadata"]["next_cursor"]  # type: ignore[index]  # an object
    page = await bot.read("conversations.replies", **first, cursor=cursor)
    assert [message["text"] for message in as_list(page["messages"])] == ["one", "four"]


async def test_a_mention_is_two_events_with_escapes(bot: Bot) -> None:
    ws = await bot.socket()
    bot.slack.post(bot.channel, bot.ada, bot.slack.mention("a < b & <https://a.b|c>"), files=["plan.pdf"])
    first, second = [await receive(ws) for _ in range(2)]
    events = [envelope["payload"]["event"] for envelope in (first, second)]  # type: ignore[index]  # objects
    assert [event["type"] for event in events] == ["app_mention", "message"]
    assert {event["text"] for event in events} == {f"<@{bot.slack.bot}> a &lt; b &amp; <https://a.b|c>"}
    assert ["files" in event for event in events] == [False, True]
    ids = [envelope["payload"]["event_id"] for envelope in (first, second)]  # type: ignore[index]  # objects
    assert ids[0] != ids[1]
    for envelope in (first, second):
        await acknowledge(ws, envelope)
    await bot.slack.settled()
    assert bot.slack.violations == []


async def test_an_event_that_is_not_acknowledged_comes_again(bot: Bot) -> None:
    bot.slack.socket.ack_seconds = 0.02
    ws = await bot.socket()
    bot.slack.post(bot.channel, bot.ada, "hello")
    seen = [await receive(ws) for _ in range(4)]
    assert [envelope["retry_attempt"] for envelope in seen] == [0, 1, 2, 3]
    assert seen[1]["retry_reason"] == "timeout"
    await acknowledge(ws, seen[-1])
    await bot.slack.settled()
    assert len(bot.slack.violations) == 3
    assert all("no acknowledgement" in violation for violation in bot.slack.violations)


async def test_a_command_that_is_not_acknowledged_is_lost(bot: Bot) -> None:
    bot.slack.socket.ack_seconds = 0.02
    ws = await bot.socket()
    bot.slack.command(bot.channel, bot.ada, "/ask", "why?")
    assert (await receive(ws))["type"] == "slash_commands"
    await bot.slack.wait(lambda: bot.slack.violations)
    assert len(bot.slack.socket.envelopes[0].sent_at) == 1


async def test_acknowledgements_that_mean_nothing(bot: Bot) -> None:
    ws = await bot.socket()
    bot.slack.post(bot.channel, bot.ada, "hello")
    envelope = await receive(ws)
    await acknowledge(ws, {"envelope_id": "other"})
    await acknowledge(ws, envelope, payload={"text": "hi"})
    await bot.slack.settled()
    assert [v.split(" ", 2)[1] for v in bot.slack.violations] == ["acknowledgement", "event"]


async def test_the_next_socket_gets_unacknowledged_events(bot: Bot) -> None:
    first = await bot.socket()
    bot.slack.post(bot.channel, bot.ada, "hello")
    envelope = await receive(first)
    bot.slack.socket.cut()
    await bot.slack.wait(lambda: not bot.slack.socket.sockets)
    bot.slack.post(bot.channel, bot.ada, "still there?")
    second = await bot.socket()
    again = [await receive(second) for _ in range(2)]
    assert {str(e["envelope_id"]): e["retry_attempt"] for e in again}[str(envelope["envelope_id"])] == 1
    for one in again:
        await acknowledge(second, one)
    await bot.slack.settled()
    assert bot.slack.violations == []


async def test_events_are_shared_by_the_sockets(bot: Bot) -> None:
    sockets = [await bot.socket(), await bot.socket()]
    for text in ("one", "two"):
        bot.slack.post(bot.channel, bot.ada, text)
    envelopes = await asyncio.gather(*(receive(ws) for ws in sockets))
    assert len({envelope["envelope_id"] for envelope in envelopes}) == 2
    for ws, envelope in zip(sockets, envelopes, strict=True):
        await acknowledge(ws, envelope)
    await bot.slack.settled()


async def test_disconnect_frames_and_too_many_sockets(bot: Bot) -> None:
    sockets = [await bot.socket() for _ in range(10)]
    opened = await bot.send("apps.connections.open", bot.slack.app_token)
    ws = await bot.http.ws_connect(str(opened["url"]))
    assert (await receive(ws))["reason"] == "too_many_websockets"
    await bot.slack.socket.disconnect("refresh_requested")
    assert (await receive(sockets[0]))["reason"] == "refresh_requested"
    assert (await receive(sockets[0]))["type"] in ("CLOSE", "CLOSED")


async def test_a_sockets_address_serves_once(bot: Bot) -> None:
    opened = await bot.send("apps.connections.open", bot.slack.app_token)
    await bot.http.ws_connect(str(opened["url"]))
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await bot.http.ws_connect(str(opened["url"]))


async def test_faults(bot: Bot) -> None:
    bot.slack.fail("chat.postMessage", "fatal_error")
    bot.slack.fail("chat.postMessage", status=429, retry_after=7)
    bot.slack.fail("chat.postMessage", status=500)
    assert (await bot.post(text="a", **SILENT))["error"] == "fatal_error"
    assert (await bot.post(text="a", **SILENT))["retry"] == "7"
    assert (await bot.post(text="a", **SILENT))["status"] == 500
    for drop in ("before", "after"):
        bot.slack.fail("chat.postMessage", drop=drop)
        with pytest.raises(aiohttp.ClientError):
            await bot.post(text=drop, **SILENT)
    assert [message.text for message in bot.slack.messages(bot.channel)] == ["after"]
    gate = asyncio.Event()
    bot.slack.fail("chat.postMessage", hold=gate)
    posting = asyncio.create_task(bot.post(text="held", **SILENT))
    gate.set()
    assert (await posting)["ok"]
    assert bot.slack.violations == []


async def test_a_hook_breaks_the_connection_at_any_stage(bot: Bot) -> None:
    seen: list[tuple[str, str]] = []
    fatal = "answered"

    async def hook(stage: str, method: str) -> None:
        seen.append((stage, method))
        if stage == fatal:
            raise ConnectionResetError

    bot.slack.on_request = hook
    await bot.post(text="one", **SILENT)
    assert seen == [(stage, "chat.postMessage") for stage in ("received", "applied", "answered")]
    for fatal in ("received", "applied"):
        with pytest.raises(aiohttp.ClientError):
            await bot.post(text=fatal, **SILENT)
    assert [message.text for message in bot.slack.messages(bot.channel)] == ["one", "applied"]


# Views, files, groups and scopes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("view", "violation"),
    [
        (modal(entry()) | {"type": "home"}, "not of type modal"),
        (modal(entry(), title=plain("T" * 25)), "title with a label of 25"),
        (modal(entry(), colour=1), "unknown keys"),
        (modal(entry(), private_metadata="a" * 3_001), "private_metadata above 3,000"),
        (modal(*[entry() | {"block_id": str(number)} for number in range(101)]), "101 blocks, above 100"),
        (modal(entry(), entry()), "two blocks with one block_id"),
        (modal(markdown("a")), "unknown type markdown"),
        (modal(entry(initial_value="a" * 3_001)), "longer than the input"),
        (modal(entry(max_length=3_001)), "not 1 to 3,000"),
        (modal(entry() | {"element": select(["a"], initial_option={"value": "b"})}), "none of the options"),
        ({"type": "modal", "title": plain("Form"), "blocks": [entry()]}, "submit that is no plain text"),
    ],
)
async def test_a_view_that_slack_refuses(bot: Bot, view: Json, violation: str) -> None:
    act = bot.slack.command(bot.channel, bot.ada, "/ask", "why?")
    assert (await bot.call("views.open", trigger_id=act.trigger, view=view))["error"] == "invalid_arguments"
    assert violation in bot.slack.violations[0]
    assert bot.slack.modal(bot.ada) is None


async def test_a_trigger_opens_one_view_within_three_seconds(bot: Bot) -> None:
    act, late = (bot.slack.command(bot.channel, bot.ada, "/ask", "why?") for _ in range(2))
    view = modal(entry())
    assert (await bot.call("views.open", trigger_id=act.trigger, view=view))["ok"]
    assert (await bot.call("views.open", trigger_id=act.trigger, view=view))["error"] == "exchanged_trigger_id"
    assert (await bot.call("views.open", trigger_id="other", view=view))["error"] == "invalid_trigger_id"
    assert len(bot.slack.violations) == 2
    bot.slack.clock.ahead += 3.1
    assert (await bot.call("views.open", trigger_id=late.trigger, view=view))["error"] == "expired_trigger_id"


async def test_a_form_carries_the_changed_values(bot: Bot) -> None:
    act, ws = bot.slack.command(bot.channel, bot.ada, "/ask", "why?"), await bot.socket()
    menu = select(["x", "y"])
    menu["initial_option"] = as_list(menu["options"])[1]
    view = modal(entry(initial_value="b"), entry() | {"block_id": "s", "element": menu})
    await bot.call("views.open", trigger_id=act.trigger, view=view)
    with pytest.raises(AssertionError):
        bot.slack.send(bot.ada, {"a": ""})
    bot.slack.send(bot.ada, {"a": "c"})
    sent = (await receive(ws))["payload"]["view"]["state"]["values"]  # type: ignore[index]  # objects
    assert (sent["a"]["a"]["value"], sent["s"]["pick"]["selected_option"]["value"]) == ("c", "y")
    assert bot.slack.modal(bot.ada) is None


async def test_a_page_has_rules_too(bot: Bot) -> None:
    page: Json = {"type": "home", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "Hello"}}]}
    assert (await bot.call("views.publish", user_id=bot.ada, view=page))["ok"]
    assert bot.slack.home(bot.ada) == "Hello"
    assert (await bot.call("views.publish", user_id="U0", view=page))["error"] == "user_not_found"
    for wrong in (page | {"title": plain("Page")}, page | {"blocks": [entry()]}, page | {"blocks": [markdown("a")]}):
        assert (await bot.call("views.publish", user_id=bot.ada, view=wrong))["error"] == "invalid_arguments"
    assert len(bot.slack.violations) == 3


async def test_a_file_takes_three_steps(bot: Bot) -> None:
    root = bot.slack.post(bot.channel, bot.ada, "question")
    place = await bot.read("files.getUploadURLExternal", filename="a.txt", length="3", alt_txt="A")
    share: Json = {"channel_id": bot.channel, "thread_ts": root, "files": [{"id": place["file_id"]}]}
    assert (await bot.call("files.completeUploadExternal", **share))["error"] == "file_not_found"
    for content, status in ((b"four", 400), (b"abc", 200)):
        async with bot.http.post(str(place["upload_url"]), data=content) as response:
            assert response.status == status
    assert (await bot.call("files.completeUploadExternal", **share))["ok"]
    assert bot.slack.contents(bot.slack.answers(bot.channel, root)[0]) == [("a.txt", b"abc")]
    assert (await bot.call("files.completeUploadExternal", **share))["error"] == "file_already_shared"
    assert len(bot.slack.violations) == 3


@pytest.mark.parametrize(
    ("scope", "method", "body"),
    [
        ("files:write", "files.getUploadURLExternal", {"filename": "a", "length": "1"}),
        ("usergroups:read", "usergroups.list", {}),
        ("users:read", "users.info", {"user": "U1"}),
        ("groups:history", "conversations.history", {"channel": "private"}),
    ],
)
async def test_a_call_without_its_scope(bot: Bot, scope: str, method: str, body: dict[str, str]) -> None:
    private = bot.slack.add_channel("secret", bot.ada, kind="group")
    arguments = {key: private if value == "private" else value for key, value in body.items()}
    assert (await bot.read(method, **arguments)).get("error") != "missing_scope"
    bot.slack.scopes.discard(scope)
    assert (await bot.read(method, **arguments))["error"] == "missing_scope"


async def test_only_subscribed_events_are_delivered(bot: Bot) -> None:
    bot.slack.subscribed.discard("message.channels")
    bot.slack.post(bot.channel, bot.ada, "hello")
    bot.slack.post(bot.slack.add_direct(bot.ada), bot.ada, "hello")
    bot.slack.subscribed.discard("subteam_created")
    group = bot.slack.group("writers", bot.ada)
    bot.slack.group("writers", bot.ada)
    events = [envelope.payload["event"] for envelope in bot.slack.socket.envelopes]
    assert [event["type"] for event in events] == ["message", "subteam_members_changed"]  # type: ignore[index]  # objects
    found = as_list((await bot.read("usergroups.list", include_users="true"))["usergroups"])
    assert [(one["id"], one["handle"], one["users"]) for one in found] == [(group, "writers", [bot.ada, bot.ada])]
    assert "users" not in as_list((await bot.read("usergroups.list"))["usergroups"])[0]


async def test_ephemeral_messages_need_a_begun_thread(bot: Bot) -> None:
    root = bot.slack.post(bot.channel, bot.ada, "question")
    hidden: Json = {"channel": bot.channel, "user": bot.ada, "text": "for you", "thread_ts": root}
    bot.slack.post(bot.channel, bot.ada, "more", root)
    await bot.call("chat.postEphemeral", **hidden)
    assert bot.slack.violations == []
    unanswered = bot.slack.post(bot.channel, bot.ada, "another")
    await bot.call("chat.postEphemeral", **(hidden | {"thread_ts": unanswered}))
    assert "has not begun" in bot.slack.violations[0]


async def test_changes_of_messages_are_delivered(bot: Bot) -> None:
    ts = str((await bot.post(text="one", **SILENT))["ts"])
    await bot.update(ts, text="two")
    bot.slack.post(bot.channel, bot.ada, "reply", ts)
    await bot.call("chat.delete", channel=bot.channel, ts=ts)
    unanswered = bot.slack.post(bot.channel, bot.ada, "three")
    bot.slack.edit(bot.channel, unanswered, "four")
    bot.slack.delete(bot.channel, unanswered)
    events = [envelope.payload["event"] for envelope in bot.slack.socket.envelopes]
    subtypes = [(event["subtype"], event.get("message", {}).get("subtype")) for event in events if "subtype" in event]  # type: ignore[index,operator,attr-defined]  # objects
    assert subtypes == [
        ("message_changed", None),
        ("message_changed", "tombstone"),
        ("message_changed", None),
        ("message_deleted", None),
    ]
