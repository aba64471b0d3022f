"""Direct messages on Slack: where the app is an agent, each thread is a conversation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.chat.continuation import steering
from bot.interfaces.messages import Place
from tests.adapters.slack.town import Town
from tests.administration.stored_data import Files
from tests.fakes.openai import Answer as TextValue
from tests.stages.base import Said
from tests.stages.slack import SlackStage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncGenerator[SlackStage, None]:
    stage = SlackStage(tmp_path)
    stage.rates = False
    async with stage.playing():
        yield stage


async def ask(stage: SlackStage, text: str, said: Said | None = None, who: str = "ann") -> Said:
    """Write a direct message in the session of `said`, and wait for the answer."""
    new = await (stage.direct(text, who) if said is None else stage.follow(said, text, who))
    await stage.answer(new)
    return new


async def test_each_session_is_a_conversation(stage: SlackStage) -> None:
    first = await ask(stage, "My name is Ann.")
    second = await ask(stage, "I like red.")
    assert stage.prompts[-1] == [("user", "I like red.")]
    await ask(stage, "Who am I?", first)
    assert [text for _, text in stage.prompts[-1]][::2] == ["My name is Ann.", "Who am I?"]
    await ask(stage, "And what do I like?", second)
    assert [text for _, text in stage.prompts[-1]][::2] == ["I like red.", "And what do I like?"]


async def test_a_session_is_a_place(team: Town) -> None:
    direct = team.slack.add_direct(team.ada)
    root = team.say("hello", to=direct)
    first = await team.intake.next()
    team.say("more", to=direct, thread=root)
    assert (await team.intake.next()).place == first.place == Place("slack", team.slack.team, direct, root)
    assert (first.place.direct, first.place.name, first.addressed) == (True, "a direct message", True)
    await team.answer(first, "hi")
    assert team.shown(root, direct) == ["hi"]
    other = team.say("another", to=direct)
    assert (await team.intake.next()).place.thread == other


async def test_without_the_agent_direct_messages_are_one(team: Town) -> None:
    team.slack.scopes.discard("assistant:write")
    await team.restart()
    direct = team.slack.add_direct(team.ada)
    root = team.say("hello", to=direct)
    first = await team.intake.next()
    team.say("in its thread", to=direct, thread=root)
    second = await team.intake.next()
    team.say("and beside it", to=direct)
    assert first.place == second.place == (await team.intake.next()).place
    assert first.place.thread == ""


async def test_new_ends_the_latest_session(stage: SlackStage) -> None:
    await ask(stage, "Remember 41.")
    second = await ask(stage, "Remember 42.")
    shown = await stage.answer(await stage.command("new", said=second))
    assert "Remember 42." in shown.text
    await ask(stage, "Which number?", second)
    assert stage.prompts[-1] == [("user", "Which number?")]


async def test_what_was_one_conversation_goes_on_in_threads(stage: SlackStage) -> None:
    stage.slack.scopes.discard("assistant:write")
    await stage.app.adapters["slack"].check()
    first = await ask(stage, "My name is Ann.")
    stage.slack.scopes.add("assistant:write")
    await stage.app.adapters["slack"].check()
    await ask(stage, "Who am I?", first)
    assert stage.prompts[-1][0] == ("user", "My name is Ann.")


async def test_retry_in_a_session_answers_its_question(stage: SlackStage) -> None:
    await ask(stage, "What is one?")
    second = await ask(stage, "What is two?")
    shown = await stage.answer(await stage.command("retry", said=second))
    assert shown.parts
    assert stage.prompts[-1] == [("user", "What is two?")]


async def test_a_session_is_titled_by_its_first_words(stage: SlackStage) -> None:
    first = await ask(stage, f"What is\n a mean? {'x' * 100}")
    await ask(stage, "And a median?", first)
    set_by = stage.slack.called("agents.sessions.setStatus")
    titles = [body.get("title") for body in set_by if body["status"] == "processing"]
    assert titles == [f"What is a mean? {'x' * 63}…", None]


# Privacy --------------------------------------------------------------------------------------------------------------


async def test_edits_and_deletions_reach_sessions(stage: SlackStage) -> None:
    first = await ask(stage, "My colour is red")
    await stage.edit(first, "My colour is blue")
    second = await ask(stage, "Which colour?", first)
    assert stage.prompts[-1][0] == ("user", "My colour is blue")
    await stage.delete(second)
    await ask(stage, "What did I ask?", first)
    assert [text for role, text in stage.prompts[-1] if role == "user"] == ["My colour is blue", "What did I ask?"]


async def test_sessions_are_exported_to_their_person_only(stage: SlackStage) -> None:
    stage.model.answer = lambda _body: TextValue(("Noted.",))
    await ask(stage, "My first secret")
    await ask(stage, "My second secret")
    ours = await stage.mention("Our words")
    await stage.answer(ours)
    for what, who, expected in (("me", "ann", 2), ("me", "ben", 0), ("channel", "root", 0)):
        shown = await stage.answer(await stage.command(f"export {what}", who=who))
        texts = b"".join(content for _, content in shown.files).decode()
        assert texts.count(" secret") == expected


async def test_sessions_are_forgotten(stage: SlackStage) -> None:
    await ask(stage, "a canary")
    await ask(stage, "a canary again")
    shown = await stage.command("forget me")
    assert "2 questions and 2 answers" in (await stage.answer(shown)).text
    await stage.answer(await stage.press(shown, "Forget it all"))
    assert await Files(stage.folder).holding("canary") == []


async def test_a_conversation_is_forgotten_by_itself(stage: SlackStage) -> None:
    first = await ask(stage, "a canary")
    await ask(stage, "a robin")
    shown = await stage.follow(first, "/forget conversation")
    assert "a canary" in (await stage.answer(shown)).text
    await stage.answer(await stage.press(shown, "Forget it all"))
    assert await Files(stage.folder).holding("canary", "robin") == ["robin"]


async def test_the_audit_tells_nothing_of_sessions(stage: SlackStage) -> None:
    everyone = {"who": "everyone", "what": "bot"}
    await stage.answer(await stage.command("access deny", everyone, "root"))
    refused = await stage.direct("a canary")
    assert "may not" in (await stage.answer(refused)).text
    shown = await stage.answer(await stage.command("audit show", who="root"))
    assert "refused" in shown.text
    assert "canary" not in shown.text


async def test_an_unanswered_session_is_known_after_a_crash(stage: SlackStage) -> None:
    gate = asyncio.Event()
    stage.model.script(TextValue(("Once upon", gate, " a time.")))
    said = await stage.direct("Tell me")
    await stage.sees(said, "Once")
    store = stage.database
    (left,) = await store.requests.unfinished("slack")
    place = left.accepted.request.place
    assert (place.thread, place.direct, place.channel) == (said.message, True, said.channel)
    gate.set()
    await stage.answer(said)
    for there in (place, replace(place, thread="")):
        found = await store.conversations.find(there, stage.users["ann"], steering(there, "any"))
        assert found is not None
        assert found.id == left.accepted.conversation
