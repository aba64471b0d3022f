"""Edits, deletions and age are followed; what is overheard, rated, copied and told about what is kept."""

from __future__ import annotations

import asyncio
import gzip
import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from time import time

import pytest

from bot.administration import export_file, retention
from bot.interfaces.database import Database
from bot.interfaces.errors import StoreError
from bot.interfaces.history import ClockReading, Departure, Extent
from bot.interfaces.messages import Attachment, Message, Person, Place
from bot.interfaces.records import RecordChange, Scope, Setting
from bot.interfaces.replies import Answer, Done, Text
from storage.sqlite import deletion
from tests.administration.stored_data import ELSEWHERE, OTHER, Files, answer_text, forget, prompt_turns, rows_of, texts
from tests.clock import SetClock
from tests.core.world import ADMIN, ANN, BEN, CHANNEL, DIRECT, THREAD, World, play
from tests.fakes.memory import MemoryBackend, MemoryDraft


def labels(draft: MemoryDraft) -> list[str]:
    return [choice.label for choice in draft.answers[-1].choices]


def ages(database_clock: SetClock, days: float) -> None:
    """From now on, messages are so many days old."""
    database_clock.read = lambda: time() - days * retention.DAY


# Edits and deletions --------------------------------------------------------------------------------------------------


async def test_an_edited_question_is_stored_in_new_words(world: World, files: Files) -> None:
    asked = await world.say("the secret", THREAD, attachments=(Attachment("plan.pdf"),))
    assert "secret" in answer_text(asked)
    await world.say("hers", THREAD, BEN)
    await world.intake.edited(CHANNEL, "m101", "the better words")
    assert (await texts(world, 1))[0].splitlines() == [
        "the better words",
        "(Attached, but not readable for you: plan.pdf)",
    ]
    await world.intake.edited(OTHER, "m102", "of another channel")
    await world.say("(Attached is a secret)", OTHER, message="own")
    await world.intake.edited(OTHER, "own", "nothing")
    assert (await texts(world, 2))[0] == "nothing"
    await world.intake.edited(CHANNEL, "unknown", "nobody's")
    assert (await texts(world, 1))[2] == "hers"
    await world.intake.deleted(THREAD, ["m101"])
    assert await world.app.services.retention.delete_expired()
    assert await files.holding("the secret", "better words", "hers") == ["hers"]


async def test_a_deleted_channels_messages_are_deleted(world: World, files: Files) -> None:
    await keep(world, "everything", THREAD)
    await world.command("config set", CHANNEL, ADMIN, key="keep", value="everything", scope="workspace")
    await world.command("limits set", CHANNEL, ADMIN, amount="9", of="requests", per="month")
    for number, place in enumerate((THREAD, replace(THREAD, thread="another"), CHANNEL, OTHER)):
        await world.say(f"asked-{number}", place)
        await overhear(world, f"heard-{number}", place)
    words = [f"{kind}-{number}" for kind in ("asked", "heard") for number in range(4)]
    await world.intake.place_deleted(replace(THREAD, name=""))
    assert await world.app.services.retention.delete_expired()
    assert await files.holding(*words) == [word for word in words if not word.endswith("0")]
    await world.intake.place_deleted(replace(CHANNEL, name=""))
    assert await world.app.services.retention.delete_expired()
    assert await files.holding(*words) == ["asked-3", "heard-3"]
    (used,) = await world.store.usage.totals(("person",), 0)
    assert (used.key, used.requests) == ((ANN.id,), 4), "what was used is counted all the same"


async def test_what_waits_where_a_channel_vanishes_is_dropped(world: World, files: Files) -> None:
    gate = asyncio.Event()
    world.hold(gate)
    drafts = [await world.offer(f"asked-{number}", THREAD) for number in range(2)]
    await world.intake.place_deleted(CHANNEL)
    await world.active.idle()
    assert await world.app.services.retention.delete_expired()
    assert [draft.answers[-1].notes for draft in drafts if draft] == [
        ("This question was deleted before I answered it.",)
    ] * 2
    assert await files.holding("asked-") == []


