"""What somebody wants forgotten goes, from the rows and from the bytes of the files, and nothing else does."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from bot.administration import retention
from bot.interfaces.database import Database
from bot.interfaces.history import ALL, Extent
from bot.interfaces.messages import Act, Request, Turn
from bot.interfaces.records import AuditEntry
from bot.interfaces.replies import Answer, Choice, Done, Text
from bot.interfaces.store import Accepted, Continuation, RequestOutcome
from storage.sqlite import open_database
from storage.sqlite.migrate import migrations
from tests.administration.stored_data import ELSEWHERE, OTHER, Files, answer_text, forget, prompt_turns, rows_of, texts
from tests.core.world import ADMIN, ANN, BEN, CHANNEL, DIRECT, THREAD, World, play

BEGINS = Continuation(("place", "new"))
"""A question in a thread continues its conversation, or begins it."""


# Forgetting oneself -------------------------------------------------------------------------------------------------


async def test_forgetting_shows_the_counts_before_it_deletes(world: World, files: Files) -> None:
    await world.say("my secret-one", CHANNEL)
    await world.say("my secret-two", DIRECT)
    await world.say("my secret-three", ELSEWHERE)
    await world.command("config set", CHANNEL, ANN, key="language", value="Secretish", scope="me")
    await world.command("config set", CHANNEL, ANN, key="language", value="Setish", scope="me")
    await world.command("config reset", ELSEWHERE, ANN, key="language", scope="me")
    await world.command("config set", CHANNEL, ANN, key="language", value="Secretish", scope="me")
    await world.say("hers stays-one", CHANNEL, BEN)
    shown = await world.command("forget me", CHANNEL)
    assert "3 questions, 3 answers and 1 setting" in answer_text(shown)
    assert "everywhere on Discord" in answer_text(shown)
    assert shown.request.private
    assert await files.holding("secret-one"), "nothing goes before it is wanted"
    (button,) = shown.answers[-1].choices
    assert isinstance(button, Choice)
    assert button.label == "Forget it all"
    done = await world.command(button.command, CHANNEL, ANN, **button.arguments)
    assert "Deleted" in answer_text(done)
    words = ("secret-one", "secret-two", "secret-three", "Setish", "Secretish", "stays-one")
    assert await files.holding(*words) == ["stays-one"]
    assert "nothing to delete" in answer_text(await world.command("forget me", CHANNEL))
    assert world.app.services.administration.settings(CHANNEL, ANN).language == ""


async def test_the_audit_of_a_deletion_has_no_text(world: World) -> None:
    await world.say("my secret", CHANNEL)
    await forget(world, "me", CHANNEL)
    (entry,) = await world.store.records.audit("discord", "guild", action="forget")
    assert (entry.person.id, entry.action, entry.after) == (ANN.id, "forget me", "1 question and 1 answer")


async def test_a_lone_personal_setting_leaves_nothing(world: World, files: Files) -> None:
    await world.command("config set", CHANNEL, ANN, key="language", value="Secretish", scope="me")
    await forget(world, "me", CHANNEL)
    assert await files.holding("Secretish") == []
    entries = await world.store.records.audit("discord", "guild")
    assert [(entry.action, entry.target) for entry in entries] == [
        ("forget me", ""),
        ("config set", "language (me)"),
    ]


async def test_old_personal_values_in_the_audit_are_deleted(tmp_path: Path, files: Files) -> None:
    newest = await asyncio.to_thread(migrations)
    old = await open_database(tmp_path / "shoulders.db", scripts=lambda: newest[:5])
    entries = [
        AuditEntry(CHANNEL, ANN, "config set", "language (me)", "Setish", "Secretish"),
        AuditEntry(CHANNEL, ADMIN, "config set", "language (workspace)", "", "Thai"),
    ]
    await old.records.keep((), entries)
    await old.aclose()
    new = await open_database(tmp_path / "shoulders.db")
    assert [entry.after for entry in await new.records.audit("discord", "guild")] == ["Thai", ""]
    await new.history.rewrite()
    assert await new.history.truncate_log()
    assert await files.holding("Setish", "Secretish", "Thai") == ["Thai"]
    await new.aclose()


async def test_what_tells_duplicates_stays_and_holds_no_text(world: World, tmp_path: Path) -> None:
    await world.say("my secret", CHANNEL, act=Act("same", 1))
    await forget(world, "me", CHANNEL)
    assert await world.offer("my secret", CHANNEL, act=Act("same", 1)) is None
    rows = await rows_of(tmp_path, "SELECT person, body, answer FROM requests WHERE act = 'same'")
    assert rows == [("", None, None)]
    assert await rows_of(tmp_path, "SELECT DISTINCT person, person_name FROM usage") == [("", "")]


async def test_the_turns_of_others_stay_in_order(world: World, files: Files) -> None:
    for person, text in ((ANN, "ann-1"), (BEN, "ben-1"), (ANN, "ann-2"), (BEN, "ben-2")):
        await world.say(text, THREAD, person)
    await forget(world, "me", THREAD)
    assert await texts(world, 1) == ["ben-1", "Ben: ben-1", "ben-2", "Ben: ben-2"]
    await world.say("ben-3", THREAD, BEN)
    assert [text for role, text in prompt_turns(world) if role == "user"] == ["Ben: ben-1", "Ben: ben-2", "Ben: ben-3"]
    assert await files.holding("ann-1", "ann-2") == []


async def test_a_retried_answer_is_deleted_with_its_question(world: World, files: Files) -> None:
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


async def test_a_workspaces_ids_are_deleted_only_there(world: World) -> None:
    ann = replace(ANN, home="guild")
    await world.say("here", CHANNEL, ann)
    await world.say("there", ELSEWHERE, replace(ANN, home="another guild"))
    assert "in this workspace: 1 question" in answer_text(await world.command("forget me", CHANNEL, ann))
    await forget(world, "me", CHANNEL, ann)
    assert await texts(world, 1) == []
    assert await texts(world, 2) == ["there", "Ann: there"]


# This conversation ----------------------------------------------------------------------------------------------------


async def test_a_conversation_goes_and_the_others_stay(world: World, files: Files) -> None:
    await world.say("in the thread-1", THREAD)
    await world.say("beside-it", OTHER)
    shown = await world.command("forget conversation", THREAD)
    assert "the conversation “in the thread-1”: 1 question and 1 answer" in answer_text(shown)
    (button,) = shown.answers[-1].choices
    await world.command(button.command, THREAD, ANN, **button.arguments)
    assert await files.holding("thread-1", "beside-it") == ["beside-it"]
    assert "not have a conversation" in answer_text(await world.command("forget conversation", THREAD))


async def test_the_button_means_the_conversation_that_was_shown(world: World) -> None:
    await world.say("the old one", CHANNEL)
    (button,) = (await world.command("forget conversation", CHANNEL)).answers[-1].choices
    await world.command("new", CHANNEL)
    await world.say("the new one", CHANNEL)
    await world.command(button.command, CHANNEL, ANN, **button.arguments)
    assert await texts(world, 1) == []
    assert await texts(world, 2) == ["the new one", "Ann: the new one"]


async def test_only_starters_and_administrators_delete_a_conversation(world: World) -> None:
    await world.say("ann asks", THREAD)
    await world.say("ben asks", THREAD, BEN)
    refused = await forget(world, "conversation", THREAD, BEN)
    assert "Other people took part" in answer_text(refused)
    assert len(await texts(world, 1)) == 4
    await forget(world, "me", THREAD)
    assert "Deleted" in answer_text(await forget(world, "conversation", THREAD, BEN))
    await world.say("cas asks", THREAD, BEN)
    await world.say("dan asks", THREAD, ANN)
    assert "Deleted" in answer_text(await forget(world, "conversation", THREAD, ADMIN))


# Administrators -------------------------------------------------------------------------------------------------------


async def test_administrators_forget_people_only_in_their_workspace(world: World, files: Files) -> None:
    for text, place, person in (
        ("ann-here", CHANNEL, ANN),
        ("ann-direct", DIRECT, ANN),
        ("ann-there", ELSEWHERE, ANN),
        ("ben-here", CHANNEL, BEN),
    ):
        await world.say(text, place, person)
    shown = await world.command("forget person", CHANNEL, ADMIN, who="person:1|Ann")
    assert "about @Ann in this workspace: 1 question and 1 answer" in answer_text(shown)
    (button,) = shown.answers[-1].choices
    assert isinstance(button, Choice)
    await world.command(button.command, CHANNEL, ADMIN, **button.arguments)
    assert await files.holding("ann-here", "ann-direct", "ann-there", "ben-here") == [
        "ann-direct",
        "ann-there",
        "ben-here",
    ]
    (entry,) = await world.store.records.audit("discord", "guild", action="forget")
    assert (entry.target, entry.person.id) == ("@1 (1)", ADMIN.id)


async def test_a_channel_goes_with_its_threads(world: World, files: Files) -> None:
    for text, place in (("in-channel", CHANNEL), ("in-thread", THREAD), ("in-other", OTHER), ("elsewhere", ELSEWHERE)):
        await world.say(text, place)
    shown = await world.command("forget channel", CHANNEL, ADMIN, channel="channel:other|other")
    assert "the messages of #other: 1 question" in answer_text(shown)
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
    assert "for administrators" in answer_text(refused)
    assert await texts(world, 1) == ["stays", "Ann: stays"]


# While it is being answered -------------------------------------------------------------------------------------------


async def test_running_and_waiting_requests_leave_nothing(world: World, files: Files, tmp_path: Path) -> None:
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
    assert "2 unanswered questions" in answer_text(shown)
    await forget(world, "me", THREAD)
    for draft in (running, waiting):
        await draft.finished.wait()
        assert answer_text(draft) == "\nThis question was deleted before I answered it."
    gate.set()
    await hers.finished.wait()
    await world.active.idle()
    assert "running-question" not in str(world.main.prompts[-1])
    assert await texts(world, 1) == ["hers", "running-answer"]
    assert await world.app.services.retention.delete_expired()
    assert await files.holding("running-question", "waiting-question") == []
    assert await world.store.requests.unfinished("discord") == []
    used = await rows_of(tmp_path, "SELECT person, person_name FROM usage ORDER BY id")
    assert used == [("", ""), (BEN.id, BEN.name)]


@pytest.mark.parametrize("late", ["answered", "part_creating", "end"])
async def test_whatever_comes_late_leaves_no_text(
    world: World, files: Files, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    keep, keeping, gate = getattr(world.store.requests, late), asyncio.Event(), asyncio.Event()

    async def slowly(*what: Accepted | RequestOutcome | str | int) -> None:
        keeping.set()
        await gate.wait()
        await keep(*what)

    monkeypatch.setattr(world.store.requests, late, slowly)
    draft = await world.offer("my secret", THREAD)
    await keeping.wait()
    monkeypatch.setattr(world.store.requests, late, keep)
    await forget(world, "me", THREAD)
    gate.set()
    assert draft
    await draft.finished.wait()
    await world.active.idle()
    assert await world.app.services.retention.delete_expired()
    assert await files.holding("my secret") == []


async def test_an_answer_after_a_deleted_turn_is_stored(world: World) -> None:
    await world.say("ben-1", THREAD, BEN)
    await world.say("ann-1", THREAD)
    gate = asyncio.Event()
    play(world.main, gate, Text("an answer"), Done())
    draft = await world.offer("ben-2", THREAD, BEN)
    await world.wait(lambda: len(world.main.prompts) >= 3)
    await forget(world, "me", THREAD)
    gate.set()
    assert draft
    await draft.finished.wait()
    await world.active.idle()
    assert await texts(world, 1) == ["ben-1", "Ben: ben-1", "ben-2", "an answer"]


async def test_a_retry_of_a_deleted_question_is_dropped(world: World, files: Files) -> None:
    await world.say("my secret", THREAD)
    await world.say("hers", THREAD, BEN)
    gate = asyncio.Event()
    play(world.main, gate, Text("secret-again"), Done())
    draft = await world.offer("", THREAD, ADMIN, command="retry", arguments={"request": "1"}, message="")
    await world.wait(lambda: len(world.main.prompts) >= 3)
    await forget(world, "me", THREAD)
    gate.set()
    assert draft
    await draft.finished.wait()
    await world.active.idle()
    assert await texts(world, 1) == ["hers", "Ben: hers"]
    assert await world.app.services.retention.delete_expired()
    assert await files.holding("secret-again") == []


async def test_requests_before_recovery_are_dropped_too(world: World) -> None:
    await world.start()
    await world.offer("my secret", THREAD)
    await world.store.history.forget(Extent("discord", person=ANN.id), ALL)
    world.active.forget(lambda accepted: accepted.request.person == ANN)
    await world.queue.recover("discord")
    await world.active.idle()
    assert not world.main.prompts


async def test_dropped_answers_store_no_parts(world: World, tmp_path: Path) -> None:
    world.hold(asyncio.Event())
    draft = await world.offer("my secret", THREAD)
    assert draft
    await world.store.history.forget(Extent("discord", person=ANN.id), ALL)
    await world.store.requests.part_creating(draft.log.request_id, 0, "late")
    assert await rows_of(tmp_path, "SELECT text FROM drafts") == [("",)]


async def test_a_restart_does_not_answer_dropped_requests(world: World) -> None:
    world.hold(asyncio.Event())
    await world.offer("my secret", THREAD)
    await world.offer("another", THREAD)
    await forget(world, "me", THREAD)
    await world.queue.aclose(0)
    await world.start()
    await world.queue.recover("discord")
    await world.active.idle()
    assert len(world.main.prompts) == 1


# The bytes of the files -----------------------------------------------------------------------------------------------


async def test_moved_rows_leave_nothing_in_the_file(store: Database, files: Files) -> None:
    """Questions that come and end in any order make SQLite move rows within and between pages."""
    chance = random.Random(1)
    marks = [f"secret-{number:04d}-" for number in range(700)]
    waiting: list[Accepted] = []
    for number, mark in enumerate(marks):
        text = mark + "x" * chance.choice([20, 100, 300, 800, 1_500, 5_000])
        request = Request(Act(str(number), number), THREAD, ANN, "chat", {"text": text}, message=f"m{number}")
        accepted = await store.requests.accept(request, BEGINS)
        assert accepted
        waiting.append(accepted)
        if len(waiting) > chance.choice([1, 5, 20]):
            await answer(store, waiting.pop(chance.randrange(len(waiting))))
    await asyncio.gather(*(answer(store, accepted) for accepted in waiting))
    history = store.history
    await history.forget(Extent("discord", person=ANN.id), ALL)
    assert await history.truncate_log()
    assert await files.holding(*marks), "without these remains this test would show nothing"
    assert await history.remains()
    await history.rewrite()
    assert await history.truncate_log()
    assert await files.holding(*marks) == []
    assert await history.remains() == 0


async def answer(store: Database, accepted: Accepted) -> None:
    text = accepted.request.text
    asked = Turn(0, None, "user", ANN.id, ANN.name, text)
    await store.requests.answered(
        accepted, RequestOutcome(Answer(text), None, asked, Turn(0, None, "assistant", "", "", text, "m"))
    )
    await store.requests.part_creating(accepted.id, 0, text)
    await store.requests.end(accepted.id, "done")


async def test_a_reader_of_the_file_only_delays_erasure(
    world: World, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAUSES", (0.0,))
    await world.say("my secret", CHANNEL)
    reader = await asyncio.to_thread(sqlite3.connect, tmp_path / "shoulders.db", check_same_thread=False)
    await asyncio.to_thread(lambda: reader.execute("BEGIN").execute("SELECT * FROM turns").fetchall())
    assert "within minutes" in answer_text(await forget(world, "me", CHANNEL))
    assert await files.holding("my secret")
    assert not await world.app.services.retention.delete_expired()
    await asyncio.to_thread(reader.close)
    assert await world.app.services.retention.delete_expired()
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
    assert answer_text(draft).startswith("Deleted")
    assert "within minutes" not in answer_text(draft)
    assert await files.holding(*(f"secret-{number}-" for number in range(30))) == []
    done.set()
    last = await loading
    hers = [f"hers-{number}-" for number in (*range(30), *range(100, last))]
    assert await files.holding(*hers) == hers


async def test_remains_of_a_crash_are_erased_at_start(tmp_path: Path, files: Files) -> None:
    store = await open_database(tmp_path / "shoulders.db")
    accepted = await store.requests.accept(Request(Act("1", 1), THREAD, ANN, "chat", {"text": "my secret"}), BEGINS)
    assert accepted
    await answer(store, accepted)
    await store.history.forget(Extent("discord", person=ANN.id), ALL)
    await store.aclose()  # the rows are gone; nobody has cleared the file
    store = await open_database(tmp_path / "shoulders.db")
    assert await store.history.remains()
    await store.aclose()


async def test_much_is_rewritten_when_nobody_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SMALL", 1)
    monkeypatch.setattr(retention, "PAUSES", (0.0,))
    gate = asyncio.Event()
    await world.say("my secret", CHANNEL)
    world.hold(gate)
    running = await world.offer("hers", CHANNEL, BEN)
    assert running
    assert "within minutes" in answer_text(await forget(world, "me", CHANNEL))
    delete_expired = world.app.services.retention.delete_expired
    assert not await delete_expired()
    gate.set()
    await running.finished.wait()
    await world.active.idle()
    assert await delete_expired()
    assert await world.store.history.remains() == 0
