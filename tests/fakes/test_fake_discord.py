"""The fake Discord reports every call that Discord refuses or that harms its people: a test breaks each rule once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO

import aiohttp
import orjson
import pytest

from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.gateway import CONTENT, DIRECT_MESSAGES, GUILD_MESSAGES, GUILDS
from tests.fakes.discord.world import EPHEMERAL, OPEN_THREADS, SEND, SUPPRESS_EMBEDS, Json

NOBODY: Json = {"parse": [], "replied_user": False}
ALL = GUILDS | GUILD_MESSAGES | DIRECT_MESSAGES | CONTENT


@dataclass
class Bot:
    """A client that makes any call, valid or not."""

    discord: FakeDiscord
    http: aiohttp.ClientSession
    guild: str
    channel: str
    ada: str

    async def call(self, method: str, path: str, body: object = None, *, token: str = "") -> tuple[int, Json]:
        headers = {"Authorization": f"Bot {token or self.discord.token}"}
        async with self.http.request(method, self.discord.api_url + path, json=body, headers=headers) as response:
            raw = await response.read()
            answer = orjson.loads(raw) if raw else {}
            return response.status, answer if isinstance(answer, dict) else {"list": answer}

    async def send(self, **body: object) -> tuple[int, Json]:
        return await self.call("POST", f"/channels/{self.channel}/messages", {"allowed_mentions": NOBODY, **body})

    async def edit(self, message: str, **body: object) -> tuple[int, Json]:
        path = f"/channels/{self.channel}/messages/{message}"
        return await self.call("PATCH", path, {"allowed_mentions": NOBODY, **body})

    async def acknowledge(self, interaction: str, token: str, kind: int = 5, **data: object) -> tuple[int, Json]:
        return await self.call("POST", f"/interactions/{interaction}/{token}/callback", {"type": kind, "data": data})

    async def declare(self, *commands: Json) -> tuple[int, Json]:
        return await self.call("PUT", f"/applications/{self.discord.bot}/commands", list(commands))


@pytest.fixture
async def bot() -> AsyncGenerator[Bot, None]:
    async with FakeDiscord() as discord, aiohttp.ClientSession() as http:
        guild = discord.add_guild("Team")
        channel = discord.add_channel(guild, "general")
        ada = discord.add_member(guild, discord.add_user("Ada"))
        yield Bot(discord, http, guild, channel, ada)


def button(label: str = "Go", custom_id: str = "go") -> Json:
    return {"type": 2, "style": 2, "label": label, "custom_id": custom_id}


def row(*buttons: Json) -> Json:
    return {"type": 1, "components": list(buttons)}


@pytest.mark.parametrize(
    ("body", "violation"),
    [
        ({"content": "a", "colour": 1}, "unknown fields"),
        ({"content": "a" * 2001}, "above 2000"),
        ({"content": "😀" * 1001}, "above 2000"),
        ({"content": 7}, "not a string"),
        ({"content": "  "}, "empty"),
        ({"content": "a", "nonce": "n" * 26}, "nonce"),
        ({"content": "a", "flags": 1 << 7}, "flags"),
        ({"content": "a", "components": [row(button("Go", str(n))) for n in range(6)]}, "rows"),
        ({"content": "a", "components": [row(*(button("Go", str(n)) for n in range(6)))]}, "1 to 5 buttons"),
        ({"content": "a", "components": [row(button(custom_id="c" * 101))]}, "custom_id"),
        ({"content": "a", "components": [row(button("L" * 81))]}, "label"),
        ({"content": "a", "components": [row(button(), button())]}, "one custom_id"),
        ({"content": "a", "message_reference": {"message_id": "1"}}, "does not exist"),
    ],
)
async def test_a_message_that_discord_refuses(bot: Bot, body: Json, violation: str) -> None:
    assert (await bot.send(**body))[0] == 400
    assert violation in bot.discord.violations[0]
    assert bot.discord.messages(bot.channel) == []


@pytest.mark.parametrize(
    ("body", "violation"),
    [
        ({"content": "@everyone", "allowed_mentions": None}, "pings everyone"),
        ({"content": "@here", "allowed_mentions": {"parse": ["everyone"]}}, "pings everyone"),
        ({"content": "<@&12>", "allowed_mentions": {"parse": ["roles"]}}, "pings a role"),
        ({"content": "<@12>", "allowed_mentions": {"users": ["12"]}}, "pings a person"),
        ({"content": "see https://example.org"}, "unfurls a link"),
    ],
)
async def test_a_message_that_people_would_suffer_from(bot: Bot, body: Json, violation: str) -> None:
    _, sent = await bot.send(content="fine")
    assert bot.discord.violations == []
    assert (await bot.send(**body))[0] == 200
    assert (await bot.edit(str(sent["id"]), **body))[0] == 200
    assert bot.discord.violations == [f"a message {violation}"] * 2


async def test_a_reply_that_pings(bot: Bot) -> None:
    asked = bot.discord.post(bot.channel, bot.ada, "hello")
    await bot.send(content="hi", message_reference={"message_id": asked}, allowed_mentions={"replied_user": True})
    assert bot.discord.violations == ["a message pings the person replied to"]


async def test_suppressing_embeds_forgives_a_link(bot: Bot) -> None:
    _, sent = await bot.send(content="https://example.org", flags=SUPPRESS_EMBEDS)
    await bot.edit(str(sent["id"]), content="https://example.org/2")
    assert bot.discord.violations == []


async def test_unknown_routes_and_tokens(bot: Bot) -> None:
    assert (await bot.call("GET", "/guilds/1/audit-logs"))[0] == 404
    assert bot.discord.violations == ["unknown route GET /guilds/1/audit-logs"]
    assert (await bot.call("GET", "/users/@me", token="wrong"))[0] == 401


async def test_a_nonce_is_remembered_for_minutes(bot: Bot) -> None:
    _, first = await bot.send(content="a", nonce="1-0", enforce_nonce=True)
    _, again = await bot.send(content="b", nonce="1-0", enforce_nonce=True)
    assert (first["id"], again["content"]) == (again["id"], "a")
    bot.discord.clock.ahead = 600
    _, later = await bot.send(content="c", nonce="1-0", enforce_nonce=True)
    assert later["id"] != first["id"]


async def test_changing_what_is_deleted_or_not_ones_own(bot: Bot) -> None:
    theirs = bot.discord.post(bot.channel, bot.ada, "hello")
    assert (await bot.edit(theirs, content="hacked"))[0] == 403
    _, sent = await bot.send(content="a")
    await bot.call("DELETE", f"/channels/{bot.channel}/messages/{sent['id']}")
    assert (await bot.edit(str(sent["id"]), content="b"))[0] == 404
    assert ["somebody else" in bot.discord.violations[0], "deleted" in bot.discord.violations[1]] == [True, True]


async def test_writing_where_one_may_not(bot: Bot) -> None:
    bot.discord.world.channels[bot.channel].denied |= SEND
    assert (await bot.send(content="a"))[0] == 403
    assert (await bot.call("POST", "/channels/1/messages", {"content": "a"}))[0] == 404


async def test_a_channel_takes_5_messages_in_5_seconds(bot: Bot) -> None:
    assert [(await bot.send(content="a"))[0] for _ in range(6)] == [200] * 5 + [429]
    assert "5 requests in 5 s" in bot.discord.violations[0]
    bot.discord.clock.ahead = 5.0
    assert (await bot.send(content="a"))[0] == 200


async def test_more_than_50_requests_in_a_second(bot: Bot) -> None:
    frozen = bot.discord.clock.now()
    bot.discord.rates._now = lambda: frozen
    answers = [await bot.call("GET", "/users/@me") for _ in range(51)]
    assert [status for status, _ in answers] == [200] * 50 + [429]
    assert answers[-1][1]["global"] is True
    assert "50 requests a second" in bot.discord.violations[0]


async def test_rates_can_be_switched_off(bot: Bot) -> None:
    bot.discord.rates.on = False
    assert [(await bot.send(content="a"))[0] for _ in range(60)] == [200] * 60


async def asked(bot: Bot, command: str = "ask") -> tuple[str, str]:
    await bot.declare({"name": command, "description": "Ask"})
    interaction = bot.discord.slash(bot.channel, bot.ada, command)
    return interaction.id, interaction.token


async def test_a_late_answer_to_an_interaction(bot: Bot) -> None:
    interaction, token = await asked(bot)
    bot.discord.clock.ahead = 3.5
    assert await bot.acknowledge(interaction, token) == (404, {"code": 10062, "message": "Unknown interaction"})
    assert "more than 3 s" in bot.discord.violations[0]


async def test_a_second_answer_to_an_interaction(bot: Bot) -> None:
    interaction, token = await asked(bot)
    assert (await bot.acknowledge(interaction, token))[0] == 204
    assert (await bot.acknowledge(interaction, token))[1]["code"] == 40060
    assert "answered twice" in bot.discord.violations[0]


async def test_the_wrong_kind_of_answer_to_an_interaction(bot: Bot) -> None:
    interaction, token = await asked(bot)
    assert (await bot.acknowledge(interaction, token, 6))[0] == 400
    assert "callback type 6" in bot.discord.violations[0]
    assert (await bot.acknowledge("1", token))[1]["code"] == 10062


async def test_a_token_works_from_acknowledgement_to_15_minutes(bot: Bot) -> None:
    interaction, token = await asked(bot)
    path = f"/webhooks/{bot.discord.bot}/{token}"
    assert (await bot.call("POST", path, {"content": "a"}))[1]["code"] == 10015
    await bot.acknowledge(interaction, token)
    assert (await bot.call("PATCH", f"{path}/messages/@original", {"content": "a"}))[0] == 200
    bot.discord.clock.ahead = 901
    assert (await bot.call("PATCH", f"{path}/messages/@original", {"content": "b"}))[1]["code"] == 50027
    assert "expired" in bot.discord.violations[0]


async def test_ephemeral_messages_are_seen_by_one(bot: Bot) -> None:
    interaction, token = await asked(bot)
    await bot.acknowledge(interaction, token, flags=EPHEMERAL)
    path = f"/webhooks/{bot.discord.bot}/{token}"
    await bot.call("PATCH", f"{path}/messages/@original", {"content": "a", "allowed_mentions": NOBODY})
    _, followed = await bot.call("POST", path, {"content": "b", "flags": EPHEMERAL})
    assert len(bot.discord.only_seen_by(bot.ada)) == 2
    assert bot.discord.messages(bot.channel) == []
    assert (await bot.edit(str(followed["id"]), content="c"))[0] == 404


async def test_a_follow_up_replaces_a_thinking_message(bot: Bot) -> None:
    interaction, token = await asked(bot)
    await bot.acknowledge(interaction, token)
    path = f"/webhooks/{bot.discord.bot}/{token}"
    await bot.call("POST", path, {"content": "a secret", "flags": EPHEMERAL})
    assert [message.content for message in bot.discord.messages(bot.channel)] == ["a secret"]
    await bot.call("DELETE", f"{path}/messages/@original")
    await bot.call("POST", path, {"content": "another", "flags": EPHEMERAL})
    assert [message.content for message in bot.discord.only_seen_by(bot.ada)] == ["another"]


async def test_a_person_can_refuse_direct_messages(bot: Bot) -> None:
    bot.discord.world.users[bot.ada].closed = True
    _, direct = await bot.call("POST", "/users/@me/channels", {"recipient_id": bot.ada})
    status, problem = await bot.call("POST", f"/channels/{direct['id']}/messages", {"content": "psst"})
    assert (status, problem["code"]) == (403, 50007)


async def test_a_message_has_one_thread(bot: Bot) -> None:
    message = bot.discord.post(bot.channel, bot.ada, "plans?")
    path = f"/channels/{bot.channel}/messages/{message}/threads"
    assert (await bot.call("POST", path, {"name": "n" * 101}))[0] == 400
    bot.discord.violations.clear()
    assert (await bot.call("POST", path, {"name": "plans"}))[1]["id"] == message
    status, problem = await bot.call("POST", path, {"name": "plans"})
    assert (status, problem["code"]) == (400, 160004)
    bot.discord.world.channels[bot.channel].denied |= OPEN_THREADS
    other = bot.discord.post(bot.channel, bot.ada, "others?")
    assert (await bot.call("POST", f"/channels/{bot.channel}/messages/{other}/threads", {"name": "n"}))[0] == 403


@pytest.mark.parametrize(
    ("attachments", "files", "violation"),
    [
        ([{"id": 0}], {}, "without a file"),
        ([], {0: b"x"}, "no attachment names"),
        ([{"id": 0, "colour": 1}], {0: b"x"}, "unknown attachment fields"),
        ([{"id": 0, "description": "d" * 1025}], {0: b"x"}, "description"),
        ([{"id": n} for n in range(11)], dict.fromkeys(range(11), b"x"), "above 10"),
        ([{"id": 0}], {0: b"x" * ((10 << 20) + 1)}, "larger than"),
    ],
)
async def test_attachments_that_discord_refuses(
    bot: Bot, attachments: list[Json], files: dict[int, bytes], violation: str
) -> None:
    _, sent = await bot.send(content="fine")
    form = aiohttp.FormData()
    form.add_field("payload_json", orjson.dumps({"attachments": attachments}).decode())
    for number, content in files.items():
        form.add_field(f"files[{number}]", BytesIO(content), filename="a.txt")
    url = f"{bot.discord.api_url}/channels/{bot.channel}/messages/{sent['id']}"
    headers = {"Authorization": f"Bot {bot.discord.token}"}
    if files:
        async with bot.http.patch(url, data=form, headers=headers) as response:
            assert response.status in (400, 413)
    else:
        assert (await bot.edit(str(sent["id"]), attachments=attachments))[0] == 400
    assert violation in bot.discord.violations[0]
    assert bot.discord.message(str(sent["id"])).attachments == []


def label(component: Json, **more: object) -> Json:
    return {"type": 18, "label": "Value", "component": component, **more}


def form(*labels: Json, **more: object) -> Json:
    return {"custom_id": "set", "title": "Settings", "components": list(labels), **more}


LINE: Json = {"type": 4, "custom_id": "value", "style": 1}
PICK: Json = {"type": 3, "custom_id": "pick", "options": [{"value": "a", "label": "A"}]}


@pytest.mark.parametrize(
    ("modal", "violation"),
    [
        (form(label(LINE), title="t" * 46), "title"),
        (form(label(LINE), custom_id="c" * 101), "custom_id"),
        (form(), "0 fields"),
        (form(*(label({**LINE, "custom_id": str(n)}) for n in range(6))), "6 fields"),
        (form({"type": 1, "components": [LINE]}), "no label"),
        (form(label(LINE, label="l" * 46)), "a label"),
        (form(label({**LINE, "label": "old"})), "an input"),
        (form(label({**LINE, "value": "v" * 4001})), "a value"),
        (form(label(LINE), label(LINE)), "one custom_id"),
        (form(label({**PICK, "options": []})), "entries"),
        (form(label({**PICK, "max_values": 2})), "takes 1 to 2"),
        (form(label({**PICK, "required": True, "min_values": 0})), "takes nothing"),
    ],
)
async def test_forms_that_discord_refuses(bot: Bot, modal: Json, violation: str) -> None:
    interaction, token = await asked(bot)
    assert (await bot.acknowledge(interaction, token, 9, **modal))[0] == 400
    assert violation in bot.discord.violations[0]


async def test_a_form_answers_no_form(bot: Bot) -> None:
    await bot.declare({"name": "ask", "description": "Ask"})
    opened = bot.discord.slash(bot.channel, bot.ada, "ask")
    assert (await bot.acknowledge(opened.id, opened.token, 9, **form(label(LINE), label(PICK))))[0] == 204
    with pytest.raises(AssertionError, match="pick has no"):
        bot.discord.submit(opened, {"value": "x", "pick": "b"})
    sent = bot.discord.submit(opened, {"value": "x", "pick": "a"})
    assert (await bot.acknowledge(sent.id, sent.token, 9, **form(label(LINE))))[0] == 400
    assert "callback type 9" in bot.discord.violations[0]


@pytest.mark.parametrize(
    ("menu", "violation"),
    [
        ({**PICK, "options": []}, "entries"),
        ({**PICK, "options": [{"value": str(n), "label": "L"} for n in range(26)]}, "26 entries"),
        ({**PICK, "options": [{"value": "a", "label": "L" * 101}]}, "entry"),
        ({**PICK, "placeholder": "p" * 151}, "placeholder"),
    ],
)
async def test_menus_that_discord_refuses(bot: Bot, menu: Json, violation: str) -> None:
    assert (await bot.send(content="a", components=[row(menu)]))[0] == 400
    assert violation in bot.discord.violations[0]
    assert (await bot.send(content="a", components=[row(PICK, button())]))[0] == 400


async def test_completions_are_at_most_25(bot: Bot) -> None:
    option = {"name": "model", "type": 3, "description": "Which", "autocomplete": True}
    await bot.declare({"name": "ask", "description": "Ask", "options": [option]})
    interaction = bot.discord.type(bot.channel, bot.ada, "ask", "model", "")
    choices = [{"name": str(n), "value": str(n)} for n in range(26)]
    assert (await bot.acknowledge(interaction.id, interaction.token, 8, choices=choices))[0] == 400
    assert "completions" in bot.discord.violations[0]


def group(*options: Json) -> Json:
    return {"name": "config", "description": "Settings", "options": list(options)}


@pytest.mark.parametrize(
    ("command", "violation"),
    [
        ({"name": "Ask me", "description": "Ask"}, "the name"),
        ({"name": "ask", "description": ""}, "description"),
        ({"name": "ask", "description": "Ask", "colour": 1}, "unknown fields"),
        ({"name": "ask", "description": "Ask", "options": [{"name": "a", "type": 3, "description": "A", "x": 1}]}, "x"),
        (
            {
                "name": "ask",
                "description": "Ask",
                "options": [
                    {"name": "a", "type": 3, "description": "A"},
                    {"name": "b", "type": 3, "description": "B", "required": True},
                ],
            },
            "required option",
        ),
        (
            {
                "name": "ask",
                "description": "Ask",
                "options": [
                    {"name": "a", "type": 3, "description": "A", "autocomplete": True, "choices": [{"name": "x"}]}
                ],
            },
            "exclude",
        ),
        (group({"name": "set", "type": 1, "description": ""}), "/config set: a description"),
        (group({"name": "set", "type": 1, "description": "S", "required": True}), "/config set: unknown fields"),
        (group({"name": "set", "type": 1, "description": "S"}, {"name": "a", "type": 3, "description": "A"}), "beside"),
        (group({"name": "a", "type": 9, "description": "A", "autocomplete": True}), "nothing can be suggested"),
    ],
)
async def test_commands_that_discord_refuses(bot: Bot, command: Json, violation: str) -> None:
    assert (await bot.declare(command))[0] == 400
    assert violation in bot.discord.violations[0]


async def test_two_commands_of_one_name(bot: Bot) -> None:
    twin: Json = {"name": "ask", "description": "Ask"}
    assert (await bot.declare(twin, twin))[0] == 400


async def test_history_has_its_limit(bot: Bot) -> None:
    assert (await bot.call("GET", f"/channels/{bot.channel}/messages?limit=101"))[0] == 400
    assert "limit of 101" in bot.discord.violations[0]
    ids = [bot.discord.post(bot.channel, bot.ada, str(n)) for n in range(4)]
    _, page = await bot.call("GET", f"/channels/{bot.channel}/messages?limit=2&after={ids[0]}")
    assert [message["content"] for message in page["list"]] == ["2", "1"]  # type: ignore[attr-defined]  # a list


@pytest.mark.parametrize("stage", ["received", "applied", "answered"])
async def test_a_hook_breaks_the_connection_at_any_stage(bot: Bot, stage: str) -> None:
    seen = []

    async def hook(now: str, method: str, path: str) -> None:
        seen.append((now, method))
        if now == stage:
            raise ConnectionResetError

    bot.discord.on_request = hook
    if stage == "answered":
        await bot.send(content="a")
    else:
        with pytest.raises(aiohttp.ClientError):
            await bot.send(content="a")
    assert seen[-1] == (stage, "POST")
    assert len(bot.discord.messages(bot.channel)) == (0 if stage == "received" else 1)


@dataclass
class Line:
    """A connection to the gateway that sends any frame; `events` are the dispatches so far."""

    ws: aiohttp.ClientWebSocketResponse
    events: list[Json] = field(default_factory=list)

    async def send(self, op: int, data: object) -> None:
        await self.ws.send_str(orjson.dumps({"op": op, "d": data}).decode())

    async def identify(self, token: str, **more: object) -> None:
        await self.send(2, {"token": token, "properties": {}, "intents": ALL, "shard": [0, 1], **more})

    async def until(self, check: Callable[[Json], bool]) -> Json:
        while True:
            frame = await self.ws.receive(timeout=5)
            assert frame.type is aiohttp.WSMsgType.TEXT, f"closed with {self.ws.close_code}"
            payload: Json = orjson.loads(frame.data)
            if payload["op"] == 0:
                self.events.append(payload)
            if check(payload):
                return payload

    async def event(self, name: str) -> Json:
        payload = await self.until(lambda payload: payload.get("t") == name)
        assert isinstance(payload["d"], dict)
        return payload["d"]

    async def closed(self) -> int | None:
        while (await self.ws.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
            pass
        return self.ws.close_code


@asynccontextmanager
async def line(bot: Bot, query: str = "?v=10&encoding=json") -> AsyncGenerator[Line, None]:
    async with bot.http.ws_connect(bot.discord.gateway_url + query) as ws:
        yield Line(ws)


async def test_the_gateway_blanks_what_the_missing_intent_protects(bot: Bot) -> None:
    discord = bot.discord
    async with line(bot) as plain:
        await plain.identify(discord.token, intents=ALL & ~CONTENT)
        await plain.event("GUILD_CREATE")
        discord.post(bot.channel, bot.ada, "secret")
        discord.post(bot.channel, bot.ada, discord.mention("shown"))
        own = discord.post(bot.channel, discord.bot, "own")
        discord.post(bot.channel, bot.ada, "quiet reply", reply_to=own, mention=False)
        discord.post(bot.channel, bot.ada, "reply", reply_to=own)
        discord.post(discord.add_direct(bot.ada), bot.ada, "direct")
        said = [str((await plain.event("MESSAGE_CREATE"))["content"]) for _ in range(6)]
    assert said == ["", discord.mention("shown"), "own", "", "reply", "direct"]
    assert discord.violations == []


@pytest.mark.parametrize(("token", "refused", "code"), [("wrong", False, 4004), ("", True, 4014)])
async def test_identifying_wrongly_ends_the_connection(bot: Bot, token: str, refused: bool, code: int) -> None:
    if refused:
        bot.discord.refuse_message_content()
    async with line(bot) as refusing:
        await refusing.identify(token or bot.discord.token)
        assert await refusing.closed() == code


async def test_identifying_too_often_or_with_nothing_left(bot: Bot) -> None:
    bot.discord.gateway.identify_every = 5.0
    bot.discord.gateway.starts_left = 1
    for _ in range(2):
        async with line(bot) as one:
            await one.identify(bot.discord.token)
            await one.event("READY")
    assert ["too often" in bot.discord.violations[0], "no session starts" in bot.discord.violations[1]] == [True, True]


async def test_unknown_words_to_the_gateway(bot: Bot) -> None:
    async with line(bot, "?v=9&encoding=json") as odd:
        await odd.identify(bot.discord.token, colour=1, shard=[0, 2])
        await odd.send(4, {})
        await odd.send(3, "x" * 5000)
        assert await odd.closed() == 4002
    words = ["version", "identify fields", "shard 0 of 2", "op 4", "4096"]
    assert [word for word, found in zip(words, bot.discord.violations, strict=True) if word not in found] == []


async def test_a_missing_heartbeat(bot: Bot) -> None:
    bot.discord.gateway.heartbeat_interval = 0.05
    async with line(bot) as silent:
        assert await silent.closed() == 4009
    assert "heartbeat" in bot.discord.violations[0]


async def test_resuming_replays_what_was_missed(bot: Bot) -> None:
    async with line(bot) as first:
        await first.identify(bot.discord.token)
        ready = await first.event("READY")
        await first.event("GUILD_CREATE")
        seen = first.events[-1]["s"]
        bot.discord.gateway.close(4000)
        await first.closed()
    bot.discord.post(bot.channel, bot.ada, "meanwhile")
    resume = {"token": bot.discord.token, "session_id": ready["session_id"], "seq": seen}
    async with line(bot) as second:
        await second.send(6, resume)
        assert (await second.event("MESSAGE_CREATE"))["content"] == "meanwhile"
        await second.event("RESUMED")
        bot.discord.gateway.invalidate(resumable=False)
        await second.until(lambda payload: payload["op"] == 9)
    async with line(bot) as third:
        await third.send(6, resume)
        assert (await third.until(lambda payload: payload["op"] == 9))["d"] is False


async def test_a_wait_without_result_lists_the_violations(bot: Bot) -> None:
    bot.discord.violations.append("something")
    with pytest.raises(AssertionError, match="something"):
        await bot.discord.wait(lambda: None, timeout=0.01)


async def test_its_own_faults_are_violations_too(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(now: str, method: str, path: str) -> None:
        raise ZeroDivisionError

    bot.discord.on_request = broken
    await bot.http.get(bot.discord.api_url + "/users/@me")
    assert "ZeroDivisionError" in bot.discord.violations[0]


async def test_a_held_request_is_applied_after_its_release(bot: Bot) -> None:
    hold = asyncio.Event()
    bot.discord.fail("POST", "/messages$", hold=hold)
    sending = asyncio.create_task(bot.send(content="a"))
    await bot.discord.wait(lambda: bot.discord.requests)
    assert bot.discord.messages(bot.channel) == []
    hold.set()
    assert (await sending)[0] == 200
