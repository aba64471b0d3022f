"""A piece's path from the model's stream to the draft, with a platform and models in memory."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from types import FrameType

import pytest

import bot.commands.chat
from bot.interfaces.errors import Unavailable
from bot.interfaces.prompts import Prompt
from bot.interfaces.replies import Done, Reply, Status, Text, Thought
from bot.interfaces.store import Accepted
from bot.services import Services
from tests.core.world import ANN, CHANNEL, World, play
from tests.fakes.memory import MemoryDraft
from tests.tasks.examples import CAT, UPLOADS

BOT = Path(__file__).parents[2] / "bot"

MOST_GENERATORS = 4


def notes(draft: MemoryDraft) -> str:
    return " ".join(draft.answers[-1].notes)


def generators_above(frame: FrameType | None) -> list[str]:
    """Return the bot's own generators that wait for a frame."""
    found = []
    while frame:
        if frame.f_code.co_flags & inspect.CO_ASYNC_GENERATOR and frame.f_code.co_filename.startswith(str(BOT)):
            found.append(frame.f_code.co_qualname)
        frame = frame.f_back
    return found


@pytest.mark.parametrize(("command", "words"), [("chat", "hi"), ("ask", "hi"), ("summarise", "A long text.")])
async def test_a_piece_climbs_few_generators(world: World, command: str, words: str) -> None:
    climbed: list[str] = []

    async def script(_prompt: Prompt) -> AsyncGenerator[Text | Thought | Status | Done, None]:
        climbed.extend(generators_above(sys._getframe()))
        yield Text("In short.")
        yield Done()

    world.spare.script = script
    play(world.main, Unavailable("It is down."))
    draft = await world.command(command, CHANNEL, ANN, text=words)
    assert draft.text == "In short."
    assert len(climbed) <= MOST_GENERATORS


async def test_a_fault_before_the_reply_is_answered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_services: Services, _accepted: Accepted) -> Reply:
        raise RuntimeError("A fault of ours.")

    monkeypatch.setattr(bot.commands.chat, "run", run)
    assert "An error inside me" in notes(await world.say("hi"))


async def test_a_fallback_does_a_task_and_says_so(world: World) -> None:
    play(world.main, Unavailable("It is down."))
    play(world.spare, Text("In short."), Done())
    draft = await world.command("summarise", CHANNEL, ANN, text="A long text.")
    assert draft.text == "In short."
    assert notes(draft).startswith(
        "main did not answer: It is down. spare answers instead. Answered by spare (chat model"
    )


async def test_a_failed_model_is_asked_once_a_task(world: World) -> None:
    play(world.main, Unavailable("It is down."))
    play(world.spare, Text("Part."), Done())
    draft = await world.command("summarise", CHANNEL, ANN, text="Some words in a row. " * 3_000)
    assert len(world.spare.prompts) > 2
    assert notes(draft).count("main did not answer") == 1
    assert len(world.main.prompts) == 1


async def test_a_blind_fallback_is_passed_over(world: World) -> None:
    sections = world.app.services.catalogue.sections
    sections["main"] = sections["main"].model_copy(update={"sees": True})
    world.adapter.files = dict(UPLOADS)
    play(world.main, Unavailable("It is down."))
    draft = await world.say("", CHANNEL, ANN, command="ask-image", arguments={"question": "Why?"}, attachments=(CAT,))
    assert "It is down." in notes(draft)
    assert not world.spare.prompts
