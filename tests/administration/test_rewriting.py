"""Deleted text leaves the file of a bot that is never idle, and nobody loses an answer by that."""

from __future__ import annotations

import asyncio

import pytest

from bot.administration import retention
from bot.interfaces.replies import Status
from tests.administration.stored_data import Files, answer_text, forget
from tests.core.world import ADMIN, BEN, CHANNEL, THREAD, World
from tests.fakes.memory import MemoryDraft


async def test_a_busy_bot_forgets_for_good(world: World, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SMALL", 1), ("PAUSES", (0.0,)), ("RETRY_SECONDS", 0.01), ("PAUSE_SECONDS", 0.2)):
        monkeypatch.setattr(retention, name, value)
    await world.say("my secret", CHANNEL)
    gate = asyncio.Event()
    world.hold(gate)
    endless = await world.offer("hers", CHANNEL, BEN)
    cleared, rewrite = asyncio.Event(), world.store.history.rewrite
    waiting: list[MemoryDraft] = []

    async def rewriting() -> None:
        """Somebody asks while the file is being rewritten."""
        draft = await world.offer("asked meanwhile", THREAD, ADMIN)
        assert draft
        waiting.append(draft)
        await asyncio.sleep(0)
        await rewrite()
        assert len(world.main.prompts) == 2, "no model is asked meanwhile"
        cleared.set()

    monkeypatch.setattr(world.store.history, "rewrite", rewriting)
    tidying = asyncio.create_task(world.app.services.retention.run())
    assert "within minutes" in answer_text(await forget(world, "me", CHANNEL))
    assert not cleared.is_set()
    monkeypatch.setattr(retention, "BUSY_SECONDS", 0.0)  # as many minutes later
    await asyncio.wait_for(cleared.wait(), 5)
    gate.set()
    for draft in (endless, *waiting):
        assert draft
        await asyncio.wait_for(draft.finished.wait(), 5)
        assert draft.text == "at last"
    assert Status(retention.CLEARING, long=True) in waiting[0].chunks
    assert await files.holding("my secret") == []
    assert await world.store.history.remains() == 0
    tidying.cancel()
    await asyncio.wait([tidying])


async def test_an_answer_ends_before_the_file_is_rewritten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = asyncio.Event()
    world.hold(gate)
    running = await world.offer("hers", CHANNEL, BEN)
    assert running
    await world.wait(lambda: world.main.prompts)
    order: list[str] = []

    async def rewrite() -> None:
        async with world.active.paused("One moment.", 5):
            order.append("rewritten")
            assert running.finished.is_set()

    rewriting = asyncio.create_task(rewrite())
    await asyncio.sleep(0)
    later = await world.offer("asked later", THREAD, ADMIN)
    assert later
    stopping = await world.command("stop", CHANNEL, BEN)
    assert answer_text(stopping)
    gate.set()
    await asyncio.wait_for(rewriting, 5)
    await asyncio.wait_for(later.finished.wait(), 5)
    assert order == ["rewritten"]
    assert later.text == "at last"
