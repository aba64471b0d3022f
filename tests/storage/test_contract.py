"""The contract of every database: one row an act, conversations as people expect them, nothing half-done."""

from __future__ import annotations

import pkgutil
from dataclasses import replace

import pytest

import storage
from bot.interfaces.catalogue import AddedModel
from bot.interfaces.database import Database
from bot.interfaces.history import ALL, ClockReading, Departure, Extent, HistoryCounts
from bot.interfaces.messages import Act, Request, StoredTarget, Subject, Turn
from bot.interfaces.records import AuditEntry, Limit, Persona, RecordChange, Rule, Scope, Setting
from bot.interfaces.replies import Answer, Part, Usage
from bot.interfaces.store import Accepted, Continuation, RequestOutcome
from bot.interfaces.usage import Grouping, ModelCall, RatingTotal
from tests.clock import SetClock
from tests.storage.databases import DATABASES
from tests.storage.desk import AGAIN, ANN, BEN, CHANNEL, DIRECT, STEER, THREAD, Desk

DEEDS = ((ANN, "config set"), (BEN, "rule"), (ANN, "refused"))
"""Who did what, for the audit."""


async def test_an_act_is_accepted_once(desk: Desk) -> None:
    first = await desk.must(CHANNEL, act=Act("same", 1))
    assert await desk.say(CHANNEL, act=Act("same", 1)) is None
    assert await desk.say(replace(CHANNEL, workspace="other"), act=Act("same", 1)) is not None
    assert first.conversation > 0


