"""What is kept goes when it should, from the rows and from the bytes of the database's files, and nothing else does."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import sqlite3
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from time import time

import pytest

from bot import archive, privacy
from bot.core import load_commands
from bot.errors import StoreError
from bot.ports import Accepted, Outcome
from bot.traces import ALL, Extent
from bot.types import Act, Answer, Attachment, Choice, Done, Message, Person, Place, Request, Text, Turn
from storage.sqlite import SQLiteStore, open_store
from tests.fakes.memory import MemoryBackend, MemoryDraft
from tests.world import ADMIN, ANN, BEN, CHANNEL, DIRECT, THREAD, World, play

OTHER = Place("discord", "guild", "other", name="#other")
ELSEWHERE = Place("discord", "another guild", "general", name="#general")
COMMANDS = [module.COMMAND for module in load_commands().values()]


class Files:
    """The bytes of the database's files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def holding(self, *words: str) -> list[str]:
        """Those of the words that are in any of them."""
        return await asyncio.to_thread(self._holding, words)

    def _holding(self, words: Collection[str]) -> list[str]:
        everything = b"".join(path.read_bytes() for path in sorted(self.folder.glob("shoulders.db*")))
        return [word for word in words if word.encode() in everything]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def said(draft: MemoryDraft) -> str:
    return "\n".join((draft.answers[-1].text, *draft.answers[-1].notes))


async def forget(world: World, what: str, place: Place, person: Person = ANN) -> MemoryDraft:
    return await world.command(f"forget {what}", place, person, sure="yes")


def labels(draft: MemoryDraft) -> list[str]:
    return [choice.label for choice in draft.answers[-1].choices]


async def texts(world: World, conversation: int) -> list[str]:
    return [turn.text.strip() for turn in await world.store.turns(conversation)]


