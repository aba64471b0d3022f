"""Mangled events of Discord: no error, no ping, and the connection stays."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import orjson
import pytest
from hypothesis import given

from bot.interfaces.replies import Choice, Field, Form
from tests.adapters.base_town import Fuzzed
from tests.adapters.discord.town import Town, town
from tests.fakes.discord.world import Json
from tests.fuzz import FUZZED, HALF, MUTATIONS, WHICH, mutated

KINDS = (
    "CHANNEL_CREATE",
    "CHANNEL_DELETE",
    "GUILD_CREATE",
    "GUILD_DELETE",
    "GUILD_ROLE_CREATE",
    "MESSAGE_CREATE",
    "MESSAGE_DELETE",
    "MESSAGE_DELETE_BULK",
    "MESSAGE_UPDATE",
    "THREAD_CREATE",
    "THREAD_DELETE",
    "command",
    "component",
    "completion",
    "form",
)
INTERACTIONS = {2: "command", 3: "component", 4: "completion", 5: "form"}


async def use_everything(team: Town) -> None:
    """Let people do everything once."""
    discord, ada = team.discord, team.ada
    discord.rates.on = False
    await team.start()
    team.intake.form = Form("Setting", "config set", (Field("value", "Value", value="1"),))
    asked, request = await team.asked()
    await team.answer(request, "Hi", Choice("Again", "ask", {"text": "more"}))
    answer = await discord.answer_to(asked)
    discord.press(answer.id, "Again", ada)
    await team.intake.next()
    team.say(discord.mention("look"), files=["cat.png"])  # type: ignore[arg-type]  # see post()
    await team.intake.next()
    team.say(discord.mention("and this"), reply_to=asked)
    await team.intake.next()
    await team.used("ask", text="what is this", model="large")
    await discord.complete(team.channel, ada, "ask", "model", "la")
    opened = discord.slash(team.channel, ada, "config set", {"key": "a"})
    await discord.wait(lambda: opened.modal)
    discord.submit(opened, {"value": "2"})
    await team.intake.next()
    discord.edit(asked, discord.mention("hello again"))
    thread = discord.add_thread(team.channel, "aside", ada)
    team.say(discord.mention("in here"), to=thread)
    await team.intake.next()
    discord.delete_channel(thread)
    gone = [team.say("one"), team.say("two")]
    discord.delete(*gone)
    discord.delete(team.say("three"))
    discord.delete_channel(discord.add_channel(team.guild, "short"))
    discord.add_role(team.guild, "Guests")
    other = discord.add_guild("Other")
    discord.join(other)
    discord.leave(other)
    await team.asked("are you there?")


class Server(Fuzzed[Town]):
    """A guild in which people did everything once; `events` are the dispatches by kind."""

    def __init__(self, runner: asyncio.Runner) -> None:
        super().__init__(runner, town(), use_everything)
        self._session = runner.run(self.team.discord.connected())
        self.events = {kind: self._of(kind) for kind in KINDS}
        self._direct = self.team.discord.add_direct(self.team.ada)

    def _of(self, kind: str) -> Sequence[Json]:
        events = [orjson.loads(event) for event in self._session.events]
        named = [(INTERACTIONS.get(event["d"].get("type"), ""), event) for event in events]
        return [
            event for what, event in named if kind in (event["t"], what if event["t"] == "INTERACTION_CREATE" else "")
        ][-12:]

    def dispatch(self, event: str, data: Json) -> None:
        """Send one event unchanged, and assert that the same connection serves the next."""
        self.runner.run(self._dispatched(event, data))

    async def _dispatched(self, event: str, data: Json) -> None:
        discord, before = self.team.discord, self.team.discord.gateway.identifies + self.team.discord.gateway.resumes
        self._session.push(event, data)
        message = self.team.say("are you there?", to=self._direct)
        async with asyncio.timeout(10):
            while (await self.team.intake.next()).message != message:
                pass
        assert discord.gateway.identifies + discord.gateway.resumes == before, "the connection was lost"
        self.check()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with asyncio.Runner() as runner:
        made = Server(runner)
        yield made
        made.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_mangled_dispatch_ends_nothing(server: Server, kind: str) -> None:
    examples = server.events[kind]
    assert examples, f"nobody does {kind}"

    @FUZZED
    @given(WHICH, MUTATIONS)
    def attempt(which: int, mutations: Sequence[tuple[int, object]]) -> None:
        event = examples[which % len(examples)]
        data = event["d"]
        assert isinstance(data, dict)
        whole = [(place, "" if odd == HALF else odd) for place, odd in mutations]  # no JSON to orjson, nor to Discord
        server.dispatch(str(event["t"]), mutated(data, whole))

    attempt()