async def test_edits_reach_waiting_and_running_questions(world: World, files: Files) -> None:
    gate = asyncio.Event()
    play(world.main, gate, Text("done"), Done())
    plan = (Attachment("plan.pdf"),)
    first = await world.offer("first-wrong", THREAD, attachments=plan)
    second = await world.offer("second-wrong", THREAD)
    await world.wait(lambda: world.main.prompts)
    await world.intake.edited(THREAD, "m101", "first-right")
    await world.intake.edited(THREAD, "m102", "second-right")
    gate.set()
    assert first
    assert second
    await second.finished.wait()
    await world.active.idle()
    assert [prompt[-1].text.splitlines()[0] for prompt in world.main.prompts] == [
        "Ann: first-wrong",
        "Ann: second-right",
    ]
    remark = "(Attached, but not readable for you: plan.pdf)"
    assert await texts(world, 1) == [f"first-right\n{remark}", "done", "second-right", "done"]
    await world.app.services.retention.delete_expired()
    assert await files.holding("first-wrong", "second-wrong") == []


async def test_an_edit_survives_a_crash(world: World) -> None:
    gate = asyncio.Event()
    world.hold(gate)
    await world.offer("first-wrong", THREAD)
    await world.intake.edited(THREAD, "m101", "first-right")
    await world.queue.aclose(0)
    await world.start()
    await world.offer("second-wrong", THREAD)
    await world.intake.edited(THREAD, "m102", "second-right")
    gate.set()
    await world.queue.recover("discord")
    await world.active.idle()
    assert await texts(world, 1) == ["first-right", "at last", "second-right", "at last"]


async def test_a_deleted_question_goes_with_its_answers(world: World, files: Files) -> None:
    await world.say("secret-question", THREAD)
    play(world.main, Text("secret-answer"), Done())
    await world.command("retry", THREAD)
    world.main.script = MemoryBackend().script
    await world.say("hers", THREAD, BEN)
    await world.intake.deleted(THREAD, ["unknown", "m101"])
    assert await texts(world, 1) == ["hers", "Ben: hers"]
    assert await world.app.services.retention.delete_expired()
    assert await files.holding("secret-question", "secret-answer") == []


async def test_a_deleted_answer_goes_and_its_question_stays(world: World, files: Files) -> None:
    play(world.main, Text("secret-answer"), Done())
    asked = await world.say("question", THREAD)
    await world.store.requests.part_creating(asked.log.request_id, 1, "second part")
    await world.store.requests.part_created(asked.log.request_id, 1, "second part's message")
    await world.intake.deleted(OTHER, ["second part's message"])
    assert await texts(world, 1) == ["question", "secret-answer"]
    await world.intake.deleted(THREAD, ["second part's message"])
    assert await texts(world, 1) == ["question"]
    assert await world.app.services.retention.delete_expired()
    assert await files.holding("secret-answer", "question") == ["question"]


async def test_deleting_a_part_of_a_draft_changes_nothing(world: World) -> None:
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


async def test_a_question_deleted_before_its_answer_is_dropped(world: World, files: Files) -> None:
    gate = asyncio.Event()
    play(world.main, Text("half an answer"), gate, Done())
    running, waiting = await world.offer("secret-one", THREAD), await world.offer("secret-two", THREAD)
    assert running
    assert waiting
    await running.wrote.wait()
    await world.intake.deleted(THREAD, ["m101", "m102"])
    for draft in (running, waiting):
        await draft.finished.wait()
        assert "deleted" in answer_text(draft)
    await world.active.idle()
    assert await world.app.services.retention.delete_expired()
    assert await files.holding("secret-one", "secret-two", "half an answer") == []
    assert len(world.main.prompts) == 1


# By itself ------------------------------------------------------------------------------------------------------------


