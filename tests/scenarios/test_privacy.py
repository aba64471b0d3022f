"""Deletion, export, edits, overheard messages and ratings, the same on every platform."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest

from bot.interfaces.messages import Place
from tests.scenarios.test_scenarios import needs
from tests.stages.base import Stage, TeamStage
from tests.stages.ledger import PATIENCE


async def kept(stage: Stage, *words: str) -> list[str]:
    """Return the words that any file of the database contains."""

    def everything() -> bytes:
        return b"".join(path.read_bytes() for path in Path(stage.folder).glob("shoulders.db*"))

    found = await asyncio.to_thread(everything)
    return [word for word in words if word.encode() in found]


class Act(Protocol):
    """A method that follows an event of the platform."""

    async def __call__(self, *what: Place | str | Sequence[str]) -> bool | None: ...


class Followed:
    """A wait for the bot's reaction to an event of the platform."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        self._done = asyncio.Semaphore(0)
        retention = stage.app.services.retention
        kinds = ("edited", "deleted", "place_deleted", "delete_expired")
        for owner, name in (*((retention, kind) for kind in kinds), (retention.history, "overhear")):
            monkeypatch.setattr(owner, name, self._noticing(getattr(owner, name)))

    def _noticing(self, act: Act) -> Act:
        async def noticed(*what: Place | str | Sequence[str]) -> bool | None:
            done = await act(*what)
            self._done.release()
            return done

        return noticed

    async def wait(self, times: int = 1) -> None:
        for _ in range(times):
            await asyncio.wait_for(self._done.acquire(), PATIENCE)


async def test_people_see_export_and_delete_their_data(stage: Stage) -> None:
    await stage.answer(await stage.mention("My secret is a canary"))
    told = await stage.answer(await stage.command("privacy"))
    assert "for 90 days" in told.text
    assert "127.0.0.1" in told.text
    assert await kept(stage, "a canary")
    shown = await stage.command("forget me")
    assert "1 question and 1 answer" in (await stage.answer(shown)).text
    done = await stage.answer(await stage.press(shown, "Forget it all"))
    assert "Deleted" in done.text
    assert not done.buttons
    assert await kept(stage, "a canary") == []


@needs("people")
async def test_an_export_is_visible_only_to_its_owner(stage: TeamStage) -> None:
    await stage.answer(await stage.mention("My secret is a canary"))
    await stage.answer(await stage.mention("Hers", "ben"))
    for ask, words in ((stage.command, "export me"), (stage.mention, "/export me")):
        shown = await stage.answer(await ask(words))
        assert shown.only_for == "ann"
        ((name, content),) = shown.files
        assert name == "export-me.json"
        (conversation,) = json.loads(content)["conversations"]
        assert [turn["text"].endswith("My secret is a canary") for turn in conversation["turns"]] == [True, True]


@needs("people")
async def test_an_edited_message_replaces_the_stored_one(stage: TeamStage, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Followed(stage, monkeypatch)
    said = await stage.mention("My colour is red")
    await stage.answer(said)
    await stage.edit(said, "My colour is blue")
    await followed.wait()
    await stage.answer(await stage.follow(said, "Which colour?"))
    assert stage.prompts[-1][0][1].endswith("My colour is blue")


@needs("people")
async def test_what_is_deleted_is_not_remembered(stage: TeamStage, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Followed(stage, monkeypatch)
    said = await stage.mention("My colour is red")
    await stage.answer(said)
    second = await stage.follow(said, "Which colour?")
    await stage.answer(second)
    await stage.delete(second)
    await followed.wait()
    await stage.answer(await stage.follow(said, "What did I ask?"))
    assert [text.split(": ")[-1] for role, text in stage.prompts[-1] if role == "user"] == [
        "My colour is red",
        "What did I ask?",
    ]


@needs("people")
async def test_overheard_messages_follow_the_setting_keep(stage: TeamStage, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Followed(stage, monkeypatch)
    setting = {"key": "keep", "value": "everything", "scope": "workspace"}
    await stage.answer(await stage.command("config set", setting, "root"))
    talk = await stage.thread("The build is red.")
    await stage.speak(talk, "It was my change.", "ben")
    await followed.wait(2)
    said = await stage.mention("Whose fault is it?", said=talk)
    await stage.answer(said)
    asked = stage.prompts[-1][0][1]
    assert "Ben: The build is red.\nBen: It was my change.\n" in asked
    assert asked.count("The build is red.") == 1
    shown = await stage.answer(await stage.command("forget me", who="ben"))
    assert "2 messages between people" in shown.text


@needs("people")
async def test_ratings_are_confirmed_in_private(stage: TeamStage) -> None:
    setting = {"key": "feedback", "value": "on", "scope": "channel"}
    await stage.answer(await stage.command("config set", setting, "root"))
    said = await stage.mention("Hello")
    assert (await stage.answer(said)).buttons == ["👍", "👎"]
    thanks = await stage.answer(await stage.press(said, "👎", "ben"))
    assert "Thank you for your rating: 👎" in thanks.text
    assert thanks.only_for == "ben"


@needs("people")
async def test_a_deleted_channels_messages_are_deleted(stage: TeamStage, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Followed(stage, monkeypatch)
    said = await stage.mention("Our secret is a canary")
    await stage.answer(said)
    await stage.answer(await stage.follow(said, "A canary, you said?"))
    await stage.answer(await stage.direct("My secret is a robin"))
    await stage.delete_channel()
    await followed.wait()
    assert await stage.app.services.retention.delete_expired()
    assert await kept(stage, "canary", "robin") == ["robin"]


@needs("people")
async def test_where_the_bot_is_removed_nothing_stays(stage: TeamStage, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Followed(stage, monkeypatch)
    await stage.answer(await stage.mention("Our secret is a canary"))
    await stage.uninstall()
    while await kept(stage, "a canary"):
        await followed.wait()
