"""Whole conversations, the same on every platform: the contract that every adapter keeps.

Each runs through the platform's real client library, a strict server, the whole core and the real openai library. Any
violation that a server records fails the test. What a platform cannot do is a row in docs/limits.md.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from bot.config import platforms
from bot.interfaces.adapter import Adapter
from tests.fakes.memory import MemoryDraft
from tests.fakes.openai import FAULTS, Answer, chunk, failing
from tests.stages import stages
from tests.stages.base import Stage, TeamStage

STAGES = stages()
ONE_A_MONTH = {"amount": "1", "of": "requests", "per": "month"}


def test_every_platform_has_its_stage() -> None:
    assert set(STAGES) == set(platforms())


def needs(ability: str) -> pytest.MarkDecorator:
    """Skip the platforms whose stage lacks these abilities."""
    return pytest.mark.needs(ability)


@pytest.mark.parametrize("platform", sorted(STAGES))
def test_docs_limits_lists_every_missing_ability(platform: str) -> None:
    limits = (Path(__file__).parents[2] / "docs" / "limits.md").read_text(encoding="utf-8")
    assert [reason for reason in STAGES[platform].cannot.values() if reason not in limits] == []


async def test_a_mention_is_answered_and_followed_up(stage: Stage) -> None:
    first = await stage.mention("What is a model?")
    assert "You said: " in (await stage.answer(first)).text
    second = await stage.follow(first, "And a pretrained one?")
    assert "And a pretrained one?" in (await stage.answer(second)).text
    assert [role for role, _ in stage.prompts[-1]] == ["user", "assistant", "user"]


async def test_text_is_seen_before_the_answer_is_whole(stage: Stage) -> None:
    gate = asyncio.Event()
    stage.model.script(Answer(("Once upon a time", gate, " they lived.")))
    said = await stage.mention("Tell me a story")
    await stage.sees(said, "Once upon a time")
    gate.set()
    shown = await stage.answer(said)
    assert shown.text.endswith("Once upon a time they lived.")
    assert not shown.buttons


async def test_direct_messages_are_one_conversation(stage: Stage) -> None:
    first = await stage.direct("My name is Ann.")
    await stage.answer(first)
    await stage.answer(await stage.follow(first, "Who am I?"))
    assert stage.prompts[-1][0] == ("user", "My name is Ann.")


@needs("people")
async def test_people_have_names_in_a_thread(stage: Stage) -> None:
    first = await stage.mention("I like red.")
    await stage.answer(first)
    await stage.answer(await stage.follow(first, "I like blue.", "ben"))
    texts = [text for role, text in stage.prompts[-1] if role == "user"]
    assert texts == ["Ann: I like red.", "Ben: I like blue."]


@needs("people")
async def test_a_mention_reads_the_thread_before_it(stage: TeamStage) -> None:
    talk = await stage.thread("The build is red.", "It was my change.")
    said = await stage.mention("Whose fault is it?", said=talk)
    await stage.answer(said)
    assert "Ben: The build is red.\nBen: It was my change." in stage.prompts[-1][0][1]


@needs("people")
async def test_in_threads_it_ignores_messages_between_people(stage: TeamStage) -> None:
    talk = await stage.thread("The build is red.")
    await stage.answer(await stage.mention("Why?", said=talk))
    await stage.speak(talk, "is that you?", to="ann")
    await stage.answer(await stage.speak(talk, "And what now?", "ann"))
    assert len(stage.prompts) == 2
    assert stage.prompts[-1][-1] == ("user", "Ann: And what now?")


@needs("people")
async def test_where_it_was_not_asked_it_says_nothing(stage: TeamStage) -> None:
    talk = await stage.thread("The build is red.", "Never mind.")
    await stage.speak(talk, "All is well again.", "ann")
    await stage.answer(await stage.mention("Hello"))
    assert len(stage.prompts) == 1
    assert "build" not in str(stage.prompts)


@needs("people")
async def test_it_introduces_itself_where_it_joins(stage: TeamStage) -> None:
    shown = await stage.answer(await stage.join())
    assert "Hello! I am **Shoulders**" in shown.text
    assert "127.0.0.1" in shown.text


async def test_a_long_answer_goes_on_with_whole_code(stage: Stage) -> None:
    code = "\n".join(f"print('this is line number {number} of the program')" for number in range(90))
    stage.model.script(Answer((f"Here:\n\n```python\n{code}\n```\n\nThat was all.",)))
    shown = await stage.answer(await stage.mention("A long program, please"))
    for number in (0, 45, 89):
        assert shown.text.count(f"line number {number} ") == 1
    assert all(part.count("```") % 2 == 0 for part in shown.parts)
    assert "That was all." in shown.parts[-1]


@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_a_failure_is_reported_with_a_retry(stage: Stage, fault: str) -> None:
    stage.model.answer = lambda _body: FAULTS[fault]()
    said = await stage.mention("Will it break?")
    shown = await stage.answer(said)
    assert "⚠️" in shown.text
    assert ("Half" in shown.text) == any(step == "Half " for step in FAULTS[fault]().steps)
    assert "Retry" in shown.buttons
    assert "sk-canary" not in shown.text
    stage.model.answer = lambda _body: Answer(("It holds now.",))
    again = await stage.answer(await stage.press(said, "Retry"))
    assert "It holds now." in again.text
    assert [text.split(": ")[-1] for _, text in stage.prompts[-1]][-1] == "Will it break?"


async def test_a_fallback_answers_and_says_so(stage: Stage) -> None:
    main = stage.app.services.catalogue.sections["main"]
    stage.app.services.catalogue.sections["main"] = main.model_copy(update={"fallback": "spare"})
    stage.model.answer = lambda body: (
        failing(401, "no", "invalid_api_key") if body["model"] == "test" else Answer(("Hi",))
    )
    shown = await stage.answer(await stage.mention("hello"))
    assert "Hi" in shown.text
    assert "spare answers instead" in shown.text


async def test_stop_keeps_what_was_written(stage: Stage) -> None:
    stage.model.script(Answer(("Half of it", asyncio.Event())))
    said = await stage.mention("A long story")
    await stage.sees(said, "Half of it")
    await stage.press(said, "Stop")
    shown = await stage.answer(said)
    assert "Half of it" in shown.text
    assert "Stopped." in shown.text
    assert shown.buttons == ["Retry"]
    await asyncio.wait_for(stage.model.hung_up.wait(), 10)


@needs("typing ahead")
async def test_the_stop_command_names_the_stopped_conversation(stage: Stage) -> None:
    await stage.answer(await stage.mention("A short story"))
    stage.model.script(Answer(("Half of it", asyncio.Event())))
    said = await stage.mention("A long story")
    await stage.sees(said, "Half of it")
    told = await stage.answer(await stage.command("stop"))
    assert "story" in told.text
    assert "Stopped." in (await stage.answer(said)).text


@needs("people")
async def test_stop_belongs_to_the_asker_and_administrators(stage: Stage) -> None:
    stage.model.script(Answer(("Half of it", asyncio.Event())))
    said = await stage.mention("A long story")
    await stage.sees(said, "Half of it")
    refused = await stage.answer(await stage.press(said, "Stop", "ben"))
    assert "Only the person who asked" in refused.text
    assert refused.only_for == "ben"
    await stage.press(said, "Stop", "root")
    assert "Stopped." in (await stage.answer(said)).text


async def test_new_leaves_the_conversation(stage: Stage) -> None:
    first = await stage.direct("Remember 42.")
    await stage.answer(first)
    told = await stage.answer(await stage.command("new", said=await stage.follow(first, "Ready?")))
    assert "Remember 42." in told.text
    await stage.answer(await stage.direct("Which number?"))
    assert stage.prompts[-1] == [("user", "Which number?")]


async def test_retry_answers_again(stage: Stage) -> None:
    first = await stage.mention("Guess a number")
    await stage.answer(first)
    stage.model.script(Answer(("Seven",)))
    again = await stage.answer(await stage.command("retry"))
    assert "Seven" in again.text
    assert "Guess a number" in again.text or stage.platform == "console"
    assert len(stage.prompts[-1]) == 1


async def test_the_model_can_be_shown_and_chosen(stage: Stage) -> None:
    said = await stage.mention("Hello")
    await stage.answer(said)
    assert "main" in (await stage.answer(await stage.command("model"))).text
    await stage.answer(await stage.command("model", {"name": "spare"}))
    await stage.answer(await stage.follow(said, "Hello again"))
    assert stage.model.requests[-1]["model"] == "gpt-4o"
    wrong = await stage.answer(await stage.command("model", {"name": "nope"}))
    assert "main, spare" in wrong.text


async def test_ask_with_a_model(stage: Stage) -> None:
    shown = await stage.answer(await stage.command("ask", {"text": "Hello there", "model": "spare"}))
    assert "Hello there" in shown.text
    assert stage.model.requests[-1]["model"] == "gpt-4o"
    assert not shown.only_for


@needs("people")
async def test_ask_privately(stage: Stage) -> None:
    shown = await stage.answer(await stage.command("ask", {"text": "A secret", "private": "yes"}))
    assert "A secret" in shown.text
    assert shown.only_for == "ann"
    await stage.answer(await stage.mention("Hello"))
    assert "secret" not in str(stage.prompts[-1])


@pytest.mark.parametrize("name", ["help", "models list"])
async def test_help_and_models_say_where_text_goes(stage: Stage, name: str) -> None:
    shown = await stage.answer(await stage.command(name))
    assert "127.0.0.1" in shown.text
    assert "main" in shown.text


@needs("bare mentions")
async def test_a_bare_mention_gets_help(stage: Stage) -> None:
    assert "/ask" in (await stage.answer(await stage.mention(""))).text
    assert not stage.prompts


@needs("files")
async def test_attachments_are_named(stage: Stage) -> None:
    shown = await stage.answer(await stage.mention("Look", files=["plan.pdf"]))
    assert "plan.pdf" in shown.text
    assert "plan.pdf" in stage.prompts[-1][0][1]


async def test_reasoning_is_shown_only_on_request(stage: Stage) -> None:
    thinking = (chunk({"reasoning": "Hm.\n\nFirst"}), chunk({"reasoning": " this."}), "Because", " so.")
    stage.model.script(Answer(thinking), Answer(thinking))
    hidden = await stage.answer(await stage.mention("Why?"))
    assert "Because so." in hidden.text
    assert "Hm." not in hidden.text
    await stage.answer(await stage.command("config set", {"key": "thinking", "value": "on", "scope": "me"}))
    shown = await stage.answer(await stage.mention("Why, then?"))
    assert re.search(r"Hm\.\s[>\s▌]*First this\.\s[\s]*Because so\.", shown.text), shown.text
    await stage.answer(await stage.mention("And now?"))
    assert "Hm." not in str(stage.prompts[-1])


@needs("files")
async def test_pictures_reach_a_model_that_sees(stage: Stage) -> None:
    shown = await stage.answer(await stage.mention("What is this?", files=["cat.png"]))
    assert "What is this?" in shown.text
    assert "(with 1 pictures)" in shown.text


@pytest.mark.parametrize(
    "text", ["@everyone and @here", "<@&1> <!channel> <!here|x> <!everyone>", "see https://evil.example/?q=secret now"]
)
async def test_model_text_neither_pings_nor_loads_anything(stage: Stage, text: str) -> None:
    stage.model.script(Answer(("Look: ", text)))
    shown = await stage.answer(await stage.mention("Say it"))
    assert "Look:" in shown.text  # the server's rules see to the rest


async def test_a_refusal_states_the_limit_and_its_end(stage: Stage) -> None:
    await stage.answer(await stage.mention("Hello"))
    limited = await stage.answer(await stage.command("limits set", ONE_A_MONTH, "root"))
    assert "1 request a month from now on" in limited.text
    refused = await stage.answer(await stage.mention("And again"))
    assert "Your limit of 1 request a month is used up. It resets in" in refused.text
    assert " at 00:00 UTC." in refused.text
    assert len(stage.prompts) == 1
    shown = await stage.answer(await stage.command("usage show"))
    assert "██████████ 100 %" in shown.text
    assert "main" in shown.text
    assert "15" in shown.text


@needs("people")
async def test_limits_and_their_refusals_are_personal(stage: TeamStage) -> None:
    await stage.answer(await stage.command("limits set", ONE_A_MONTH, "root"))
    assert not (await stage.answer(await stage.mention("Hello"))).only_for
    thread = await stage.mention("Hello, too", "ben")
    assert "is used up now" in (await stage.answer(thread)).text
    for ask in (stage.mention("More"), stage.command("ask", {"text": "More"}), stage.follow(thread, "More", "ben")):
        said = await ask
        refused = await stage.answer(said)
        assert "is used up." in refused.text
        assert refused.only_for == said.who
    assert len(stage.prompts) == 2


@needs("people")
async def test_administrators_get_usage_as_chart_and_csv(stage: TeamStage) -> None:
    for who in ("ann", "ben"):
        await stage.answer(await stage.mention("Hello", who))
    people = await stage.answer(await stage.command("usage people", {}, "root"))
    assert "Ann" in people.text
    assert "Ben" in people.text
    assert people.only_for == "root"
    ((name, picture),) = (await stage.answer(await stage.command("usage chart", {"period": "7d"}, "root"))).files
    assert (name, picture[:8]) == ("usage.png", b"\x89PNG\r\n\x1a\n")
    ((name, figures),) = (await stage.answer(await stage.command("usage csv", {}, "root"))).files
    assert name.endswith(".csv")
    assert b",Ben," in figures


@needs("typing ahead")
async def test_waiting_shows_ones_place(stage: Stage) -> None:
    gate = asyncio.Event()
    first = await stage.mention("Hello")
    await stage.answer(first)
    stage.model.script(Answer(("One", gate)), Answer(("Two",)))
    running = await stage.follow(first, "one")
    await stage.sees(running, "One")
    waiting = await stage.follow(first, "two")
    await stage.sees(waiting, "1 answer before this one")
    gate.set()
    assert "Two" in (await stage.answer(waiting)).text


async def test_an_adapter_that_shows_nothing_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = STAGES["discord"](tmp_path)

    def mute(adapter: Adapter) -> Adapter:
        monkeypatch.setattr(adapter, "draft", lambda request, log: MemoryDraft(request, log, []))
        return adapter

    stage.wrap = mute  # type: ignore[method-assign]  # broken on purpose
    with pytest.raises(KeyError, match="answer-1"):
        async with stage.playing():
            await test_a_mention_is_answered_and_followed_up(stage)
