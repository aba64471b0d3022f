"""Private questions and private threads: conversations of their own, which nobody else can reach."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.interfaces.messages import Act, Place, Request
from bot.interfaces.store import Accepted
from tests.administration.stored_data import answer_text, prompt_turns
from tests.core.world import ANN, BEN, CHANNEL, DIRECT, World
from tests.storage.desk import AGAIN, QUARTER, STEER, Desk

PRIVATE_THREAD = replace(CHANNEL, thread="a private thread")
SECRET = "the merger is called Falcon"


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world.store)


def prompt(world: World) -> str:
    return str(prompt_turns(world))


# Private questions ----------------------------------------------------------------------------------------------------


async def test_private_reply_stays_out_of_public_conversations(world: World) -> None:
    public = await world.say("What is a model?", CHANNEL, ANN)
    reply = f"answer-{public.log.request_id}"
    await world.say(SECRET, CHANNEL, ANN, replies_to=reply, private=True)
    assert "What is a model?" in prompt(world), "it still knows what it replies to"
    await world.say("Go on", CHANNEL, ANN)
    assert "What is a model?" in prompt(world)
    assert "Falcon" not in prompt(world)
    await world.say("And then?", CHANNEL, BEN, replies_to=reply)
    assert "Falcon" not in prompt(world)


async def test_private_questions_remember_each_other(world: World) -> None:
    await world.say(SECRET, CHANNEL, ANN, private=True)
    await world.say("What is it called?", CHANNEL, ANN, private=True)
    assert "Falcon" in prompt(world)


@pytest.mark.parametrize("who", [ANN, BEN])
async def test_public_reply_to_private_question_begins_anew(world: World, who: object) -> None:
    asked = await world.say(SECRET, CHANNEL, ANN, private=True)
    for message in (asked.request.message, f"answer-{asked.log.request_id}"):
        await world.say("What is it called?", CHANNEL, who, replies_to=message)  # type: ignore[arg-type]  # a person
        assert "Falcon" not in prompt(world)


async def test_private_reply_to_anothers_private_question_begins_anew(world: World) -> None:
    asked = await world.say(SECRET, CHANNEL, ANN, private=True)
    await world.say("What is it called?", CHANNEL, BEN, replies_to=asked.request.message, private=True)
    assert "Falcon" not in prompt(world)


async def test_thread_on_private_question_does_not_continue_it(world: World) -> None:
    asked = await world.say(SECRET, CHANNEL, ANN, private=True)
    thread = replace(CHANNEL, thread=asked.request.message)
    assert await world.offer("What is it called?", thread, BEN, addressed=False) is None, "it takes no part there"
    await world.say("What is it called?", thread, BEN)
    assert "Falcon" not in prompt(world)


async def test_private_retry_answers_ones_private_question(world: World) -> None:
    await world.command("config set", CHANNEL, ANN, key="private", value="on", scope="me")
    await world.say(SECRET, CHANNEL, ANN)
    again = await world.command("retry", CHANNEL, ANN)
    assert again.request.private
    assert "Falcon" in answer_text(again)


async def test_private_retry_leaves_public_conversations_alone(desk: Desk) -> None:
    await desk.must(CHANNEL)
    await desk.must(PRIVATE_THREAD)
    for place in (CHANNEL, PRIVATE_THREAD):
        assert (await desk.must(place, command=AGAIN, private=True)).conversation == 0
        mine = await desk.must(place, private=True)
        assert (await desk.must(place, command=AGAIN, private=True)).conversation == mine.conversation


async def test_setting_keeps_answers_of_tasks_private_too(world: World) -> None:
    await world.command("config set", CHANNEL, ANN, key="private", value="on", scope="me")
    request = world.request("summarise", CHANNEL, ANN, {"text": SECRET})
    assert world.intake.settle(request).private
    button = world.request("summarise", CHANNEL, ANN, {"request": "1"})
    assert not world.intake.settle(button).private, "a button's answer is as public as the one that it stands under"


async def test_option_makes_a_typed_command_private(world: World) -> None:
    for command in ("ask", "summarise"):
        typed = world.request(command, CHANNEL, ANN, {"text": SECRET, "private": "yes"})
        assert world.intake.settle(typed).private


async def test_buttons_work_in_ones_direct_message(desk: Desk, world: World) -> None:
    private = await desk.must(CHANNEL, private=True)
    about = {"request": str(private.id)}
    assert (await desk.must(DIRECT, command=AGAIN, arguments=about)).conversation == private.conversation
    assert (await desk.must(DIRECT, BEN, command=AGAIN, arguments=about)).conversation == 0
    public = await desk.must(CHANNEL)
    assert (await desk.must(DIRECT, command=AGAIN, arguments={"request": str(public.id)})).conversation == 0
    services = world.app.services
    pressed = Request(Act("pressed", 1), DIRECT, ANN, "stop")
    await services.rights.check_steering(pressed, ANN.id, CHANNEL)


# Private threads ------------------------------------------------------------------------------------------------------


async def test_retry_in_a_channel_means_no_private_thread(world: World) -> None:
    await world.say(SECRET, PRIVATE_THREAD, ANN)
    again = await world.command("retry", CHANNEL, ANN)
    assert "Falcon" not in answer_text(again)
    assert "There is no question to answer again here." in answer_text(again)


@pytest.mark.parametrize(("told", "asked"), [(PRIVATE_THREAD, CHANNEL), (CHANNEL, PRIVATE_THREAD)])
async def test_replies_stay_within_channel_or_thread(world: World, told: Place, asked: Place) -> None:
    first = await world.say(SECRET, told, BEN)
    for message in (first.request.message, f"answer-{first.log.request_id}"):
        await world.say("What do you make of this?", asked, ANN, replies_to=message)
        assert "Falcon" not in prompt(world)


@pytest.mark.parametrize("command", [STEER, AGAIN])
async def test_buttons_stay_within_channel_or_thread(desk: Desk, command: object) -> None:
    for told, pressed in ((PRIVATE_THREAD, CHANNEL), (CHANNEL, PRIVATE_THREAD)):
        first = await desk.must(told)
        about = {"request": str(first.id)}
        assert (await _press(desk, pressed, command, about)).conversation == 0
        assert (await _press(desk, told, command, about)).conversation == first.conversation


async def _press(desk: Desk, place: Place, command: object, about: dict[str, str]) -> Accepted:
    return await desk.must(place, command=command, arguments=about)  # type: ignore[arg-type]  # a command


async def test_steering_a_channel_leaves_private_threads_alone(desk: Desk) -> None:
    await desk.must(PRIVATE_THREAD)
    assert (await desk.must(CHANNEL, command=STEER)).conversation == 0
    grown = await desk.must(replace(CHANNEL, thread="m7"), message="m7")
    assert (await desk.must(CHANNEL, command=STEER)).conversation == grown.conversation, "asked in the channel itself"


async def test_grown_thread_and_its_channel_reach_each_other(desk: Desk) -> None:
    asked = await desk.must(replace(CHANNEL, thread="m7"), message="m7")
    assert (await desk.must(CHANNEL, replies_to="m7")).conversation == asked.conversation
    below = await desk.must(CHANNEL, message="")
    await desk.answer(below, "one?", "one")
    thread = replace(CHANNEL, thread=f"a{below.id}")
    about = {"request": str(below.id)}
    assert (await desk.must(thread, command=AGAIN, arguments=about)).conversation == below.conversation
    assert (await desk.must(thread, window=QUARTER)).conversation == below.conversation