async def test_a_store_that_forgets_is_noticed(desk: Desk, store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    accept = store.requests.accept

    async def forgetful(request: Request, continuation: Continuation) -> Accepted | None:
        desk.acts += 1
        return await accept(replace(request, act=Act(f"new {desk.acts}", desk.acts)), continuation)

    monkeypatch.setattr(store.requests, "accept", forgetful)
    with pytest.raises(AssertionError):
        await test_an_act_is_accepted_once(desk)


async def test_a_mention_continues_ones_own_recent_conversation(desk: Desk) -> None:
    first = await desk.must(CHANNEL)
    assert (await desk.must(CHANNEL)).conversation == first.conversation
    assert (await desk.must(CHANNEL, BEN)).conversation != first.conversation
    assert (await desk.must(CHANNEL, window=-1)).conversation != first.conversation
    assert (await desk.must(replace(CHANNEL, channel="random"))).conversation != first.conversation


async def test_a_thread_is_one_conversation_for_all(desk: Desk) -> None:
    first = await desk.must(THREAD)
    assert (await desk.must(THREAD, BEN, addressed=False)).conversation == first.conversation


async def test_a_thread_without_the_bot_leaves_nothing(desk: Desk, store: Database) -> None:
    assert await desk.say(THREAD, addressed=False) is None
    assert await store.conversations.recent_places("discord", 0) == []
    assert await store.requests.unfinished("discord") == []


async def test_a_reply_continues_what_it_replies_to(desk: Desk, store: Database) -> None:
    first = await desk.must(CHANNEL)
    await desk.answer(first, "one?", "one")
    second = await desk.must(CHANNEL, window=-1)
    await desk.answer(second, "two?", "two")
    branch = await desk.must(CHANNEL, BEN, replies_to=f"a{first.id}")
    assert branch.conversation == first.conversation
    turn = await store.conversations.turn_of_message(CHANNEL, f"a{first.id}")
    assert [turn.text for turn in await store.conversations.turns(first.conversation, turn)] == ["one?", "one"]
    elsewhere = replace(CHANNEL, channel="secret")
    assert await store.conversations.turn_of_message(elsewhere, f"a{first.id}") is None


async def test_known_messages_are_those_in_reach(desk: Desk, store: Database) -> None:
    accepted = await desk.must(CHANNEL)
    await desk.answer(accepted, "one?", "one")
    unanswered = await desk.must(CHANNEL, window=-1)
    asked, answered = accepted.request.message, f"a{accepted.id}"
    messages = [asked, answered, unanswered.request.message, "never said", ""]
    known = store.conversations.known_messages
    assert await known(CHANNEL, messages) == {asked, answered}
    assert await known(replace(CHANNEL, thread=answered), messages) == {answered}
    assert await known(replace(CHANNEL, channel="secret"), messages) == set()
    assert await known(CHANNEL, []) == set()


async def test_a_thread_on_an_answer_continues_it(desk: Desk) -> None:
    first = await desk.must(CHANNEL)
    await desk.answer(first, "one?", "one")
    grown = replace(CHANNEL, thread=f"a{first.id}")
    assert (await desk.must(grown, addressed=False)).conversation == first.conversation


async def test_private_and_public_are_kept_apart(desk: Desk) -> None:
    public = await desk.must(CHANNEL)
    private = await desk.must(CHANNEL, private=True)
    assert private.conversation != public.conversation
    assert (await desk.must(CHANNEL)).conversation == public.conversation
    assert (await desk.must(DIRECT, private=True)).conversation == (await desk.must(DIRECT)).conversation


async def test_new_ends_a_conversation(desk: Desk, store: Database) -> None:
    for place in (CHANNEL, THREAD, DIRECT):
        first = await desk.must(place)
        await store.conversations.close_conversation(first.conversation)
        assert (await desk.must(place)).conversation != first.conversation


async def test_private_conversations_in_threads_are_personal(desk: Desk) -> None:
    mine = await desk.must(THREAD, private=True)
    assert (await desk.must(THREAD, private=True)).conversation == mine.conversation
    assert (await desk.must(THREAD, BEN, private=True)).conversation != mine.conversation
    assert await desk.say(THREAD, addressed=False) is None, "a private question does not make the bot take part"


async def test_a_public_retry_finds_no_private_conversation(desk: Desk) -> None:
    private = await desk.must(CHANNEL, private=True)
    assert (await desk.must(CHANNEL, command=AGAIN)).conversation == 0
    button = {"request": str(private.id)}
    assert (await desk.must(CHANNEL, command=AGAIN, arguments=button)).conversation == 0
    pressed = await desk.must(CHANNEL, command=AGAIN, arguments=button, private=True)
    assert pressed.conversation == private.conversation
    assert (await desk.must(CHANNEL, command=STEER)).conversation == private.conversation


async def test_after_new_a_thread_begins_another_conversation(desk: Desk, store: Database) -> None:
    answered = await desk.must(CHANNEL)
    await desk.answer(answered, "one?", "one")
    for thread in (THREAD, replace(CHANNEL, thread=f"a{answered.id}")):
        first = await desk.must(thread)
        new = await desk.must(thread, command=STEER)
        assert new.conversation == first.conversation
        await store.conversations.close_conversation(first.conversation)
        assert (await desk.must(thread, addressed=False)).conversation != first.conversation


async def test_a_thread_continues_a_conversation_left_before(
    desk: Desk, store: Database, database_clock: SetClock
) -> None:
    database_clock.read = iter(range(1_000)).__next__
    first = await desk.must(CHANNEL)
    await desk.answer(first, "one?", "one")
    await store.conversations.close_conversation(first.conversation)
    grown = replace(CHANNEL, thread=f"a{first.id}")
    for _ in range(2):
        assert (await desk.must(grown, addressed=False)).conversation == first.conversation


async def test_steering_finds_the_nearest_conversation(desk: Desk, store: Database) -> None:
    mine, _hers, in_thread = await desk.must(CHANNEL), await desk.must(CHANNEL, BEN), await desk.must(THREAD, BEN)
    assert (await desk.must(CHANNEL, command=STEER)).conversation == mine.conversation
    assert (await desk.must(THREAD, command=STEER)).conversation == in_thread.conversation
    assert (await desk.must(DIRECT, command=STEER)).conversation == 0
    found = await store.conversations.find(DIRECT, ANN.id, Continuation(("direct messages", "new")))
    assert found is not None
    assert (await desk.must(DIRECT)).conversation == found.id


async def test_a_button_finds_its_own_request(desk: Desk) -> None:
    first = await desk.must(CHANNEL)
    await desk.must(CHANNEL, window=-1)
    about = {"request": str(first.id)}
    assert (await desk.must(CHANNEL, command=STEER, arguments=about)).conversation == first.conversation
    elsewhere = replace(CHANNEL, channel="other")
    assert (await desk.must(elsewhere, command=STEER, arguments=about)).conversation == 0


async def test_unfinished_requests_come_back_unchanged(desk: Desk, store: Database) -> None:
    target = StoredTarget('{"channel": "general"}')
    waiting = await desk.must(CHANNEL, arguments={"text": "hello?"}, reply_target=target)
    drawn = await desk.must(THREAD)
    await store.requests.begin(drawn.id)
    await store.requests.part_creating(drawn.id, 0, "hel")
    await store.requests.part_created(drawn.id, 0, "m9")
    await store.requests.part_creating(drawn.id, 1, "lo")
    answered = await desk.must(DIRECT)
    answer = Answer("text", ("note",))
    await store.requests.answered(answered, RequestOutcome(answer))
    left = await store.requests.unfinished("discord")
    assert [one.accepted for one in left] == [waiting, drawn, answered]
    assert [one.attempts for one in left] == [1, 2, 1]
    assert left[1].parts == [Part(0, "hel", "m9"), Part(1, "lo")]
    assert [one.answer for one in left] == [None, None, answer]
    assert await store.requests.unfinished("slack") == []


async def test_an_ended_request_is_known_but_not_unfinished(desk: Desk, store: Database) -> None:
    accepted = await desk.must(CHANNEL, arguments={"text": "hello?"})
    await desk.answer(accepted, "hello?", "hi")
    assert await store.requests.unfinished("discord") == []
    assert await desk.say(CHANNEL, act=accepted.request.act) is None
    assert await store.conversations.asker(accepted.id) == (CHANNEL, ANN.id)


async def test_the_first_answer_stands(desk: Desk, store: Database) -> None:
    accepted = await desk.must(CHANNEL)
    for text in ("first", "second"):
        await store.requests.answered(
            accepted, RequestOutcome(Answer(text), None, Turn(0, None, "user", "1", "Ann", "q"), None)
        )
    assert len(await store.conversations.turns(accepted.conversation)) == 1
    left = await store.requests.unfinished("discord")
    assert left[0].answer == Answer("first")


async def test_turns_chain_from_the_first_to_the_newest(desk: Desk, store: Database) -> None:
    first = await desk.must(DIRECT)
    await desk.answer(first, "one?", "one")
    newest = (await store.conversations.turns(first.conversation))[-1]
    second = await desk.must(DIRECT)
    await desk.answer(second, "two?", "two", parent=newest.id)
    assert [turn.text for turn in await store.conversations.turns(first.conversation)] == ["one?", "one", "two?", "two"]
    assert [turn.text for turn in await store.conversations.turns(first.conversation, limit=2)] == ["two?", "two"]
    conversation = await store.conversations.conversation(first.conversation)
    assert conversation.label == "“one?”"
    question = await store.conversations.question_of(second.id)
    assert question is not None
    assert question.text == "two?"


async def test_a_conversation_has_a_title_before_answers(desk: Desk, store: Database) -> None:
    accepted = await desk.must(CHANNEL, arguments={"text": "How long\nis a piece of string?"})
    assert (await store.conversations.conversation(accepted.conversation)).label == "“How long is a piece of string?”"


async def test_a_conversation_keeps_its_model(desk: Desk, store: Database) -> None:
    accepted = await desk.must(DIRECT)
    await store.conversations.set_model(accepted.conversation, "big")
    assert (await store.conversations.conversation(accepted.conversation)).model == "big"
    await store.conversations.set_model(accepted.conversation, "")
    assert (await store.conversations.conversation(accepted.conversation)).model == ""


async def test_usage_is_summed_up_by_every_key(store: Database) -> None:
    other, direct = replace(CHANNEL, workspace="other"), replace(CHANNEL, channel="dm", direct=True, name="")
    await store.usage.add(
        [
            ModelCall(0, 1_000, CHANNEL, ANN, "m", Usage(1, 1), 10, succeeded=True),
            ModelCall(0, 2_000, THREAD, replace(ANN, name="Anne"), "m", Usage(2, 0), 20),
            ModelCall(0, 86_400_000, direct, BEN, "n", Usage(), 0),
            ModelCall(0, 999, other, BEN, "m", Usage(100, 0), 99, succeeded=True),
        ]
    )

    async def sums(*by: Grouping, since: int = 0, **within: str) -> list[tuple[tuple[str, ...], int, int, int]]:
        totals = await store.usage.totals(by, since, **within)  # type: ignore[arg-type]  # no `until` among them
        return [(total.key, total.requests, total.failures, total.cost) for total in totals]

    assert await sums("day", platform="discord", workspace="guild") == [
        (("1970-01-01",), 2, 1, 30),
        (("1970-01-02",), 0, 1, 0),
    ]
    assert await sums("place", "model", workspace="guild") == [(("", "n"), 0, 1, 0), (("general", "m"), 2, 1, 30)]
    assert await sums("workspace", since=1_000) == [(("guild",), 2, 2, 30)]
    assert await sums("channel", person="2", workspace="guild") == [(("dm",), 0, 1, 0)]
    (ann, _) = await store.usage.totals(("person",), 0, workspace="guild")
    assert (ann.person_name, ann.place_name) == ("Anne", "#general")


async def test_decisions_are_kept_replaced_and_removed(store: Database) -> None:
    setting = Setting(Scope("discord", "guild"), "model", '"main"')
    rule = Rule("discord", "guild", Subject("role", "7", "staff"), "bot", allowed=False)
    limit = Limit("discord", "guild", Subject("everyone"), "main", "money", "day", 5)
    persona = Persona("discord", "guild", "pirate", "Speak like a pirate.")
    await store.records.keep([RecordChange(record) for record in (setting, rule, limit, persona)], ())
    allowed = replace(rule, allowed=True)
    await store.records.keep([RecordChange(allowed), RecordChange(persona, removed=True)], ())
    loaded = await store.records.load()
    assert loaded == [setting, rule, limit]
    assert [record.allowed for record in loaded if isinstance(record, Rule)] == [True]


async def test_the_audit_is_found_newest_first(store: Database) -> None:
    entries = [AuditEntry(CHANNEL, person, action) for person, action in DEEDS]
    kept = await store.records.keep((), entries)
    assert await store.records.audit("discord", "guild") == kept[::-1]
    assert await store.records.audit("discord", "guild", person=ANN.id, action="config") == [kept[0]]
    assert await store.records.audit("discord", "guild", limit=1) == [kept[2]]
    assert await store.records.audit("discord", "other") == []
    assert await store.records.unannounced(9) == kept[:2]
    await store.records.announced([kept[0].id])
    assert await store.records.unannounced(9) == [kept[1]]


async def test_added_models_are_kept_replaced_and_removed(store: Database) -> None:
    first = AddedModel("tiny", "maker/x", "a" * 40, "chat", "mit", 10, "discord", "guild")
    await store.catalogue.add(first)
    await store.catalogue.add(replace(first, revision="b" * 40))
    assert [added.revision for added in await store.catalogue.load()] == ["b" * 40]
    await store.catalogue.remove("tiny")
    assert await store.catalogue.load() == []


async def test_a_person_has_one_vote_an_answer(desk: Desk, store: Database) -> None:
    accepted = await desk.must(CHANNEL)
    assert not await store.history.vote(accepted.id, BEN.id, good=True)
    await desk.answer(accepted, "one?", "one")
    for good in (False, True):
        assert await store.history.vote(accepted.id, BEN.id, good=good)
    assert await store.usage.ratings(0, "discord", "guild") == [RatingTotal("m", 1, 0)]


async def test_a_forgotten_person_leaves_others_untouched(desk: Desk, store: Database) -> None:
    for person in (ANN, BEN):
        await desk.answer(await desk.must(CHANNEL, person), f"{person.name}?", "yes")
    ann = Extent("discord", person=ANN.id)
    assert await store.history.count(ann, ALL) == HistoryCounts(questions=1, answers=1)
    await store.history.forget(ann, ALL)
    assert await store.history.count(ann, ALL) == HistoryCounts()
    left = [item.text async for turns, _, _ in store.history.copy(Extent("discord"), BEN.id) for item in turns]
    assert left == ["Ben?", "yes"]


async def test_others_read_no_private_conversation(desk: Desk, store: Database) -> None:
    await desk.answer(await desk.must(CHANNEL, private=True), "secret?", "secret")
    for reader, seen in ((ANN, ["secret?", "secret"]), (BEN, [])):
        copies = store.history.copy(Extent("discord"), reader.id)
        assert [item.text async for turns, _, _ in copies for item in turns] == seen


async def test_overheard_messages_come_back_in_order(desk: Desk, store: Database) -> None:
    for order, text in ((2, "two"), (1, "one"), (3, "three")):
        arguments = {"text": text}
        await store.history.overhear(Request(Act(text, order), CHANNEL, ANN, "chat", arguments, message=text))
    assert [message.text for message in await store.history.overheard(CHANNEL, 3, 9)] == ["one", "two"]
    assert [message.text for message in await store.history.overheard(CHANNEL, 9, 1)] == ["three"]


async def test_departures_are_kept_until_settled(store: Database) -> None:
    first = Departure("slack", "team", 5)
    await store.history.add_departure(first)
    await store.history.add_departure(replace(first, due=9))
    assert await store.history.departures() == [first]
    await store.history.remove_departure("slack", "team")
    assert await store.history.departures() == []


async def test_the_last_reading_of_the_clock_is_kept(store: Database) -> None:
    assert await store.history.clock_reading() is None
    for reading in (ClockReading(1.0, 1.0), ClockReading(2.5, 9.0, 0.5)):
        await store.history.keep_clock_reading(reading)
        assert await store.history.clock_reading() == reading


def test_every_database_is_in_the_table() -> None:
    assert {found.name for found in pkgutil.iter_modules(storage.__path__)} == DATABASES.keys()