async def test_expired_data_of_a_place_are_deleted(
    world: World, files: Files, database_clock: SetClock, tmp_path: Path
) -> None:
    for place, days in ((CHANNEL, "10"), (OTHER, "0")):
        await world.command("config set", place, ADMIN, key="retention_days", value=days, scope="channel")
    ages(database_clock, days=11)
    await world.say("old-thread", THREAD)
    await world.say("old-other", OTHER)
    await world.say("old-elsewhere", ELSEWHERE)
    ages(database_clock, days=9)
    await world.say("newer-thread", THREAD)
    assert await world.app.services.retention.delete_expired()
    assert await files.holding("old-thread", "old-other", "old-elsewhere", "newer-thread") == [
        "old-other",
        "old-elsewhere",
        "newer-thread",
    ]
    assert await texts(world, 1) == ["newer-thread", "Ann: newer-thread"]
    (entry,) = await world.store.records.audit("discord", "guild", action="retention")
    assert entry.after == "2 messages"
    world.clock = lambda: time() + 1_000 * retention.DAY
    await world.start()
    await world.store.history.keep_clock_reading(ClockReading(world.clock(), world.clock()))
    await world.app.services.retention.load()
    assert await world.app.services.retention.delete_expired()
    assert await files.holding("old-other", "old-elsewhere", "newer-thread") == ["old-other"]
    assert await rows_of(tmp_path, "SELECT count(*) FROM audit") == [(0,)]
    assert await rows_of(tmp_path, "SELECT DISTINCT channel FROM requests JOIN places ON places.id = place") == [
        ("other",)
    ]


async def test_expired_data_are_deleted_every_hour(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "EXPIRY_SECONDS", 0.01)
    monkeypatch.setattr(retention, "RETRY_SECONDS", 0.01)
    tidied = 0
    times = asyncio.Event()
    delete_expired = world.app.services.retention.delete_expired

    async def counted() -> bool:
        nonlocal tidied
        tidied += 1
        if tidied == 2:
            raise StoreError("The disk is full.")
        if tidied == 4:
            times.set()
        return await delete_expired()

    monkeypatch.setattr(world.app.services.retention, "delete_expired", counted)
    running = asyncio.create_task(world.app.background_jobs["retention"]())
    await times.wait()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()


async def test_no_query_reads_a_whole_table(store: Database, tmp_path: Path) -> None:
    extents = (
        Extent("discord", person="1"),
        Extent("discord", "guild", person="1"),
        Extent("discord", "guild", "general"),
        Extent("discord", "guild", "general", "thread"),
        Extent("discord", "guild", conversation=1),
    )
    queries = [
        deletion.turns(chosen) for chosen in (deletion.asked_by(CHANNEL, "m"), deletion.answered_by(CHANNEL, "m"))
    ]
    queries += [deletion.turns(deletion.older(1, 1)), deletion.requests(deletion.older(1, 1), "r.person <> ''")]
    for extent in extents:
        queries += [deletion.turns(deletion.within(extent, 1)), deletion.waiting(deletion.within(extent, 1))]
        queries += [deletion.overheard(extent), deletion.conversations(extent), deletion.votes(extent, 1)]

    def scans() -> list[str]:
        connection = sqlite3.connect(tmp_path / "shoulders.db")
        plans = [connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall() for sql, values in queries]
        connection.close()
        return [step[3] for plan in plans for step in plan if step[3].startswith("SCAN ")]

    assert await asyncio.to_thread(scans) == []


async def test_a_big_past_goes_in_small_steps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.sqlite.history.BATCH", 3)
    for number in range(10):
        await world.say(f"one of {number}", THREAD)
    await forget(world, "me", THREAD)
    assert await texts(world, 1) == []


# Uninstalling ---------------------------------------------------------------------------------------------------------


