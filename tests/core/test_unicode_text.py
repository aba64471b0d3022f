"""Lone surrogates from platforms and models are replaced where they enter the core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bot.interfaces.database import Database
from bot.interfaces.errors import StoreError
from bot.interfaces.messages import Act, Attachment, Message, Request
from bot.interfaces.replies import Done, Text
from bot.interfaces.store import Continuation
from bot.utils.unicode_text import well_formed
from tests.core.world import ANN, CHANNEL, DIRECT, THREAD, World, play

HALF, MARK = "\ud83d", "\ufffd"

ASKED: Mapping[str, Mapping[str, object]] = {
    "name": {"person": replace(ANN, name=f"Ann{HALF}")},
    "place": {"place": replace(CHANNEL, name=f"#gen{HALF}")},
    "text": {"arguments": {"text": f"hello {HALF}"}},
    "option": {"arguments": {f"text{HALF}": "x", "text": "hello"}},
    "file": {"attachments": (Attachment(f"a{HALF}.txt", url=f"x{HALF}"),)},
    "message": {"message": f"m{HALF}", "replies_to": f"r{HALF}"},
}


@pytest.mark.parametrize("where", sorted(ASKED))
async def test_half_a_character_anywhere_is_answered(world: World, where: str) -> None:
    draft = await world.say("hello", **{"place": CHANNEL, **ASKED[where]})  # type: ignore[arg-type]  # any field
    assert "hello" in draft.text
    assert "went wrong" not in str(draft.answers[-1].notes)


async def test_half_a_character_in_an_edit_is_kept(world: World) -> None:
    draft = await world.say("hello", DIRECT)
    await world.intake.edited(DIRECT, draft.request.message, f"bye {HALF}")
    await world.say("and now?", DIRECT)
    assert world.main.prompts[-1][1].text == f"bye {MARK}"


async def test_half_a_character_said_around_is_read(world: World) -> None:
    world.adapter.context_messages = [Message("x1", f"Ben{HALF}", f"look {HALF}")]
    await world.say("what?", THREAD)
    assert f"Ben{MARK}: look {MARK}" in world.main.prompts[-1][-1].text


async def test_half_a_character_of_a_model_is_kept(world: World) -> None:
    play(world.main, Text(f"well {HALF}"), Done())
    draft = await world.say("hello", DIRECT)
    assert draft.text == f"well {MARK}"
    assert [turn.text for turn in await world.store.conversations.turns(1)] == ["hello", f"well {MARK}"]


async def test_what_utf8_cannot_hold_is_a_store_error(store: Database) -> None:
    request = Request(Act("1", 1), DIRECT, replace(ANN, name=HALF), "chat", {"text": "x"})
    with pytest.raises(StoreError):
        await store.requests.accept(request, Continuation(()))
    with pytest.raises(StoreError):
        await store.conversations.set_model(1, HALF)


def test_surrogate_pairs_are_joined_without_a_copy() -> None:
    assert well_formed(("\ud83d\ude00", b"\xed", 1)) == ("😀", b"\xed", 1)
    assert well_formed(DIRECT) is DIRECT
