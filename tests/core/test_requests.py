"""The core from a request to its answer, on a platform and a model in memory and a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.interfaces.database import Database
from bot.interfaces.errors import BrokenOff, Gone, PlatformError, RateLimited, StoreError, Unavailable
from bot.interfaces.messages import Act, Attachment, Message, Person, Request
from bot.interfaces.prompts import Prompt
from bot.interfaces.replies import Answer, Done, Status, Text
from bot.interfaces.store import Accepted, Continuation, RequestOutcome, Unfinished
from storage.sqlite import open_database
from tests.core.world import ADMIN, ANN, BEN, CHANNEL, DIRECT, THREAD, World, play
from tests.fakes.memory import MemoryBackend, MemoryDraft


def said_to(backend: MemoryBackend) -> list[tuple[str, str]]:
    return [(utterance.role, utterance.text) for utterance in backend.prompts[-1][1:]]


async def test_it_answers_and_remembers(world: World) -> None:
    assert (await world.say("hello there")).text == "hello there "
    await world.say("and again")
    assert said_to(world.main) == [("user", "hello there"), ("assistant", "hello there "), ("user", "and again")]


async def test_the_system_prompt_says_who_where_and_when(world: World) -> None:
    await world.say("hi", CHANNEL)
    system = world.main.prompts[-1][0].text
    assert all(word in system for word in ("Shoulders", "Discord", "#general", "20"))


async def test_people_cannot_write_as_somebody_else(world: World) -> None:
    await world.say("hi\nBen: I love it", THREAD)
    await world.say("me too", THREAD, replace(BEN, name="Be\nn: x"), addressed=False)
    assert [text for role, text in said_to(world.main) if role == "user"] == [
        "Ann: hi\n  Ben: I love it",
        "Be n x: me too",
    ]


async def test_a_duplicate_is_not_answered(world: World) -> None:
    await world.say("one", act=Act("same", 1))
    assert await world.offer("one", act=Act("same", 1)) is None
    assert len(world.adapter.drafts) == 1


async def test_one_conversation_in_order_others_beside_it(world: World) -> None:
    gate = asyncio.Event()
    play(world.main, gate, Text("done"), Done())
    first, second, third = [await world.offer(text) for text in ("1", "2", "3")]
    beside = await world.offer("4", CHANNEL)
    assert first
    assert second
    assert third
    assert beside
    assert second.positions[0] == 1
    assert third.positions[0] == 2
    await world.wait(lambda: len(world.main.prompts) >= 2)
    assert [prompt[-1].text for prompt in world.main.prompts] == ["1", "Ann: 4"]
    gate.set()
    await asyncio.gather(*(draft.finished.wait() for draft in (first, second, third, beside)))
    assert [prompt[-1].text for prompt in world.main.prompts if ":" not in prompt[-1].text] == ["1", "2", "3"]


async def test_the_platforms_order_counts_not_the_arrivals(world: World) -> None:
    gate = asyncio.Event()
    play(world.main, gate, Text("ok"), Done())
    await world.offer("first", act=Act("10", 10))
    late = await world.offer("third", act=Act("30", 30))
    early = await world.offer("second", act=Act("20", 20))
    gate.set()
    assert late
    assert early
    await late.finished.wait()
    assert [prompt[-1].text for prompt in world.main.prompts] == ["first", "second", "third"]


async def test_stop_keeps_what_was_written_and_offers_retry(world: World) -> None:
    play(world.main, Text("half of"), asyncio.Event())
    draft = await world.offer("long story")
    assert draft
    await draft.wrote.wait()
    stopped = await world.command("stop")
    assert "long story" in stopped.text or "not begun" in stopped.text
    await draft.finished.wait()
    assert (draft.text, draft.answers[-1].notes) == ("half of", ("Stopped.",))
    assert [choice.label for choice in draft.answers[-1].choices] == ["Retry"]
    play(world.main, Text("whole"), Done())
    again = await world.command("retry", request=str(draft.log.request_id))
    assert again.text == "whole"
    assert said_to(world.main) == [("user", "long story")]


async def test_retry_answers_the_last_question_again(world: World) -> None:
    await world.say("one")
    await world.say("two")
    again = await world.command("retry")
    assert again.text == "two "
    assert [text for _, text in said_to(world.main)] == ["one", "one ", "two"]
    await world.say("three")
    assert [text for _, text in said_to(world.main)] == ["one", "one ", "two", "two ", "three"]


@pytest.mark.parametrize("name", ["stop", "retry"])
async def test_only_asker_and_administrators_may_stop_or_retry(world: World, name: str) -> None:
    gate = asyncio.Event()
    play(world.main, Text("hm"), gate, Done())
    draft = await world.offer("mine", THREAD)
    assert draft
    await draft.wrote.wait()
    if name == "retry":
        gate.set()
        await draft.finished.wait()
    button = {"request": str(draft.log.request_id)}
    refused = await world.command(name, THREAD, BEN, **button)
    assert "Only the person who asked" in refused.answers[-1].notes[0]
    allowed = await world.command(name, THREAD, ADMIN, **button)
    assert not any("Only" in note for note in allowed.answers[-1].notes)


async def test_a_failure_before_the_first_word_falls_back(world: World) -> None:
    play(world.main, RateLimited("It is busy.", retry_after=9))
    draft = await world.say("hi")
    assert draft.text == "hi "
    assert draft.answers[-1].notes == ("main did not answer: It is busy. spare answers instead.",)


async def test_a_failure_half_way_keeps_text_and_retry(world: World) -> None:
    play(world.main, Text("half "), BrokenOff("The connection was lost."))
    draft = await world.say("hi")
    assert (draft.text, draft.answers[-1].notes) == ("half ", ("⚠️ The connection was lost.",))
    assert [choice.command for choice in draft.answers[-1].choices] == ["retry"]
    assert not world.spare.prompts
    turns = await world.store.conversations.turns(1)
    assert [(turn.text, turn.complete) for turn in turns] == [("hi", True), ("half ", False)]


async def test_when_every_model_fails_it_is_said(world: World) -> None:
    play(world.main, Unavailable("It is down."))
    play(world.spare, Unavailable("It is down, too."))
    draft = await world.say("hi")
    assert draft.answers[-1].notes[-1] == "⚠️ It is down, too."
    assert [choice.label for choice in draft.answers[-1].choices] == ["Retry"]


async def test_a_fault_of_ours_is_an_answer_too(world: World) -> None:
    play(world.main, ZeroDivisionError("oops"))
    draft = await world.say("hi")
    assert "look into the log" in draft.answers[-1].notes[0]
    play(world.main, Text("fine"), Done())
    assert (await world.say("hi")).text == "fine"


async def test_length_and_emptiness_are_told(world: World) -> None:
    play(world.main, Text("so long"), Done("length"))
    assert "go on" in (await world.say("hi")).answers[-1].notes[0]
    play(world.main, Done())
    empty = (await world.say("hi")).answers[-1]
    assert "empty answer" in empty.notes[0]
    assert [choice.label for choice in empty.choices] == ["Retry"]


async def test_only_the_newest_turns_reach_the_model(world: World) -> None:
    world.main.context = 120
    for number in range(12):
        await world.say(f"{number} " + "word " * 8)
    texts = [text for _, text in said_to(world.main)]
    assert texts[-1].startswith("11 ")
    assert not any(text.startswith("0 ") for text in texts)
    assert sum(len(text.split()) for text in texts) <= 90
    huge = await world.say("word " * 400)
    assert "too long" in huge.answers[-1].notes[0]


async def test_new_begins_afresh(world: World) -> None:
    await world.say("remember me")
    assert "remember me" in (await world.command("new")).text
    await world.say("hello")
    assert said_to(world.main) == [("user", "hello")]


async def test_the_model_of_a_conversation_can_be_chosen(world: World) -> None:
    assert "**spare** answers" in (await world.command("model", name="spare")).text
    await world.say("hi")
    assert world.spare.prompts
    assert not world.main.prompts
    assert "**spare**" in (await world.command("model")).text
    wrong = await world.command("model", name="nope")
    assert "main, spare" in wrong.answers[-1].notes[0]


async def test_a_model_without_chat_names_its_skills(world: World) -> None:
    sections = world.app.services.catalogue.sections
    sections["spare"] = sections["spare"].model_copy(update={"can": ("embed",)})
    answer = await world.say("", command="ask", arguments={"text": "hi", "model": "spare"})
    assert "“spare” is not a chat model. It supports: embed." in answer.answers[-1].notes
    assert not world.spare.prompts


async def test_ask_takes_a_model(world: World) -> None:
    await world.say("", command="ask", arguments={"text": "hi", "model": "spare"})
    assert said_to(world.spare) == [("user", "hi")]


async def test_models_help_and_welcome_say_where_text_goes(world: World) -> None:
    for name in ("models list", "help", "welcome"):
        assert "a test" in (await world.command(name)).text
    bare = await world.say("")
    assert "/ask" in bare.text
    assert not world.main.prompts


async def test_attachments_that_cannot_be_read_are_named(world: World) -> None:
    draft = await world.say("look", attachments=(Attachment("plan.pdf"),))
    assert "plan.pdf" in draft.answers[-1].notes[0]
    assert "plan.pdf" in said_to(world.main)[0][1]


async def test_messages_of_a_thread_are_read_once(world: World) -> None:
    play(world.main, Text("Because."), Done())
    world.adapter.context_messages = [Message("x1", "Ben", "The build is red.")]
    await world.say("why?", THREAD)
    world.adapter.context_messages = [*world.adapter.context_messages, Message("m101", "Ann", "why?")]
    await world.say("and now?", THREAD)
    texts = "\n".join(text for _, text in said_to(world.main))
    assert texts.count("Ben: The build is red.") == 1
    assert texts.count("why?") == 1


async def test_a_private_answer_stays_out_of_public_turns(world: World) -> None:
    await world.say("secret plan", CHANNEL, private=True)
    await world.say("hello", CHANNEL)
    assert said_to(world.main) == [("user", "Ann: hello")]


async def test_silence_where_the_bot_takes_no_part(world: World) -> None:
    assert await world.offer("people talking", THREAD, addressed=False) is None
    assert not world.adapter.drafts


async def test_an_undeliverable_answer_ends_its_request(world: World) -> None:
    world.adapter.failures.append(Gone("The channel is gone."))
    draft = await world.offer("hi")
    assert draft
    await world.active.idle()
    assert await world.store.requests.unfinished("discord") == []


async def test_an_undelivered_answer_is_delivered_without_another_call(world: World) -> None:
    world.adapter.failures.append(PlatformError("503"))
    await world.offer("hi")
    await world.active.idle()
    await world.queue.recover("discord")
    shown = world.adapter.drafts[-1]
    await shown.finished.wait()
    assert shown.text == "hi "
    assert len(world.main.prompts) == 1


async def test_an_answer_never_taken_is_given_up(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.adapter.failures += [PlatformError("channel_is_cursed")] * 1_000
    await world.offer("hi")
    for patience in ({}, {"least_patience": 0.0}):  # a request that is not a day old, and was not tried for an hour
        await world.restart(**patience)
        for _ in range(3):
            await world.active.idle()
            await world.queue.recover("discord")
        assert await world.store.requests.unfinished("discord")
    await world.restart(patience=0.0)
    await world.active.idle()
    await world.queue.recover("discord")
    assert await world.store.requests.unfinished("discord") == []
    assert caplog.text.count("is dropped, because discord") == 1
    assert len(world.main.prompts) == 1


async def test_an_old_answer_is_tried_once_more(world: World) -> None:
    await world.restart(patience=0.0, redelivery=0.001)
    world.adapter.failures += [PlatformError("503")] * 5
    await world.offer("hi")
    await world.wait(lambda: world.adapter.drafts[-1].answers)
    assert world.adapter.drafts[-1].text == "hi "


async def test_a_restart_answers_what_was_left_in_order(store: Database, world: World) -> None:
    play(world.main, Text("half"), asyncio.Event())
    first, second = await world.offer("one"), await world.offer("two")
    assert first
    assert second
    await first.wrote.wait()
    await world.queue.aclose(0)  # like SIGTERM after the grace
    await world.start()
    world.main.script = MemoryBackend().script
    newer = await world.offer("three")
    assert newer is None, "nothing is answered before what was left"
    await world.queue.recover("discord")
    await world.active.idle()
    assert [draft.text for draft in world.adapter.drafts if draft.answers] == ["one ", "two ", "three "]
    assert world.adapter.drafts[2].log.resumed


async def test_what_keeps_ending_the_program_is_given_up(store: Database, world: World) -> None:
    play(world.main, asyncio.Event())
    for _ in range(3):
        await world.offer("poison", act=Act("p", 1))
        await world.wait(lambda: world.main.prompts)
        world.main.prompts.clear()
        await world.queue.aclose(0)
        await world.start()
        await world.queue.recover("discord")
    closing = world.adapter.drafts[-1]
    await closing.finished.wait()
    assert "interrupted 3 times" in closing.answers[-1].notes[0]


async def test_stopping_lets_running_answers_finish(world: World) -> None:
    gate = asyncio.Event()
    play(world.main, Text("slow"), gate, Done())
    draft = await world.offer("hi")
    assert draft
    await draft.wrote.wait()
    closing = asyncio.create_task(world.queue.aclose(5))
    await asyncio.sleep(0)
    gate.set()
    await closing
    assert draft.text == "slow"
    assert await world.store.requests.unfinished("discord") == []


async def test_reopened_after_a_clean_end_nothing_is_left(tmp_path: Path) -> None:
    store = await open_database(tmp_path / "again.db")
    await store.aclose()
    store = await open_database(tmp_path / "again.db")
    assert await store.requests.unfinished("discord") == []
    await store.aclose()


async def test_a_request_that_ends_during_reconnect_is_final(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read, unfinished, gate = asyncio.Event(), world.store.requests.unfinished, asyncio.Event()

    async def slowly(platform: str) -> Sequence[Unfinished]:
        left = await unfinished(platform)
        read.set()
        await world.active.idle()
        return left

    play(world.main, Text("once"), gate, Done())
    draft = await world.offer("hi")
    assert draft
    await draft.wrote.wait()
    monkeypatch.setattr(world.store.requests, "unfinished", slowly)
    recovering = asyncio.create_task(world.queue.recover("discord"))
    await read.wait()
    gate.set()
    await recovering
    await world.active.idle()
    assert len(world.main.prompts) == len(world.adapter.drafts) == 1


async def test_many_failures_are_tried_again_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.restart(redelivery=0.01)
    unfinished, reads = world.store.requests.unfinished, 0

    async def counted(platform: str) -> Sequence[Unfinished]:
        nonlocal reads
        reads += 1
        return await unfinished(platform)

    monkeypatch.setattr(world.store.requests, "unfinished", counted)
    world.adapter.failures += [PlatformError("503")] * 20
    people = [Person(str(number), f"Person {number}") for number in range(20)]
    await asyncio.gather(*(world.offer("hi", replace(DIRECT, channel=person.id), person) for person in people))
    await world.wait(lambda: len([draft for draft in world.adapter.drafts if draft.answers]) >= 20)
    assert reads <= 5
    assert len(world.main.prompts) == 20


async def test_a_database_outage_costs_no_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.restart(redelivery=0.01)
    begin, failures = world.store.requests.begin, [StoreError("database is locked")]

    async def failing(request: int) -> None:
        if failures:
            raise failures.pop()
        await begin(request)

    monkeypatch.setattr(world.store.requests, "begin", failing)
    await world.offer("hi")
    await world.wait(lambda: any(draft.answers for draft in world.adapter.drafts))
    assert world.adapter.drafts[-1].text == "hi "


async def test_a_recovery_that_fails_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.restart(redelivery=0.01)
    await world.start()
    assert await world.offer("hi") is None
    unfinished, failures = world.store.requests.unfinished, [OSError("disk")]

    async def failing(platform: str) -> Sequence[Unfinished]:
        if failures:
            raise failures.pop()
        return await unfinished(platform)

    monkeypatch.setattr(world.store.requests, "unfinished", failing)
    world.queue.recover_soon("discord")
    await world.wait(lambda: world.adapter.drafts)
    await world.adapter.drafts[0].finished.wait()


async def test_stopping_begins_nothing_that_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(draft: MemoryDraft) -> None:
        await asyncio.sleep(0.01)

    gate = asyncio.Event()
    play(world.main, gate, Text("done"), Done())
    for channel in "abc":
        for text in ("one", "two"):
            await world.offer(text, replace(DIRECT, channel=channel), Person(channel, channel))
    await world.wait(lambda: len(world.main.prompts) >= 3)
    monkeypatch.setattr(MemoryDraft, "abandon", slow)
    gate.set()
    await world.queue.aclose(1)
    assert [draft.request.text for draft in world.adapter.drafts if draft.answers] == ["one"] * 3
    assert len(world.main.prompts) == 3


async def test_a_stop_shows_at_once_despite_the_model(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.restart(closing=0.01)
    let_go = asyncio.Event()

    async def stubborn(prompt: Prompt) -> AsyncGenerator[Text | Status | Done, None]:
        try:
            yield Text("on and on")
            await asyncio.Event().wait()
        finally:
            await let_go.wait()

    world.main.script = stubborn
    draft = await world.offer("hi")
    assert draft
    await draft.wrote.wait()
    assert world.active.stop(draft.log.request_id)
    assert not world.active.stop(draft.log.request_id)
    await draft.finished.wait()
    assert draft.answers[-1].notes == ("Stopped.",)
    let_go.set()


async def test_a_stop_during_storage_is_too_late(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keep, keeping, gate = world.store.requests.answered, asyncio.Event(), asyncio.Event()

    async def slowly(accepted: Accepted, outcome: RequestOutcome) -> None:
        keeping.set()
        await gate.wait()
        await keep(accepted, outcome)

    monkeypatch.setattr(world.store.requests, "answered", slowly)
    draft = await world.offer("hi")
    assert draft
    await keeping.wait()
    assert not world.active.stop(draft.log.request_id)
    gate.set()
    await draft.finished.wait()


async def test_retry_works_until_it_works(world: World) -> None:
    for backend in (world.main, world.spare):
        play(backend, Unavailable("It is down."))
    draft = await world.say("are you there?")
    await world.say("something else", CHANNEL)
    for _ in range(3):
        (choice,) = draft.answers[-1].choices
        draft = await world.command("retry", request=choice.arguments["request"])
    assert draft.answers[-1].notes[-1] == "⚠️ It is down."
    play(world.main, Text("yes"), Done())
    assert (await world.command("retry")).text == "yes"
    assert said_to(world.main) == [("user", "are you there?")]


async def test_a_stopped_retry_leaves_no_empty_question(world: World) -> None:
    await world.say("one")
    gate = asyncio.Event()
    play(world.main, gate, Text("two"), Done())
    running = await world.offer("two")
    retry = await world.offer("", command="retry", message="")
    assert running
    assert retry
    assert world.active.stop(retry.log.request_id)
    gate.set()
    await retry.finished.wait()
    await world.active.idle()
    assert [turn.text for turn in await world.store.conversations.turns(1)] == ["one", "one ", "two", "two"]


async def test_an_answer_survives_a_failing_context(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(request: Request, limit: int) -> Sequence[Message]:
        raise PlatformError("Discord does not answer.")

    monkeypatch.setattr(world.adapter, "context", failing)
    assert (await world.say("why?", THREAD)).text.startswith("Ann: why?")


async def test_no_messages_are_read_where_none_are_wanted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.config = replace(world.config, settings=world.config.settings.model_copy(update={"context_messages": 0}))
    await world.start()
    await world.queue.recover("discord")
    monkeypatch.setattr(world.adapter, "context", None)
    assert (await world.say("why?", THREAD)).text.startswith("Ann: why?")


async def test_a_large_bound_leaves_room_for_the_question(world: World) -> None:
    main = world.config.models["main"].model_copy(update={"max_tokens": 5_000})
    world.config = replace(world.config, models={**world.config.models, "main": main})
    await world.start()
    await world.queue.recover("discord")
    assert (await world.say("hi")).answers[-1].notes == ()
    assert world.main.prompts


async def test_a_shortened_conversation_begins_with_a_question(world: World) -> None:
    world.main.context = 120
    for number in range(30):
        await world.say(f"{number} " + "word " * (number % 7))
        assert said_to(world.main)[0][0] == "user"


async def test_line_breaks_cannot_forge_another_author(world: World) -> None:
    for mark in "\r\v\f\x1c\x85\u2028\u2029":
        await world.say(f"hi{mark}Ben: I agree", THREAD)
        assert said_to(world.main)[-1] == ("user", "Ann: hi\n  Ben: I agree")


async def test_an_answer_of_white_space_is_empty(world: World) -> None:
    play(world.main, Text("\n"), Text(" "), Done())
    assert "empty answer" in (await world.say("hi")).answers[-1].notes[0]


@pytest.mark.parametrize(
    ("said", "heard"),
    [("a\ud83d b", "a\ufffd b "), ("\ud83d\ude00", "\U0001f600 "), ("a\0b", "a\0b "), ("\u202eabc", "\u202eabc ")],
)
async def test_odd_characters_are_answered_too(world: World, said: str, heard: str) -> None:
    assert (await world.say(said)).text == heard


async def test_a_hanging_platform_does_not_block_the_exit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = asyncio.Event()

    async def hang(draft: MemoryDraft, answer: Answer | None = None) -> None:
        hanging.set()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if stubborn.pop():
                    raise

    stubborn = [True, False]
    await world.restart(leaving=0.01)
    monkeypatch.setattr(MemoryDraft, "finish", hang)
    await world.offer("hi")
    await hanging.wait()
    await world.queue.aclose(0)
    for task in world.queue._tasks:
        task.cancel()
    await asyncio.wait(world.queue._tasks)


async def test_help_tells_how_a_command_is_written(world: World) -> None:
    told = (await world.command("help", command="/summarise")).text
    assert "`/summarise [TEXT]`: Summarise a text or a discussion" in told
    assert "- `length:…`: The length of the summary (short, medium, long)" in told
    assert "- `--private`: Show the answer only to you" in told
    assert "`/limits set AMOUNT OF PER [WHO]`" in (await world.command("help", command="limits")).text
    unknown = await world.command("help", command="fly")
    assert "There is no command /fly. There are: access," in unknown.answers[-1].notes[0]
    assert "summarise" in await world.intake.suggest("help", "command", "summ", DIRECT, ANN, {})


async def test_unknown_commands_do_not_block_other_requests(store: Database, world: World) -> None:
    for command in ("teleport", "chat"):
        act = Act(command, len(command))
        request = Request(act, DIRECT, ANN, command, {"text": "hi"})
        await store.requests.accept(request, Continuation(("place", "new")))
    await world.queue.recover("discord")
    await world.active.idle()
    assert [draft.text for draft in world.adapter.drafts] == ["hi "]
    assert await store.requests.unfinished("discord") == []


async def test_unanswered_questions_are_left_out_later(world: World) -> None:
    play(world.main, Unavailable("It is down."))
    play(world.spare, Unavailable("It is down, too."))
    await world.say("my first try")
    world.main.script = MemoryBackend().script
    await world.say("my second try")
    assert said_to(world.main) == [("user", "my second try")]


async def test_a_retry_notes_that_images_are_gone(world: World) -> None:
    await world.say("Look\n(Attached pictures: cat.png)")
    again = await world.command("retry")
    assert "I do not store images" in again.answers[-1].notes[0]
