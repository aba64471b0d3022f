"""Mangled envelopes of Slack: no error, no hang, no ping, and each is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given

from bot.interfaces.replies import Choice, Field, Form
from tests.adapters.base_town import Fuzzed
from tests.adapters.slack.town import QUICK, Town, town
from tests.fakes.slack.world import Json
from tests.fuzz import FUZZED, MUTATIONS, WHICH, mutated

KINDS = (
    "agent_session_stopped",
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "block_actions",
    "channel_deleted",
    "file_share",
    "member_joined_channel",
    "message",
    "message_action",
    "message_changed",
    "message_deleted",
    "slash_commands",
    "subteam_created",
    "subteam_members_changed",
    "tokens_revoked",
    "user_change",
    "view_submission",
)


async def use_everything(team: Town) -> None:
    """Let people do everything once."""
    slack, channel, ada = team.slack, team.channel, team.ada
    slack.rates.on = False
    await team.start()
    team.intake.form = Form("Setting", "config set", (Field("value", "Value", value="1"),))
    ts, request = await team.asked()
    await team.answer(request, "Hi", Choice("Again", "ask", {"text": "more"}))
    answer = slack.answers(channel, ts)[-1]
    slack.press(channel, answer.ts, "Again", ada)
    await team.intake.next()
    team.say(slack.mention("look"), files=["cat.png"])
    await team.intake.next()
    slack.edit(channel, ts, slack.mention("hello again"))
    slack.stop_session(channel, ts, ada)
    await team.intake.next()
    slack.command(channel, ada, "/ask", "what is this")
    await team.intake.next()
    slack.command(channel, ada, "/shoulders", "config set value")
    await slack.wait(lambda: slack.modal(ada))
    slack.send(ada, {"value": "2"})
    await team.intake.next()
    slack.shortcut(channel, ts, "retry", ada)
    await team.intake.next()
    slack.open_home(ada, slack.add_direct(ada))
    slack.change(ada, admin=True)
    slack.leave(slack.group("team", ada, team.ben), ada)
    slack.group("team", ada)
    slack.join(slack.add_channel("more", ada), inviter=ada)
    slack.delete(channel, ts)
    slack.delete(channel, team.say("never mind"))
    slack.delete_channel(slack.add_channel("gone", ada))
    slack.uninstall()
    await slack.settled()
    slack.world.removed = False


def kind_of(payload: Json) -> str:
    """Return the kind of a payload."""
    event = payload.get("event")
    if isinstance(event, dict):
        return str(event.get("subtype") or event["type"])
    return str(payload.get("type", "slash_commands"))


class Workspace(Fuzzed[Town]):
    """A workspace in which people did everything once; `payloads` are the envelopes by kind."""

    def __init__(self, runner: asyncio.Runner) -> None:
        super().__init__(runner, town(pace=1_000_000, timeouts=replace(QUICK, message=0.0)), use_everything)
        self.payloads = {kind: self._of(kind) for kind in KINDS}

    def _of(self, kind: str) -> Sequence[tuple[str, Json]]:
        sent = [(envelope.type, envelope.payload) for envelope in self.team.slack.socket.envelopes]
        return [(type_, payload) for type_, payload in sent if kind_of(payload) == kind][-4:]

    def deliver(self, kind: str, payload: Json) -> None:
        """Send one envelope, and assert that it is acknowledged."""
        self.runner.run(self._delivered(kind, payload))

    async def _delivered(self, kind: str, payload: Json) -> None:
        slack = self.team.slack
        slack.socket.envelopes.clear()
        envelope = slack.socket.push(kind, payload)
        await slack.wait(lambda: envelope.acknowledged)
        self.check()


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with asyncio.Runner() as runner:
        made = Workspace(runner)
        yield made
        made.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_mangled_envelope_is_acknowledged(workspace: Workspace, kind: str) -> None:
    examples = workspace.payloads[kind]
    assert examples, f"nobody does {kind}"

    @FUZZED
    @given(WHICH, MUTATIONS)
    def attempt(which: int, mutations: Sequence[tuple[int, object]]) -> None:
        envelope, payload = examples[which % len(examples)]
        workspace.deliver(envelope, mutated(payload, mutations))

    attempt()