async def test_removing_the_bot_deletes_all_its_data(world: World, files: Files) -> None:
    ann, root = replace(ANN, name="Annette"), replace(ADMIN, name="Bo55")
    theirs = replace(CHANNEL, name="#their-channel")
    for command, arguments in {
        "config set": {"key": "system_prompt", "value": "Their-prompt", "scope": "workspace"},
        "persona make": {"name": "pirate", "prompt": "Their-persona"},
        "access deny": {"who": "role:7|their-role", "what": "/ask"},
        "limits set": {"who": "person:77|Their-friend", "amount": "7", "of": "requests", "per": "day"},
        "forget person": {"who": "person:78|Their-foe", "sure": "yes"},
        "config reset": {"key": "retention_days", "scope": "workspace"},
    }.items():
        await world.command(command, theirs, root, **arguments)
    await keep(world, "everything", theirs)
    await overhear(world, "their-talk", theirs, ann)
    await world.say("their-secret", replace(theirs, thread="thread"), ann)
    await world.say("elsewhere", ELSEWHERE)
    words = ("their-", "Their-", "Annette", "Bo55", "pirate", "elsewhere")
    assert await files.holding(*words) == list(words)
    await world.intake.uninstalled("discord", "guild")
    assert await world.app.services.retention.delete_expired()
    assert await files.holding(*words) == ["elsewhere"]
    assert "Their-prompt" not in world.app.services.administration.settings(CHANNEL).system_prompt
    assert await world.intake.workspaces("discord") == {"another guild"}
    (entry,) = await world.store.records.audit("discord", "guild")
    assert (entry.person.name, entry.action, entry.target, entry.after) == ("Shoulders", "uninstalled", "", "")
    assert entry.at > (time() - 60) * 1_000