def ages(world: World, monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    """From now on, what is said is said so many days ago."""
    monkeypatch.setattr("storage.sqlite._now", lambda: int((time() - days * privacy.DAY) * 1_000))
    monkeypatch.setattr("storage.privacy._now", lambda: int((time() - days * privacy.DAY) * 1_000))


# Forgetting oneself -------------------------------------------------------------------------------------------------


async def test_forgetting_oneself_shows_first_what_would_go_and_then_it_is_gone(world: World, files: Files) -> None:
    await world.say("my secret-one", CHANNEL)
    await world.say("my secret-two", DIRECT)
    await world.say("my secret-three", ELSEWHERE)
    await world.command("config set", CHANNEL, ANN, key="language", value="Secretish", scope="me")
    await world.say("hers stays-one", CHANNEL, BEN)
    shown = await world.command("forget me", CHANNEL)
    assert "3 questions, 3 answers and 1 setting" in said(shown)
    assert "everywhere on Discord" in said(shown)
    assert shown.request.private
    assert await files.holding("secret-one"), "nothing goes before it is wanted"
    (button,) = shown.answers[-1].choices
    assert isinstance(button, Choice)
    assert button.label == "Forget it all"
    done = await world.command(button.command, CHANNEL, ANN, **button.arguments)
    assert "Forgotten" in said(done)
    assert await files.holding("secret-one", "secret-two", "secret-three", "stays-one") == ["stays-one"]
    assert "nothing to forget" in said(await world.command("forget me", CHANNEL))
    assert world.app.services.administration.settings(CHANNEL, ANN).language == ""


async def test_the_audit_says_who_forgot_and_holds_nothing_that_was_said(world: World) -> None:
    await world.say("my secret", CHANNEL)
    await forget(world, "me", CHANNEL)
    (entry,) = await world.store.books.audit("discord", "guild", action="forget")
    assert (entry.person.id, entry.action, entry.after) == (ANN.id, "forget me", "1 question and 1 answer")


async def test_what_tells_duplicates_stays_and_holds_no_text(world: World, tmp_path: Path) -> None:
    await world.say("my secret", CHANNEL, act=Act("same", 1))
    await forget(world, "me", CHANNEL)
    assert await world.offer("my secret", CHANNEL, act=Act("same", 1)) is None
    rows = await rows_of(tmp_path, "SELECT person, body, answer FROM requests WHERE act = 'same'")
    assert rows == [("", None, None)]
    assert await rows_of(tmp_path, "SELECT DISTINCT person, person_name FROM usage") == [("", "")]


async def rows_of(folder: Path, query: str) -> list[tuple[str | int | None, ...]]:
    def read() -> list[tuple[str | int | None, ...]]:
        connection = sqlite3.connect(folder / "shoulders.db")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    return await asyncio.to_thread(read)


async def test_in_a_shared_conversation_the_turns_of_others_stay_in_their_order(world: World, files: Files) -> None:
    for person, text in ((ANN, "ann-1"), (BEN, "ben-1"), (ANN, "ann-2"), (BEN, "ben-2")):
        await world.say(text, THREAD, person)
    await forget(world, "me", THREAD)
    assert await texts(world, 1) == ["ben-1", "Ben: ben-1", "ben-2", "Ben: ben-2"]
    await world.say("ben-3", THREAD, BEN)
    assert [text for role, text in said_to(world) if role == "user"] == ["Ben: ben-1", "Ben: ben-2", "Ben: ben-3"]
    assert await files.holding("ann-1", "ann-2") == []


def said_to(world: World) -> list[tuple[str, str]]:
    return [(utterance.role, utterance.text) for utterance in world.main.prompts[-1][1:]]


async def test_an_answer_that_another_asked_for_again_goes_with_its_question(world: World, files: Files) -> None:
    await world.say("my secret", THREAD)
    play(world.main, Text("another-answer"), Done())
    await world.command("retry", THREAD, ADMIN, request="1")
    play(world.main, Text("hers-stays"), Done())
    await world.say("ben asks", THREAD, BEN)
    play(world.main, Text("hers-again"), Done())
    await world.command("retry", THREAD, replace(ANN, administrator=True), request="3")
    await forget(world, "me", THREAD)
    assert await files.holding("another-answer", "hers-stays", "hers-again") == ["hers-stays", "hers-again"]
    assert await texts(world, 1) == ["ben asks", "hers-again"]


async def test_what_a_platform_keeps_by_itself_goes_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[str] = []

    async def forget_there(person: str) -> None:
        forgotten.append(person)

    monkeypatch.setattr(world.adapter, "forget", forget_there, raising=False)
    for what in ("me", "conversation"):
        await world.say("my secret", CHANNEL)
        await forget(world, what, CHANNEL)
    await forget(world, "everything", CHANNEL, ADMIN)
    assert forgotten == [ANN.id, ""]


async def test_only_ones_own_workspace_where_ids_belong_to_it(world: World) -> None:
    ann = replace(ANN, home="guild")
    await world.say("here", CHANNEL, ann)
    await world.say("there", ELSEWHERE, replace(ANN, home="another guild"))
    assert "in this workspace: 1 question" in said(await world.command("forget me", CHANNEL, ann))
    await forget(world, "me", CHANNEL, ann)
    assert await texts(world, 1) == []
    assert await texts(world, 2) == ["there", "Ann: there"]


# This conversation ----------------------------------------------------------------------------------------------------


async def test_a_conversation_goes_and_the_others_stay(world: World, files: Files) -> None:
    await world.say("in the thread-1", THREAD)
    await world.say("beside-it", OTHER)
    shown = await world.command("forget conversation", THREAD)
    assert "the conversation “in the thread-1”: 1 question and 1 answer" in said(shown)
    (button,) = shown.answers[-1].choices
    await world.command(button.command, THREAD, ANN, **button.arguments)
    assert await files.holding("thread-1", "beside-it") == ["beside-it"]
    assert "no conversation" in said(await world.command("forget conversation", THREAD))


async def test_the_button_means_the_conversation_that_was_shown(world: World) -> None:
    await world.say("the old one", CHANNEL)
    (button,) = (await world.command("forget conversation", CHANNEL)).answers[-1].choices
    await world.command("new", CHANNEL)
    await world.say("the new one", CHANNEL)
    await world.command(button.command, CHANNEL, ANN, **button.arguments)
    assert await texts(world, 1) == []
    assert await texts(world, 2) == ["the new one", "Ann: the new one"]


async def test_a_conversation_of_several_belongs_to_who_began_it_and_to_administrators(world: World) -> None:
    await world.say("ann asks", THREAD)
    await world.say("ben asks", THREAD, BEN)
    refused = await forget(world, "conversation", THREAD, BEN)
    assert "Others took part" in said(refused)
    assert len(await texts(world, 1)) == 4
    await forget(world, "me", THREAD)
    assert "Forgotten" in said(await forget(world, "conversation", THREAD, BEN))
    await world.say("cas asks", THREAD, BEN)
    await world.say("dan asks", THREAD, ANN)
    assert "Forgotten" in said(await forget(world, "conversation", THREAD, ADMIN))


# Administrators -------------------------------------------------------------------------------------------------------


async def test_a_person_is_forgotten_in_the_administrators_workspace_alone(world: World, files: Files) -> None:
    for text, place, person in (
        ("ann-here", CHANNEL, ANN),
        ("ann-direct", DIRECT, ANN),
        ("ann-there", ELSEWHERE, ANN),
        ("ben-here", CHANNEL, BEN),
    ):
        await world.say(text, place, person)
    shown = await world.command("forget person", CHANNEL, ADMIN, who="person:1|Ann")
    assert "about @Ann in this workspace: 1 question and 1 answer" in said(shown)
    (button,) = shown.answers[-1].choices
    assert isinstance(button, Choice)
    await world.command(button.command, CHANNEL, ADMIN, **button.arguments)
    assert await files.holding("ann-here", "ann-direct", "ann-there", "ben-here") == [
        "ann-direct",
        "ann-there",
        "ben-here",
    ]
    (entry,) = await world.store.books.audit("discord", "guild", action="forget")
    assert (entry.target, entry.person.id) == ("@1 (1)", ADMIN.id)


async def test_a_channel_goes_with_its_threads(world: World, files: Files) -> None:
    for text, place in (("in-channel", CHANNEL), ("in-thread", THREAD), ("in-other", OTHER), ("elsewhere", ELSEWHERE)):
        await world.say(text, place)
    shown = await world.command("forget channel", CHANNEL, ADMIN, channel="channel:other|other")
    assert "what was said in #other: 1 question" in said(shown)
    await forget(world, "channel", CHANNEL, ADMIN)
    assert await files.holding("in-channel", "in-thread", "in-other", "elsewhere") == ["in-other", "elsewhere"]


async def test_everything_is_the_workspace(world: World, files: Files) -> None:
    await world.command("config set", CHANNEL, ADMIN, key="contact", value="Root stays", scope="workspace")
    for text, place in (("in-channel", CHANNEL), ("in-thread", THREAD), ("direct", DIRECT), ("elsewhere", ELSEWHERE)):
        await world.say(text, place)
    await forget(world, "everything", CHANNEL, ADMIN)
    assert await files.holding("in-channel", "in-thread", "direct", "elsewhere") == ["direct", "elsewhere"]
    assert world.app.services.administration.settings(CHANNEL).contact == "Root stays"


@pytest.mark.parametrize("command", ["forget person", "forget channel", "forget everything", "export channel"])
async def test_what_is_for_administrators_is_refused_to_others(world: World, command: str) -> None:
    await world.say("stays", CHANNEL)
    refused = await world.command(command, CHANNEL, BEN, who="person:1|Ann", sure="yes")
    assert "for administrators" in said(refused)
    assert await texts(world, 1) == ["stays", "Ann: stays"]


# While it is being answered -------------------------------------------------------------------------------------------


async def test_what_runs_and_waits_is_dropped_and_leaves_nothing(world: World, files: Files, tmp_path: Path) -> None:
    gate = asyncio.Event()
    play(world.main, Text("running-answer"), gate, Done())
    running = await world.offer("running-question", THREAD)
    waiting = await world.offer("waiting-question", THREAD)
    hers = await world.offer("hers", THREAD, BEN)
    assert running
    assert waiting
    assert hers
    await running.wrote.wait()
    shown = await world.command("forget me", THREAD)
    assert "2 questions that wait for their answers" in said(shown)
    await forget(world, "me", THREAD)
    for draft in (running, waiting):
        await draft.finished.wait()
        assert said(draft) == "\nWhat was asked here is forgotten."
    gate.set()
    await hers.finished.wait()
    await settled(world)
    assert "running-question" not in str(world.main.prompts[-1])
    assert await texts(world, 1) == ["hers", "running-answer"]
    assert await world.app.services.privacy.tidy()
    assert await files.holding("running-question", "waiting-question") == []
    assert await world.store.unfinished("discord") == []
    used = await rows_of(tmp_path, "SELECT person, person_name FROM usage ORDER BY id")
    assert used == [("", ""), (BEN.id, BEN.name)]


async def settled(world: World) -> None:
    while world.inbox._active:
        await asyncio.sleep(0)


@pytest.mark.parametrize("late", ["answered", "part_creating", "end"])
async def test_whatever_comes_late_leaves_no_text(
    world: World, files: Files, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    keep, keeping, gate = getattr(world.store, late), asyncio.Event(), asyncio.Event()

    async def slowly(*what: Accepted | Outcome | str | int) -> None:
        keeping.set()
        await gate.wait()
        await keep(*what)

    monkeypatch.setattr(world.store, late, slowly)
    draft = await world.offer("my secret", THREAD)
    await keeping.wait()
    monkeypatch.setattr(world.store, late, keep)
    await forget(world, "me", THREAD)
    gate.set()
    assert draft
    await draft.finished.wait()
    await settled(world)
    assert await world.app.services.privacy.tidy()
    assert await files.holding("my secret") == []


async def test_an_answer_that_follows_what_was_forgotten_is_kept(world: World) -> None:
    await world.say("ben-1", THREAD, BEN)
    await world.say("ann-1", THREAD)
    gate = asyncio.Event()
    play(world.main, gate, Text("an answer"), Done())
    draft = await world.offer("ben-2", THREAD, BEN)
    while len(world.main.prompts) < 3:
        await asyncio.sleep(0)
    await forget(world, "me", THREAD)
    gate.set()
    assert draft
    await draft.finished.wait()
    await settled(world)
    assert await texts(world, 1) == ["ben-1", "Ben: ben-1", "ben-2", "an answer"]


async def test_a_retry_of_what_was_forgotten_is_not_kept(world: World, files: Files) -> None:
    await world.say("my secret", THREAD)
    await world.say("hers", THREAD, BEN)
    gate = asyncio.Event()
    play(world.main, gate, Text("secret-again"), Done())
    draft = await world.offer("", THREAD, ADMIN, command="retry", arguments={"request": "1"}, message="")
    while len(world.main.prompts) < 3:
        await asyncio.sleep(0)
    await forget(world, "me", THREAD)
    gate.set()
    assert draft
    await draft.finished.wait()
    await settled(world)
    assert await texts(world, 1) == ["hers", "Ben: hers"]
    assert await world.app.services.privacy.tidy()
    assert await files.holding("secret-again") == []


async def test_what_is_not_answered_before_the_platform_is_there_is_dropped_too(world: World) -> None:
    await world.start()
    await world.offer("my secret", THREAD)
    await world.store.traces.forget(Extent("discord", person=ANN.id), ALL)
    world.inbox.forget(lambda accepted: accepted.request.person == ANN)
    await world.inbox.recover("discord")
    await settled(world)
    assert not world.main.prompts


async def test_no_part_of_an_answer_is_kept_after_it_was_dropped(world: World, tmp_path: Path) -> None:
    world.hold(asyncio.Event())
    draft = await world.offer("my secret", THREAD)
    assert draft
    await world.store.traces.forget(Extent("discord", person=ANN.id), ALL)
    await world.store.part_creating(draft.log.request_id, 0, "late")
    assert await rows_of(tmp_path, "SELECT text FROM drafts") == [("",)]


async def test_what_was_dropped_is_not_answered_after_a_restart(world: World) -> None:
    world.hold(asyncio.Event())
    await world.offer("my secret", THREAD)
    await world.offer("another", THREAD)
    await forget(world, "me", THREAD)
    await world.inbox.aclose(0)
    await world.start()
    await world.inbox.recover("discord")
    await settled(world)
    assert len(world.main.prompts) == 1


# The bytes of the files -----------------------------------------------------------------------------------------------


async def test_nothing_is_left_in_the_file_however_rows_were_moved_in_it(store: SQLiteStore, files: Files) -> None:
    """Questions that come and end in any order make SQLite move rows within and between pages."""
    chance = random.Random(1)
    marks = [f"secret-{number:04d}-" for number in range(700)]
    waiting: list[Accepted] = []
    chat = next(command for command in COMMANDS if command.name == "chat")
    for number, mark in enumerate(marks):
        text = mark + "x" * chance.choice([20, 100, 300, 800, 1_500, 5_000])
        request = Request(Act(str(number), number), THREAD, ANN, "chat", {"text": text}, message=f"m{number}")
        accepted = await store.accept(request, chat, 0)
        assert accepted
        waiting.append(accepted)
        if len(waiting) > chance.choice([1, 5, 20]):
            await answer(store, waiting.pop(chance.randrange(len(waiting))))
    await asyncio.gather(*(answer(store, accepted) for accepted in waiting))
    traces = store.traces
    await traces.forget(Extent("discord", person=ANN.id), ALL)
    while not await traces.cut():
        await asyncio.sleep(0)
    assert await files.holding(*marks), "without these remains this test would show nothing"
    assert await traces.remains()
    await traces.rewrite()
    assert await traces.cut()
    assert await files.holding(*marks) == []
    assert await traces.remains() == 0


async def answer(store: SQLiteStore, accepted: Accepted) -> None:
    text = accepted.request.text
    asked = Turn(0, None, "user", ANN.id, ANN.name, text)
    await store.answered(accepted, Outcome(Answer(text), None, asked, Turn(0, None, "assistant", "", "", text, "m")))
    await store.part_creating(accepted.id, 0, text)
    await store.end(accepted.id, "done")


async def test_who_reads_the_file_delays_the_end_and_no_more(
    world: World, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy, "PAUSES", (0.0,))
    monkeypatch.setattr("storage.privacy.CUT_MILLISECONDS", 1)
    await world.say("my secret", CHANNEL)
    reader = await asyncio.to_thread(sqlite3.connect, tmp_path / "shoulders.db", check_same_thread=False)
    await asyncio.to_thread(lambda: reader.execute("BEGIN").execute("SELECT * FROM turns").fetchall())
    assert "within minutes" in said(await forget(world, "me", CHANNEL))
    assert await files.holding("my secret")
    assert not await world.app.services.privacy.tidy()
    await asyncio.to_thread(reader.close)
    assert await world.app.services.privacy.tidy()
    assert await files.holding("my secret") == []


async def test_others_go_on_writing_meanwhile(world: World, files: Files) -> None:
    for number in range(30):
        await world.say(f"secret-{number}-", replace(THREAD, thread=str(number % 3)))
        await world.say(f"hers-{number}-", replace(THREAD, thread=str(number % 3)), BEN)
    done = asyncio.Event()

    async def load() -> int:
        number = 100
        while not done.is_set():
            await world.say(f"hers-{number}-", replace(THREAD, thread=str(number % 3)), BEN)
            number += 1
        return number

    loading = asyncio.create_task(load())
    await asyncio.sleep(0)
    await world.intake.offer(world.intake.settle(world.request("forget me", CHANNEL, ANN, {"sure": "yes"})))
    (draft,) = [draft for draft in world.adapter.drafts if draft.request.command == "forget me"]
    await draft.finished.wait()
    assert said(draft).startswith("Forgotten")
    assert "within minutes" not in said(draft)
    assert await files.holding(*(f"secret-{number}-" for number in range(30))) == []
    done.set()
    last = await loading
    hers = [f"hers-{number}-" for number in (*range(30), *range(100, last))]
    assert await files.holding(*hers) == hers


async def test_what_a_crash_left_in_the_file_goes_at_the_next_start(tmp_path: Path, files: Files) -> None:
    store = await open_store(tmp_path / "shoulders.db")
    chat = next(command for command in COMMANDS if command.name == "chat")
    accepted = await store.accept(Request(Act("1", 1), THREAD, ANN, "chat", {"text": "my secret"}), chat, 0)
    assert accepted
    await answer(store, accepted)
    await store.traces.forget(Extent("discord", person=ANN.id), ALL)
    await store.aclose()  # the rows are gone; nobody has cleared the file
    store = await open_store(tmp_path / "shoulders.db")
    assert await store.traces.remains()
    await store.aclose()


async def test_much_is_rewritten_when_nobody_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privacy, "SMALL", 1)
    monkeypatch.setattr(privacy, "PAUSES", (0.0,))
    gate = asyncio.Event()
    await world.say("my secret", CHANNEL)
    world.hold(gate)
    running = await world.offer("hers", CHANNEL, BEN)
    assert running
    assert "within minutes" in said(await forget(world, "me", CHANNEL))
    tidy = world.app.services.privacy.tidy
    assert not await tidy()
    gate.set()
    await running.finished.wait()
    await settled(world)
    assert await tidy()
    assert await world.store.traces.remains() == 0


# Edits and deletions --------------------------------------------------------------------------------------------------


async def test_an_edited_question_is_remembered_as_it_is_now(world: World, files: Files) -> None:
    asked = await world.say("the secret", THREAD, attachments=(Attachment("plan.pdf"),))
    assert "secret" in said(asked)
    await world.say("hers", THREAD, BEN)
    await world.intake.edited(CHANNEL, "m101", "the better words")
    assert (await texts(world, 1))[0].splitlines() == [
        "the better words",
        "(Attached, but not readable for you: plan.pdf)",
    ]
    await world.intake.edited(OTHER, "m102", "of another channel")
    await world.intake.edited(CHANNEL, "unknown", "nobody's")
    assert (await texts(world, 1))[2] == "hers"
    await world.intake.deleted(THREAD, ["m101"])
    assert await world.app.services.privacy.tidy()
    assert await files.holding("the secret", "better words", "hers") == ["hers"]


async def test_what_waits_is_asked_as_it_is_now_and_what_runs_is_kept_so(world: World, files: Files) -> None:
    gate = asyncio.Event()
    play(world.main, gate, Text("done"), Done())
    first, second = await world.offer("first-wrong", THREAD), await world.offer("second-wrong", THREAD)
    while not world.main.prompts:
        await asyncio.sleep(0)
    await world.intake.edited(THREAD, "m101", "first-right")
    await world.intake.edited(THREAD, "m102", "second-right")
    gate.set()
    assert first
    assert second
    await second.finished.wait()
    await settled(world)
    assert [prompt[-1].text for prompt in world.main.prompts] == ["Ann: first-wrong", "Ann: second-right"]
    assert await texts(world, 1) == ["first-right", "done", "second-right", "done"]
    await world.app.services.privacy.tidy()
    assert await files.holding("first-wrong", "second-wrong") == []


async def test_an_edit_is_not_lost_by_a_crash_or_before_the_platform_is_there(world: World) -> None:
    gate = asyncio.Event()
    world.hold(gate)
    await world.offer("first-wrong", THREAD)
    await world.intake.edited(THREAD, "m101", "first-right")
    await world.inbox.aclose(0)
    await world.start()
    await world.offer("second-wrong", THREAD)
    await world.intake.edited(THREAD, "m102", "second-right")
    gate.set()
    await world.inbox.recover("discord")
    await settled(world)
    assert await texts(world, 1) == ["first-right", "at last", "second-right", "at last"]


async def test_a_deleted_question_goes_with_its_answers(world: World, files: Files) -> None:
    await world.say("secret-question", THREAD)
    play(world.main, Text("secret-answer"), Done())
    await world.command("retry", THREAD)
    world.main.script = MemoryBackend().script
    await world.say("hers", THREAD, BEN)
    await world.intake.deleted(THREAD, ["unknown", "m101"])
    assert await texts(world, 1) == ["hers", "Ben: hers"]
    assert await world.app.services.privacy.tidy()
    assert await files.holding("secret-question", "secret-answer") == []


async def test_a_deleted_answer_goes_and_its_question_stays(world: World, files: Files) -> None:
    play(world.main, Text("secret-answer"), Done())
    asked = await world.say("question", THREAD)
    await world.store.part_creating(asked.log.request_id, 1, "second part")
    await world.store.part_created(asked.log.request_id, 1, "second part's message")
    await world.intake.deleted(OTHER, ["second part's message"])
    assert await texts(world, 1) == ["question", "secret-answer"]
    await world.intake.deleted(THREAD, ["second part's message"])
    assert await texts(world, 1) == ["question"]
    assert await world.app.services.privacy.tidy()
    assert await files.holding("secret-answer", "question") == ["question"]


async def test_who_deletes_a_part_of_what_is_being_written_changes_nothing(world: World) -> None:
    gate = asyncio.Event()
    play(world.main, Text("an "), gate, Text("answer"), Done())
    draft = await world.offer("question", THREAD)
    assert draft
    await draft.wrote.wait()
    await draft.log.creating(0, "an ")
    await draft.log.created(0, "first part")
    await world.intake.deleted(THREAD, ["first part"])
    gate.set()
    await draft.finished.wait()
    assert await texts(world, 1) == ["question", "an answer"]


async def test_a_question_that_is_deleted_before_its_answer_is_dropped(world: World, files: Files) -> None:
    gate = asyncio.Event()
    play(world.main, Text("half an answer"), gate, Done())
    running, waiting = await world.offer("secret-one", THREAD), await world.offer("secret-two", THREAD)
    assert running
    assert waiting
    await running.wrote.wait()
    await world.intake.deleted(THREAD, ["m101", "m102"])
    for draft in (running, waiting):
        await draft.finished.wait()
        assert "forgotten" in said(draft)
    await settled(world)
    assert await world.app.services.privacy.tidy()
    assert await files.holding("secret-one", "secret-two", "half an answer") == []
    assert len(world.main.prompts) == 1


# By itself ------------------------------------------------------------------------------------------------------------


async def test_what_is_too_old_in_its_place_goes_by_itself(
    world: World, files: Files, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for place, days in ((CHANNEL, "10"), (OTHER, "0")):
        await world.command("config set", place, ADMIN, key="retention_days", value=days, scope="channel")
    ages(world, monkeypatch, days=11)
    await world.say("old-thread", THREAD)
    await world.say("old-other", OTHER)
    await world.say("old-elsewhere", ELSEWHERE)
    ages(world, monkeypatch, days=9)
    await world.say("newer-thread", THREAD)
    assert await world.app.services.privacy.tidy()
    assert await files.holding("old-thread", "old-other", "old-elsewhere", "newer-thread") == [
        "old-other",
        "old-elsewhere",
        "newer-thread",
    ]
    assert await texts(world, 1) == ["newer-thread", "Ann: newer-thread"]
    (entry,) = await world.store.books.audit("discord", "guild", action="retention")
    assert entry.after == "2 messages"
    privacy_, clock = world.app.services.privacy, time() + 1_000 * privacy.DAY
    monkeypatch.setattr(privacy_, "_clock", lambda: clock)
    assert await privacy_.tidy()
    assert await files.holding("old-other", "old-elsewhere", "newer-thread") == ["old-other"]
    assert await rows_of(tmp_path, "SELECT count(*) FROM audit") == [(0,)]
    assert await rows_of(tmp_path, "SELECT DISTINCT channel FROM requests JOIN places ON places.id = place") == [
        ("other",)
    ]


async def test_what_is_due_is_forgotten_at_the_start_and_every_hour(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy, "TIDY_SECONDS", 0.01)
    monkeypatch.setattr(privacy, "AGAIN_SECONDS", 0.01)
    tidied = 0
    times = asyncio.Event()
    tidy = world.app.services.privacy.tidy

    async def counted() -> bool:
        nonlocal tidied
        tidied += 1
        if tidied == 2:
            raise StoreError("The disk is full.")
        if tidied == 4:
            times.set()
        return await tidy()

    monkeypatch.setattr(world.app.services.privacy, "tidy", counted)
    running = asyncio.create_task(world.app.chores["tidying"]())
    await times.wait()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()


async def test_a_big_past_goes_in_small_steps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.privacy.BATCH", 3)
    for number in range(10):
        await world.say(f"one of {number}", THREAD)
    await forget(world, "me", THREAD)
    assert await texts(world, 1) == []


# Uninstalling ---------------------------------------------------------------------------------------------------------


async def test_who_removes_the_bot_removes_what_it_kept(world: World, files: Files) -> None:
    await world.command("config set", CHANNEL, ADMIN, key="system_prompt", value="Prompt-of-theirs", scope="workspace")
    await world.say("their-secret", THREAD)
    await world.say("elsewhere", ELSEWHERE)
    await world.intake.uninstalled("discord", "guild")
    assert await world.app.services.privacy.tidy()
    assert await files.holding("their-secret", "elsewhere") == ["elsewhere"]
    assert "Prompt-of-theirs" not in world.app.services.administration.settings(CHANNEL).system_prompt
    (entry,) = await world.store.books.audit("discord", "guild", action="uninstalled")
    assert entry.after == "1 question and 1 answer"
    assert "another guild" in await world.intake.workspaces("discord")


async def test_what_is_to_be_kept_is_kept(world: World) -> None:
    await world.command("config set", CHANNEL, ADMIN, key="on_uninstall", value="keep", scope="workspace")
    await world.say("stays", THREAD)
    await world.intake.uninstalled("discord", "guild")
    assert await world.app.services.privacy.tidy()
    assert await texts(world, 1) == ["stays", "Ann: stays"]
    assert await world.store.traces.departed() == []


async def test_a_removal_that_a_crash_interrupted_is_finished_at_the_next_start(world: World, files: Files) -> None:
    await world.say("their-secret", THREAD)
    await world.store.traces.depart("discord", "guild")
    await world.start()
    await world.app.services.privacy.tidy()
    assert await files.holding("their-secret") == []
    assert await world.store.traces.departed() == []


# Overhearing ----------------------------------------------------------------------------------------------------------


async def overhear(world: World, text: str, place: Place = CHANNEL, person: Person = BEN, message: str = "") -> None:
    request = world.request("chat", place, person, {"text": text})
    await world.intake.overhear(replace(request, message=message or f"m{world.acts}", addressed=False))


async def keep(world: World, what: str, place: Place = CHANNEL) -> None:
    await world.command("config set", place, ADMIN, key="keep", value=what, scope="channel")


async def test_what_people_say_to_each_other_is_kept_only_where_that_is_set(world: World, files: Files) -> None:
    await overhear(world, "heard-not")
    await keep(world, "threads")
    await overhear(world, "heard-not")
    await overhear(world, "heard-thread", THREAD)
    await keep(world, "everything")
    await overhear(world, "heard-channel")
    await overhear(world, "")
    assert world.intake.manner(CHANNEL, BEN.id).keeps
    assert await files.holding("heard-not", "heard-thread", "heard-channel") == ["heard-thread", "heard-channel"]


async def test_what_was_overheard_is_read_before_a_question(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.adapter, "context", None)
    await keep(world, "everything")
    await overhear(world, "The build is red.")
    await overhear(world, "of another channel", OTHER)
    await world.say("why?", CHANNEL)
    assert said_to(world)[0][1] == "Said here before, for context:\nBen: The build is red.\n\nAnn: why?"


async def test_only_the_latest_are_read_and_no_turn_twice(world: World) -> None:
    await keep(world, "everything")
    await world.command("config set", CHANNEL, ADMIN, key="context_messages", value="2", scope="channel")
    for number in range(4):
        await overhear(world, f"line {number}", message=f"x{number}")
    await world.say("why?", CHANNEL, message="x4")
    await overhear(world, "why?", CHANNEL, ANN, message="x4")
    await world.say("really?", CHANNEL)
    assert said_to(world)[-1][1] == "Said here before, for context:\nBen: line 3\n\nAnn: really?"


async def test_what_was_not_overheard_is_asked_of_the_platform(world: World) -> None:
    await keep(world, "everything")
    await overhear(world, "Later words", message="x2")
    world.adapter.around = [Message("x1", "Ben", "Old words"), Message("x2", "Ben", "Later words")]
    await world.say("what of this?", CHANNEL, replies_to="x1")
    assert "Ben: Old words\nBen: Later words\n\n" in said_to(world)[0][1]
    await world.say("and this?", CHANNEL, replies_to="x2")
    assert "Old words" not in said_to(world)[-1][1]


async def test_a_thread_is_read_from_its_beginning(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await keep(world, "threads")
    await overhear(world, "Second words", THREAD, message="x2")
    world.adapter.around = [Message("thread", "Ben", "First words"), Message("x2", "Ben", "Second words")]
    await world.say("what of this?", THREAD)
    assert "Ben: First words\nBen: Second words\n\n" in said_to(world)[0][1]
    await keep(world, "everything")
    await overhear(world, "First words", CHANNEL, message="thread")
    monkeypatch.setattr(world.adapter, "context", None)
    await world.say("and now?", THREAD)
    assert said_to(world)[-1][1].count(" words") == 2


async def test_nothing_overheard_is_read_any_more_where_it_is_not_kept(world: World, files: Files) -> None:
    await keep(world, "everything")
    await overhear(world, "heard-before")
    await keep(world, "nothing")
    await world.say("why?", CHANNEL)
    assert "heard-before" not in said_to(world)[0][1]
    assert await world.app.services.privacy.tidy()
    assert await files.holding("heard-before") == []


async def test_what_was_overheard_is_edited_deleted_and_forgotten_like_the_rest(world: World, files: Files) -> None:
    await keep(world, "everything")
    for number in range(4):
        await overhear(world, f"heard-{number}-", message=f"x{number}")
    await overhear(world, "heard-ann", person=ANN, message="x9")
    await world.intake.edited(CHANNEL, "x0", "edited-0-")
    await world.intake.deleted(CHANNEL, ["x1"])
    await world.app.services.privacy.tidy()
    assert await files.holding("heard-0-", "edited-0-", "heard-1-", "heard-2-") == ["edited-0-", "heard-2-"]
    assert "3 overheard messages" in said(await world.command("forget me", CHANNEL, BEN))
    await forget(world, "me", CHANNEL, BEN)
    assert await files.holding("edited-0-", "heard-2-", "heard-3-", "heard-ann") == ["heard-ann"]
    await forget(world, "channel", CHANNEL, ADMIN)
    assert await files.holding("heard-ann") == []


async def test_what_was_overheard_gets_too_old(world: World, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    await keep(world, "everything")
    ages(world, monkeypatch, days=91)
    await overhear(world, "heard-old")
    ages(world, monkeypatch, days=89)
    await overhear(world, "heard-new")
    assert await world.app.services.privacy.tidy()
    assert await files.holding("heard-old", "heard-new") == ["heard-new"]


# Feedback -------------------------------------------------------------------------------------------------------------


async def test_who_is_asked_can_rate_an_answer_and_take_it_back(world: World, tmp_path: Path) -> None:
    assert labels(await world.say("one", CHANNEL)) == []
    await world.command("config set", CHANNEL, ADMIN, key="feedback", value="on", scope="channel")
    answered = await world.say("two", CHANNEL)
    assert labels(answered) == ["👍", "👎"]
    good, bad = answered.answers[-1].choices
    thanks = await world.command(good.command, CHANNEL, ANN, **good.arguments)
    assert said(thanks).startswith("Thank you: 👍")
    assert thanks.request.private
    await world.command(bad.command, CHANNEL, ANN, **bad.arguments)
    await world.command(good.command, CHANNEL, BEN, **good.arguments)
    votes = "SELECT person, good, model FROM votes ORDER BY person"
    assert await rows_of(tmp_path, votes) == [(ANN.id, 0, "main"), (BEN.id, 1, "main")]
    assert "1 rating" in said(await world.command("forget me", CHANNEL))
    await forget(world, "me", CHANNEL)
    assert await rows_of(tmp_path, votes) == [(BEN.id, 1, "main")]
    assert "do not keep" in said(await world.command(good.command, CHANNEL, ANN, **good.arguments))


async def test_an_answer_is_rated_where_it_was_given(world: World) -> None:
    await world.say("one", CHANNEL)
    for about in ("1", "99", "x"):
        assert "not given here" in said(await world.command("feedback", OTHER, request=about, good="yes"))


async def test_what_broke_off_offers_to_try_again_and_not_to_rate(world: World) -> None:
    await world.command("config set", CHANNEL, ADMIN, key="feedback", value="on", scope="channel")
    play(world.main, Done())
    assert labels(await world.say("hi", CHANNEL)) == ["Retry"]


# A copy ---------------------------------------------------------------------------------------------------------------


async def export(world: World, what: str, place: Place = CHANNEL, person: Person = ANN) -> dict[str, object]:
    draft = await world.command(f"export {what}", place, person)
    assert draft.request.private
    (file,) = draft.answers[-1].files
    assert file.name == f"export-{what}.json"
    document: dict[str, object] = json.loads(file.content)
    return document


async def test_one_gets_all_that_is_kept_about_oneself_and_nothing_of_others(world: World) -> None:
    await keep(world, "everything")
    await world.command("config set", CHANNEL, ANN, key="language", value="Welsh", scope="me")
    await world.say("mine-one", THREAD)
    await world.say("hers", THREAD, BEN)
    await world.say("mine-direct", DIRECT)
    await world.say("mine-private", CHANNEL, private=True)
    await overhear(world, "overheard-mine", person=ANN)
    await overhear(world, "overheard-hers")
    await world.command("feedback", CHANNEL, request="3", good="yes")
    document = await export(world, "me")
    text = json.dumps(document)
    assert document["shape"] == archive.SHAPE
    assert all(word in text for word in ("mine-one", "mine-direct", "mine-private", "overheard-mine", "Welsh"))
    assert "hers" not in text
    parts = ("conversations", "overheard", "ratings", "usage", "audit")
    assert [len(document[part]) for part in parts] == [3, 1, 1, 1, 1]  # type: ignore[arg-type]  # lists


async def test_a_place_is_copied_without_what_is_private_to_others(world: World) -> None:
    await keep(world, "everything")
    for text, place in (("public-one", CHANNEL), ("in-thread", THREAD), ("in-other", OTHER), ("elsewhere", ELSEWHERE)):
        await world.say(text, place)
    await world.say("private-ann", CHANNEL, private=True)
    await world.say("private-root", CHANNEL, ADMIN, private=True)
    await world.say("direct-ann", replace(DIRECT, workspace="guild"))
    await overhear(world, "overheard-hers")
    channel = json.dumps(await export(world, "channel", CHANNEL, ADMIN))
    words = (
        "public-one",
        "in-thread",
        "in-other",
        "elsewhere",
        "private-ann",
        "private-root",
        "direct-ann",
        "overheard",
    )
    assert [word for word in words if word in channel] == ["public-one", "in-thread", "private-root", "overheard"]
    everything = json.dumps(await export(world, "everything", CHANNEL, ADMIN))
    assert [word for word in words if word in everything] == [*words[:3], "private-root", "overheard"]
    assert [entry.action for entry in await world.store.books.audit("discord", "guild", action="export")] == [
        "export everything",
        "export channel",
    ]


def test_a_large_copy_is_packed() -> None:
    much = archive.Archive("Bot", "Ann", [], [], [], {"language": "x" * archive.LARGEST})
    file = archive.file_of(much, "export-me")
    assert file.name == "export-me.json.gz"
    assert json.loads(gzip.decompress(file.content))["settings"]["language"] == "x" * archive.LARGEST
    assert len(file.content) < archive.LARGEST


# In words -------------------------------------------------------------------------------------------------------------


async def test_privacy_says_what_is_in_force_here(world: World) -> None:
    plain = said(await world.command("privacy", CHANNEL, Person("9", "Gil", guest=True)))
    assert "here, in #general" in plain
    assert "answer: for 90 days" in plain
    assert "to each other here I do not keep" in plain
    assert "a test (main, spare)" in plain
    assert "everywhere on Discord" in plain
    assert "for 2 years" in plain
    assert "👍" not in plain
    for key, value in (("retention_days", "1"), ("keep", "everything"), ("feedback", "on"), ("contact", "Root")):
        await world.command("config set", CHANNEL, ADMIN, key=key, value=value, scope="channel")
    changed = said(await world.command("privacy", CHANNEL))
    assert "answer: for 1 day," in changed
    assert "to each other here I keep for 1 day" in changed
    assert "👍" in changed
    assert "how much: for 32 days" in changed
    assert "Questions about this: Root." in changed
    await world.command("config set", CHANNEL, ADMIN, key="retention_days", value="0", scope="channel")
    assert "answer: until somebody deletes it" in said(await world.command("privacy", CHANNEL))
    direct = said(await world.command("privacy", DIRECT))
    assert "to each other" not in direct
    assert "for 90 days" in direct