async def test_a_removal_waits_for_shown_answers(world: World, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, finish = asyncio.Event(), MemoryDraft.finish

    async def slowly(draft: MemoryDraft, answer: Answer) -> None:
        await gate.wait()
        await finish(draft, answer)

    monkeypatch.setattr(MemoryDraft, "finish", slowly)
    monkeypatch.setattr("bot.administration.departures.PAUSES", (0.0,))
    await world.offer("their-secret", CHANNEL)
    await world.intake.uninstalled("discord", "guild")
    assert not await world.app.services.retention.delete_expired()
    assert await world.store.history.departures() == [Departure("discord", "guild", 0)]
    gate.set()
    await world.active.idle()
    assert await world.app.services.retention.delete_expired()
    assert await files.holding("their-secret", "Ann", "#general") == []
    assert await world.store.history.departures() == []


async def test_an_answer_that_ends_does_not_delay_removal(world: World) -> None:
    world.hold(asyncio.Event())
    await world.offer("their-secret", CHANNEL)
    await world.intake.uninstalled("discord", "guild")
    assert await world.app.services.retention.delete_expired()
    assert await world.store.history.departures() == []


async def test_what_another_version_set_goes_with_its_workspace(world: World, tmp_path: Path) -> None:
    unknown = Setting(Scope("discord", "guild"), "unheard_of", '"their-secret"')
    await world.store.records.keep([RecordChange(unknown)], ())
    await world.intake.uninstalled("discord", "guild")
    await world.app.services.retention.delete_expired()
    assert await rows_of(tmp_path, "SELECT * FROM settings") == []


async def test_what_is_to_be_kept_is_kept(world: World) -> None:
    await world.command("config set", CHANNEL, ADMIN, key="on_uninstall", value="keep", scope="workspace")
    await world.say("stays", THREAD)
    await world.intake.uninstalled("discord", "guild")
    assert await world.app.services.retention.delete_expired()
    assert await texts(world, 1) == ["stays", "Ann: stays"]
    assert await world.store.history.departures() == []


async def test_a_restart_finishes_an_interrupted_removal(world: World, files: Files) -> None:
    await world.say("their-secret", THREAD)
    await world.store.history.add_departure(Departure("discord", "guild", 0))
    await world.start()
    await world.app.services.retention.delete_expired()
    assert await files.holding("their-secret") == []
    assert await world.store.history.departures() == []


# Overhearing ----------------------------------------------------------------------------------------------------------


async def overhear(world: World, text: str, place: Place = CHANNEL, person: Person = BEN, message: str = "") -> None:
    request = world.request("chat", place, person, {"text": text})
    await world.intake.overhear(replace(request, message=message or f"m{world.acts}", addressed=False))


async def keep(world: World, what: str, place: Place = CHANNEL) -> None:
    await world.command("config set", place, ADMIN, key="keep", value=what, scope="channel")


async def test_messages_between_people_need_the_setting(world: World, files: Files) -> None:
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
    assert prompt_turns(world)[0][1] == "Said here before, for context:\nBen: The build is red.\n\nAnn: why?"


async def test_only_the_latest_messages_are_read_once(world: World) -> None:
    await keep(world, "everything")
    await world.command("config set", CHANNEL, ADMIN, key="context_messages", value="2", scope="channel")
    for number in range(4):
        await overhear(world, f"line {number}", message=f"x{number}")
    await world.say("why?", CHANNEL, message="x4")
    await overhear(world, "why?", CHANNEL, ANN, message="x4")
    await world.say("really?", CHANNEL)
    assert prompt_turns(world)[-1][1] == "Said here before, for context:\nBen: line 3\n\nAnn: really?"


async def test_the_platform_has_messages_that_are_not_stored(world: World) -> None:
    await keep(world, "everything")
    await overhear(world, "Later words", message="x2")
    world.adapter.context_messages = [Message("x1", "Ben", "Old words"), Message("x2", "Ben", "Later words")]
    await world.say("what of this?", CHANNEL, replies_to="x1")
    assert "Ben: Old words\nBen: Later words\n\n" in prompt_turns(world)[0][1]
    await world.say("and this?", CHANNEL, replies_to="x2")
    assert "Old words" not in prompt_turns(world)[-1][1]


async def test_a_thread_is_read_from_its_beginning(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await keep(world, "threads")
    await overhear(world, "Second words", THREAD, message="x2")
    world.adapter.context_messages = [Message("thread", "Ben", "First words"), Message("x2", "Ben", "Second words")]
    await world.say("what of this?", THREAD)
    assert "Ben: First words\nBen: Second words\n\n" in prompt_turns(world)[0][1]
    await keep(world, "everything")
    await overhear(world, "First words", CHANNEL, message="thread")
    monkeypatch.setattr(world.adapter, "context", None)
    await world.say("and now?", THREAD)
    assert prompt_turns(world)[-1][1].count(" words") == 2


async def test_overheard_messages_need_the_present_setting(world: World, files: Files) -> None:
    await keep(world, "everything")
    await overhear(world, "heard-before")
    await keep(world, "nothing")
    await world.say("why?", CHANNEL)
    assert "heard-before" not in prompt_turns(world)[0][1]
    assert await world.app.services.retention.delete_expired()
    assert await files.holding("heard-before") == []


async def test_overheard_messages_follow_edits_and_deletions(world: World, files: Files) -> None:
    await keep(world, "everything")
    for number in range(4):
        await overhear(world, f"heard-{number}-", message=f"x{number}")
    await overhear(world, "heard-ann", person=ANN, message="x9")
    await world.intake.edited(CHANNEL, "x0", "edited-0-")
    await world.intake.deleted(CHANNEL, ["x1"])
    await world.app.services.retention.delete_expired()
    assert await files.holding("heard-0-", "edited-0-", "heard-1-", "heard-2-") == ["edited-0-", "heard-2-"]
    assert "3 messages between people" in answer_text(await world.command("forget me", CHANNEL, BEN))
    await forget(world, "me", CHANNEL, BEN)
    assert await files.holding("edited-0-", "heard-2-", "heard-3-", "heard-ann") == ["heard-ann"]
    await forget(world, "channel", CHANNEL, ADMIN)
    assert await files.holding("heard-ann") == []


async def test_what_was_overheard_gets_too_old(world: World, files: Files, database_clock: SetClock) -> None:
    await keep(world, "everything")
    ages(database_clock, days=91)
    await overhear(world, "heard-old")
    ages(database_clock, days=89)
    await overhear(world, "heard-new")
    assert await world.app.services.retention.delete_expired()
    assert await files.holding("heard-old", "heard-new") == ["heard-new"]


# Feedback -------------------------------------------------------------------------------------------------------------


async def test_a_rating_can_be_changed(world: World, tmp_path: Path) -> None:
    assert labels(await world.say("one", CHANNEL)) == []
    await world.command("config set", CHANNEL, ADMIN, key="feedback", value="on", scope="channel")
    answered = await world.say("two", CHANNEL)
    assert labels(answered) == ["👍", "👎"]
    good, bad = answered.answers[-1].choices
    thanks = await world.command(good.command, CHANNEL, ANN, **good.arguments)
    assert answer_text(thanks).startswith("Thank you for your rating: 👍")
    assert thanks.request.private
    await world.command(bad.command, CHANNEL, ANN, **bad.arguments)
    await world.command(good.command, CHANNEL, BEN, **good.arguments)
    votes = "SELECT person, good, model FROM votes ORDER BY person"
    assert await rows_of(tmp_path, votes) == [(ANN.id, 0, "main"), (BEN.id, 1, "main")]
    assert "1 rating" in answer_text(await world.command("forget me", CHANNEL))
    await forget(world, "me", CHANNEL)
    assert await rows_of(tmp_path, votes) == [(BEN.id, 1, "main")]
    assert "no longer store" in answer_text(await world.command(good.command, CHANNEL, ANN, **good.arguments))


async def test_an_answer_is_rated_where_it_was_given(world: World) -> None:
    await world.say("one", CHANNEL)
    for about in ("1", "99", "x"):
        assert "does not belong to this channel" in answer_text(
            await world.command("feedback", OTHER, request=about, good="yes")
        )


async def test_a_broken_answer_offers_a_retry_not_ratings(world: World) -> None:
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


async def test_an_export_has_only_the_persons_data(world: World) -> None:
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
    assert document["shape"] == export_file.SHAPE
    assert all(word in text for word in ("mine-one", "mine-direct", "mine-private", "overheard-mine", "Welsh"))
    assert "hers" not in text
    parts = ("conversations", "overheard", "ratings", "usage", "audit")
    assert [len(document[part]) for part in parts] == [3, 1, 1, 1, 1]  # type: ignore[arg-type]  # lists


async def test_an_export_omits_private_data_of_others(world: World) -> None:
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
    assert [entry.action for entry in await world.store.records.audit("discord", "guild", action="export")] == [
        "export everything",
        "export channel",
    ]


def test_a_large_copy_is_packed() -> None:
    (file,) = export_file.ExportFile("Bot", "Ann", "export-me", {"language": "x" * export_file.LARGEST}).files()
    assert file.name == "export-me.json.gz"
    assert json.loads(gzip.decompress(file.content))["settings"]["language"] == "x" * export_file.LARGEST
    assert len(file.content) < export_file.LARGEST


# In words -------------------------------------------------------------------------------------------------------------


async def test_privacy_says_what_is_in_force_here(world: World) -> None:
    plain = answer_text(await world.command("privacy", CHANNEL, Person("9", "Gil", guest=True)))
    assert "here, in #general" in plain
    assert "answers for 90 days" in plain
    assert "do not store messages between people" in plain
    assert "a test (main, spare)" in plain
    assert "everywhere on Discord" in plain
    assert "for 2 years" in plain
    assert "👍" not in plain
    for key, value in (("retention_days", "1"), ("keep", "everything"), ("feedback", "on"), ("contact", "Root")):
        await world.command("config set", CHANNEL, ADMIN, key=key, value=value, scope="channel")
    changed = answer_text(await world.command("privacy", CHANNEL))
    assert "answers for 1 day," in changed
    assert "I store messages between people in this channel for 1 day" in changed
    assert "👍" in changed
    assert "per person and model for 32 days" in changed
    assert "Questions about this: Root." in changed
    await world.command("config set", CHANNEL, ADMIN, key="retention_days", value="0", scope="channel")
    assert "answers until somebody deletes it" in answer_text(await world.command("privacy", CHANNEL))
    direct = answer_text(await world.command("privacy", DIRECT))
    assert "messages between people" not in direct
    assert "for 90 days" in direct
